"""From the spawn call to the new session's first reply, and what an idle session costs in memory.

The node's client asks for a session and then asks the session something typed; the baseline has a bare zygote fork a
child that dials back and answers (no store, no supervision, no validation). Rounds alternate, with a pause between
them: init keeps one process standing by, and a second spawn within some 30 ms of the first is forked the slow way.

    python benchmarks/spawn.py [--json] [--rounds 25]
"""

from __future__ import annotations

import asyncio
import time

from measure import arguments, ratio, show
from nodes import RunningNode, answer, caller, node, pss_kib
from subjects import Idle, Ping
from zygote import Bare, zygote

from wakeful import Child, Gateway, Heartbeat
from wakeful_runtime.transport.mailbox import Mailbox

PAUSE_S = 0.1
"""Between rounds."""

SETTLED_S = 2.0
"""After so long a session has answered its first probes."""

SETTLED_COUNT = 20

EVERY = Heartbeat(every=1.0, timeout=5.0)


async def _spawn(running: RunningNode, mailbox: Mailbox, number: int) -> float:
    began = time.perf_counter()
    spawned = running.client.sessions_spawn(task="idle", label=f"s{number}")
    await answer(mailbox, spawned.path, Ping())
    return (time.perf_counter() - began) * 1e3


def _fork(bare: Bare) -> tuple[float, int]:
    began = time.perf_counter()
    bare.fork()
    pid = bare.hello()
    return (time.perf_counter() - began) * 1e3, pid


async def _measure(rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    tree = Gateway(agents=[Child("main", Idle, heartbeat=EVERY)], max_running=rounds + 10, preload=["subjects"])
    took: dict[str, list[float]] = {"session": [], "bare": []}
    with node(tree) as running, zygote(f"ipc://{running.directory.root}/bare") as bare:
        pids: list[int] = []
        async with caller(running.directory) as mailbox:
            for number in range(rounds + 2):
                await asyncio.sleep(PAUSE_S)
                session, (forked, pid) = await _spawn(running, mailbox, number), _fork(bare)
                pids.append(pid)
                if number >= 2:  # the first ones warm both sides up
                    took["session"].append(session)
                    took["bare"].append(forked)
            await asyncio.sleep(SETTLED_S)
            rows = [row for row in running.rows().values() if row["kind"] == "session"]
        memory = {
            "session": [pss_kib(row["pid"]) / 1024 for row in rows[:SETTLED_COUNT]],
            "bare": [pss_kib(pid) / 1024 for pid in pids[:SETTLED_COUNT]],
        }
    return took, memory


def main() -> None:
    """Measure and show."""
    given = arguments("Spawn to first reply, and PSS of an idle session.", rounds=25)
    took, memory = asyncio.run(_measure(given.rounds))
    show("spawn to first reply", "ms", took, {"session / bare": ratio(took, "session", "bare")}, given.json)
    ratios = {"session / bare": ratio(memory, "session", "bare")}
    show("PSS of an idle session", "MiB", memory, ratios, given.json)


if __name__ == "__main__":
    main()
