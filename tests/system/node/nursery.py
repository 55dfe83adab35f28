"""Keepers forked from one warm process: what a node imports is most of what a short test costs.

A keeper is a process of its own all the same, as `python -m wakeful_runtime.keeping_node` makes one; the tests of the
command line, of the demo and of the documents start theirs that way.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[3]
LARGEST = 1 << 17
LASTING: set[int] = set()
"""Processes that outlive the test that happened to start them."""


class ForkedKeeper:
    """As much of a `Popen` as tests need; its parent is gone, so it has fallen to this process, a subreaper."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.returncode = 0  # somebody has reaped it with the orphans
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"keeper {self.pid}", timeout)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Nursery:
    """The warm process; it ends with this one."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            )
        LASTING.add(self._process.pid)

    def keeper(self, directory: Path, environment: dict[str, str], said: IO[bytes]) -> ForkedKeeper:
        """One that reads its plan from its standard input and says `ready` on its output."""
        read_plan, write_plan = os.pipe()
        read_word, write_word = os.pipe()
        descriptors = (read_plan, write_word, said.fileno())
        try:
            order = json.dumps({"directory": str(directory), "environment": environment}).encode()
            socket.send_fds(self._line, [order], descriptors)
            pid = int(self._line.recv(LARGEST))
        finally:
            os.close(read_plan)
            os.close(write_word)
        return ForkedKeeper(pid, os.fdopen(write_plan, "wb"), os.fdopen(read_word, "rb"))


@cache
def nursery() -> Nursery:
    """This test process's own."""
    return Nursery()


def _serve(line: socket.socket) -> None:
    from wakeful_runtime.init.preload import preload
    from wakeful_runtime.roles import PRELOAD

    preload(("wakeful_runtime.keeping_node", *PRELOAD))
    while True:
        order, descriptors, _, _ = socket.recv_fds(line, LARGEST, 3)
        if not order:
            return
        line.send(str(_fork_twice(json.loads(order), descriptors)).encode())
        for each in descriptors:
            os.close(each)


def _fork_twice(order: dict[str, object], descriptors: Sequence[int]) -> int:
    read, write = os.pipe()
    between = os.fork()
    if between == 0:
        pid = os.fork()
        if pid == 0:
            _keep(order, descriptors)
        os.write(write, str(pid).encode())
        os._exit(0)
    os.waitpid(between, 0)
    os.close(write)
    with os.fdopen(read) as told:
        return int(told.read())


def _keep(order: dict[str, object], descriptors: Sequence[int]) -> None:
    status = 70
    try:
        os.setsid()
        for number, each in enumerate(descriptors):
            os.dup2(each, number)
        os.closerange(3, 1024)
        environment: dict[str, str] = dict(order["environment"])  # type: ignore[call-overload]
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115

        from wakeful_runtime.keeping_node import main

        status = main([str(order["directory"])])
        sys.stdout.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
