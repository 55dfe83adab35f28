"""Forks hosted lives for the tests: a process of its own, single-threaded, with the host's modules imported.

Reads one JSON object a line: `{path, kind, incarnation, token, directory, boot (hex), owner}`; writes `{pid, at}` for
each fork and `{exit: pid, status}` for each end, `status` as subprocess has it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.system.host.fake_store import FakeStore

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.host import host, stage
from wakeful_runtime.init.birth import Birth, leave, leave_parent, open_stdio, renew_streams, reset_handlers, set_title


def say(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def fork(asked: dict[str, Any]) -> None:
    at = time.monotonic()
    pid = os.fork()
    if pid:
        say(pid=pid, at=at)
        return
    status = 70
    try:
        directory = NodeDirectory(asked["directory"])
        open_stdio(directory, asked["path"])
        renew_streams()
        leave_parent(keep=())
        set_title(f"wakeful: {asked['path']}")
        reset_handlers()
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        birth = Birth(
            path=asked["path"],
            kind=asked["kind"],
            incarnation=asked["incarnation"],
            token=asked["token"],
            directory=directory,
            boot=bytes.fromhex(asked["boot"]),
            owner=asked["owner"],
            pid=os.getpid(),
            forked_at=at,
        )
        host.GO_WAIT = asked["go_wait"]
        status = host.main(birth)
    finally:
        leave(status)


def main() -> None:
    vars(stage)["StoreClient"] = FakeStore
    gc.collect()
    gc.freeze()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    say(ready=True)
    buffer = b""
    while True:
        ready, _, _ = select.select([0, read], [], [])
        if read in ready:
            os.read(read, 4096)
            reap()
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                return
            buffer += data
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                fork(json.loads(line))


def reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        say(exit=pid, status=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
