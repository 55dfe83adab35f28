"""A node small enough to test keeper and init alone: `python smallnode.py DIRECTORY`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.init.gatewaywatch import InitTiming
from wakeful_runtime.init.initclient import InitClient, InitRefused, StopOrder
from wakeful_runtime.keeper import keep


def tell(birth: Birth, facts: dict[str, Any]) -> None:
    """Leave facts where the test waits for them, in one step."""
    file = birth.directory.root / f"{birth.path.replace('/', '~')}.{birth.incarnation}.facts"
    scratch = file.with_suffix(".new")
    scratch.write_text(json.dumps(facts))
    scratch.replace(file)


def idle(birth: Birth) -> int:
    tell(birth, {"pid": os.getpid()})
    while True:
        signal.pause()


def leave(birth: Birth) -> int:
    return int(birth.boot)


def fail(birth: Birth) -> int:
    raise ValueError("user code raised")


def look(birth: Birth) -> int:
    """What a new process finds itself to be."""
    tell(
        birth,
        {
            "pid": os.getpid(),
            "session": os.getsid(0),
            "group": os.getpgrp(),
            "random": random.random(),
            "stdin": str(Path("/proc/self/fd/0").readlink()),
            "stdout": str(Path("/proc/self/fd/1").readlink()),
            "open": {each.name: str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.exists()},
            "blocked": sorted(int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])),
            "handlers": sorted(
                int(each)
                for each in signal.valid_signals()
                if signal.getsignal(each) not in (signal.SIG_DFL, signal.SIG_IGN, None, signal.default_int_handler)
            ),
            "threads": len(list(Path("/proc/self/task").iterdir())),
            "name": Path("/proc/self/comm").read_text().strip(),
            "oom": int(Path("/proc/self/oom_score_adj").read_text()),
            "boot": birth.boot.decode(),
        },
    )
    print("a line for the log")
    return 0


def family(birth: Birth) -> int:
    """Every way to get out of a parent's sight."""
    pids: dict[str, int] = {}
    pids["plain"] = subprocess.Popen(["sleep", "1000"]).pid
    pids["setsid"] = subprocess.Popen(["setsid", "sleep", "1000"]).pid
    pids["env -i"] = subprocess.Popen(["env", "-i", "setsid", "sleep", "1000"]).pid
    subprocess.run(["sh", "-c", "setsid sleep 1000 & setsid sleep 1000 &"], check=True)
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())
            while True:
                signal.pause()
        os._exit(0)
    pids["fork without exec"] = int(os.read(read, 20))
    tell(birth, pids)
    while True:
        signal.pause()


def spread(birth: Birth) -> int:
    """A chain that forks, leaves its session and dies, again and again."""
    if os.fork() == 0:
        while True:
            os.setsid()
            if os.fork():
                os._exit(0)
            time.sleep(0.001)
    tell(birth, {"pid": os.getpid()})
    while True:
        signal.pause()


async def gateway(birth: Birth) -> int:
    """Beats, starts one supervisor `sup` that the test speaks for, stops when told; misbehaves if a file says so."""
    mode_file = birth.directory.root / "gateway-mode"
    mode = mode_file.read_text() if mode_file.exists() else ""
    mode_file.unlink(missing_ok=True)
    if mode == "die":
        os._exit(9)
    stop = asyncio.Event()

    def pushed(push: object) -> None:
        if isinstance(push, StopOrder):
            stop.set()

    client = InitClient(birth.directory, birth.path, birth.incarnation, birth.token, on_push=pushed)
    table = await client.connect()
    for held in table:
        if held.exit is not None:
            await client.ack(held.life.path, held.life.incarnation)
    if not any(held.life.path == "sup" and held.exit is None for held in table):
        try:
            await client.fork("sup", "idle", None)
        except InitRefused as refused:
            print(refused, flush=True)
    tell(birth, {"pid": os.getpid()})
    if mode == "silent":
        await asyncio.sleep(1000)
    while not stop.is_set():
        await client.beat(timeout=30.0)
        try:
            await asyncio.wait_for(stop.wait(), 0.1)
        except TimeoutError:
            continue
    if mode == "deaf":
        while True:
            await client.beat()
            await asyncio.sleep(0.1)
    await client.stopped()
    await client.close()
    return 0


def enter(birth: Birth) -> int:
    """Kind -> what it does."""
    if birth.kind == "gateway":
        return asyncio.run(gateway(birth))
    return {"idle": idle, "leave": leave, "fail": fail, "look": look, "family": family, "spread": spread}[birth.kind](
        birth
    )


def main(root: str, preload: list[str]) -> int:
    """Keep a small node there; one line when it is ready."""
    timing = InitTiming(beat_silence=1.0, backoff_first=0.05, backoff_most=0.5, sweep_deadline=2.0, init_silence=3.0)
    try:
        return keep(
            NodeDirectory(root),
            enter,
            preload=preload,
            on_ready=lambda gateway: print("ready", gateway, flush=True),
            timing=timing,
        )
    except NodeError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
