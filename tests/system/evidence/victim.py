"""A process that hangs in the way it is told to, with a control thread that speaks JSON lines over its pipes."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import json
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from wakeful_runtime.evidence.vitals import CONTROL_THREAD
from wakeful_runtime.host import dumps
from wakeful_runtime.host.echo import LoopEcho

LIBC = ctypes.PyDLL(None)
HELD = threading.Lock()
SAID_READY = threading.Event()


def busy() -> None:
    while True:
        pass


def gil_asleep() -> None:
    LIBC.sleep(600)


def gil_spinning() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def locked() -> None:
    HELD.acquire()
    HELD.acquire()


def asleep() -> None:
    time.sleep(600)


async def awaits_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def run(mode: str) -> None:
    await asyncio.sleep(0.05)
    if mode == "await":
        await awaits_for_ever()
    elif mode == "livelock":
        while True:  # noqa: ASYNC110 (it is to spin)
            await asyncio.sleep(0)
    else:
        {"busy": busy, "gil": gil_asleep, "regex": gil_spinning, "lock": locked, "sleep": asleep}[mode]()


def control(loop: asyncio.AbstractEventLoop, began: float) -> None:
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(CONTROL_THREAD)

    def post(call: Any) -> None:
        loop.call_soon_threadsafe(call)

    echo = LoopEcho(post)
    print(json.dumps({"ready": True}), flush=True)
    SAID_READY.set()
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["kind"] == "dump":
            told: dict[str, Any] = {"tasks": dumps.tasks(loop), "threads": dumps.threads()}
        else:
            told = {"loop_age": echo.age(), "facts": {"ready": True, "progress_at": began, "progress_reported": True}}
        print(json.dumps({"nonce": asked["nonce"], **told}), flush=True)


def main() -> None:
    mode, dump = sys.argv[1:]
    file = Path(dump).open("w")  # noqa: SIM115 (open for life)
    faulthandler.register(signal.SIGURG, file=file, all_threads=True)
    sys.setswitchinterval(0.001)
    loop = asyncio.new_event_loop()
    threading.Thread(target=control, args=(loop, time.monotonic()), daemon=True).start()
    SAID_READY.wait()
    loop.run_until_complete(run(mode))


if __name__ == "__main__":
    main()
