"""From SIGKILL to the restarted session's first reply.

The session comes back by the whole path: exit seen and swept, reason and incarnation committed, forked, GO, mailbox,
checkpoint. The baseline is a bare zygote that forks another child when one dies. Rounds alternate.

    python benchmarks/restart.py [--json] [--rounds 25]
"""

from __future__ import annotations

import asyncio
import os
import signal
import time

from measure import arguments, ratio, show
from nodes import RunningNode, answer, caller, node, until
from subjects import Idle, Ping, Step
from zygote import Bare, zygote

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.transport.mailbox import Mailbox

PATH = "m/idle"
PAUSE_S = 0.1
"""The node restarts at most 20 a second."""

EVERY = Heartbeat(every=0.1, timeout=5.0)


async def _restart(running: RunningNode, mailbox: Mailbox) -> float:
    before = await answer(mailbox, PATH, Ping())
    await mailbox.ask(PATH, Step(), 60.0)
    await until(lambda: running.row(PATH)["failures_in_a_row"] == 0, "the checkpoint was not seen as progress")
    await asyncio.sleep(PAUSE_S)
    pid = running.row(PATH)["pid"]
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    await answer(mailbox, PATH, Ping(), above=before)
    return (time.perf_counter() - began) * 1e3


def _again(bare: Bare, pid: int) -> tuple[float, int]:
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    pid = bare.hello()
    return (time.perf_counter() - began) * 1e3, pid


async def _measure(rounds: int) -> dict[str, list[float]]:
    child = Child("idle", Idle, task="idle", heartbeat=EVERY)
    tree = Gateway(Monitor("m", child, max_restarts=1_000_000, within=3600.0), preload=["subjects"])
    took: dict[str, list[float]] = {"session": [], "bare": []}
    with node(tree) as running, zygote(f"ipc://{running.directory.root}/bare", keep=True) as bare:
        bare.fork()
        pid = bare.hello()
        async with caller(running.directory) as mailbox:
            for number in range(rounds + 2):
                session = await _restart(running, mailbox)
                forked, pid = _again(bare, pid)
                if number >= 2:
                    took["session"].append(session)
                    took["bare"].append(forked)
    return took


def main() -> None:
    """Measure and show."""
    given = arguments("SIGKILL to the restarted session's first reply.", rounds=25)
    took = asyncio.run(_measure(given.rounds))
    show("SIGKILL to first reply", "ms", took, {"session / bare": ratio(took, "session", "bare")}, given.json)


if __name__ == "__main__":
    main()
