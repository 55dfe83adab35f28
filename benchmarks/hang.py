"""From the begin of a hang to the next life's first reply, over `every + timeout`.

Three hangs: the loop blocked, the GIL held (by C code), the process stopped. The baseline probes a bare child at the
same `every` and `timeout`, kills it when it stays silent, and has a bare zygote fork another: it takes no evidence,
doubts nothing and keeps nothing. Rounds alternate.

    python benchmarks/hang.py [--json] [--rounds 7]
"""

from __future__ import annotations

import asyncio
import os
import signal
import time

from measure import arguments, ratio, show
from nodes import RunningNode, answer, caller, node, until
from subjects import Hang, Idle, Ping, Step
from zygote import Bare, zygote

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.transport.mailbox import Mailbox

PATH = "m/idle"
EVERY, TIMEOUT = 0.1, 0.3
HANGS = ("loop_blocked", "gil_held", "stopped")


async def _hang(running: RunningNode, mailbox: Mailbox, kind: str) -> float:
    before = await answer(mailbox, PATH, Ping())
    await mailbox.ask(PATH, Step(), 60.0)
    await until(lambda: running.row(PATH)["failures_in_a_row"] == 0, "the checkpoint was not seen as progress")
    pid = running.row(PATH)["pid"]
    began = time.perf_counter()
    if kind == "stopped":
        os.kill(pid, signal.SIGSTOP)
    else:
        mailbox.tell(PATH, Hang(gil=kind == "gil_held"))
    await answer(mailbox, PATH, Ping(), above=before)
    return time.perf_counter() - began - EVERY - TIMEOUT


def _bare(bare: Bare, pid: int) -> tuple[float, int]:
    began = time.perf_counter()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(EVERY)
    bare.ask()
    if bare.answered(TIMEOUT):
        raise SystemExit("a stopped child answered")
    os.kill(pid, signal.SIGKILL)
    pid = bare.hello()
    return time.perf_counter() - began - EVERY - TIMEOUT, pid


async def _measure(rounds: int) -> dict[str, list[float]]:
    child = Child("idle", Idle, task="idle", heartbeat=Heartbeat(every=EVERY, timeout=TIMEOUT))
    tree = Gateway(Monitor("m", child, max_restarts=1_000_000, within=3600.0), preload=["subjects"])
    took: dict[str, list[float]] = {name: [] for name in (*HANGS, "bare")}
    with node(tree) as running, zygote(f"ipc://{running.directory.root}/bare", keep=True) as bare:
        bare.fork()
        pid = bare.hello()
        async with caller(running.directory) as mailbox:
            for _ in range(rounds):
                for kind in HANGS:
                    took[kind].append(await _hang(running, mailbox, kind) * 1e3)
                over, pid = _bare(bare, pid)
                took["bare"].append(over * 1e3)
    return took


def main() -> None:
    """Measure and show."""
    given = arguments("Hang to the next life's first reply, over every + timeout.", rounds=7)
    took = asyncio.run(_measure(given.rounds))
    ratios = {f"{kind} / bare": ratio(took, kind, "bare") for kind in HANGS}
    show(f"hang to first reply, over {EVERY} + {TIMEOUT} s", "ms", took, ratios, given.json)


if __name__ == "__main__":
    main()
