"""A thousand idle sessions probed every second: their monitor's CPU, and what starting, listing and stopping cost.

The baseline is a bare heartbeat loop in one process: a ROUTER that sends each of as many bare children (forked from a
zygote, one thread blocked in a receive) a frame every second and reads their answers. It judges nothing.

    python benchmarks/idle.py [--json] [--sessions 1000] [--seconds 20] [--rounds 1]
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time

from measure import arguments, directory
from nodes import RunningNode, cpu_s, node, until
from subjects import Idle
from zygote import zygote

from wakeful import Child, Gateway, Heartbeat, Monitor

EVERY = Heartbeat(every=1.0, timeout=5.0, startup=120.0)
LISTED = 5
SETTLED_S = 5.0


def _tree(count: int) -> Gateway:
    children = [Child(f"s{number}", Idle, task="idle", heartbeat=EVERY) for number in range(count)]
    return Gateway(Monitor("m", *children), preload=["subjects"])


def _started(running: RunningNode, count: int) -> bool:
    rows = running.client.call("ps", {}, timeout=30.0)
    return len([row for row in rows if row["kind"] == "session" and row["state"] in ("running", "waiting")]) == count


async def _node(count: int, seconds: int) -> dict[str, float]:
    with node(_tree(count)) as running:
        await until(lambda: _started(running, count), f"{count} sessions started", look=0.5)
        started = time.monotonic() - running.started_at
        listing: list[float] = []
        for _ in range(LISTED):
            began = time.perf_counter()
            running.client.call("ps", {}, timeout=30.0)
            listing.append(time.perf_counter() - began)
        rows = running.rows()
        pid = rows["m"]["pid"]
        await asyncio.sleep(SETTLED_S)
        before, began = cpu_s(pid), time.monotonic()
        await asyncio.sleep(seconds)
        used = (cpu_s(pid) - before) / (time.monotonic() - began)
        answered = sum((row["beat_age_s"] or 99.0) < 2.0 for row in running.rows().values() if row["kind"] == "session")
        restarts = sum(row["restarts"] for row in rows.values() if row["kind"] == "session")
        stopped = running.stop()
    return {
        "monitor_cpu_percent": 100 * used,
        "start_s": started,
        "stop_s": stopped,
        "ps_ms": statistics.median(listing) * 1e3,
        "answered": float(answered),
        "restarts": float(restarts),
    }


def _bare(count: int, seconds: int) -> float:
    with directory() as where, zygote(f"ipc://{where.root}/bare") as bare:
        bare.fork(count)
        names = bare.hellos(count)
        bare.beat(names, 2)
        before, began = cpu_s(os.getpid()), time.monotonic()
        bare.beat(names, seconds)
        return 100 * (cpu_s(os.getpid()) - before) / (time.monotonic() - began)


def main() -> None:
    """Measure and show."""
    given = arguments("CPU of the monitors of idle sessions.", sessions=1000, seconds=20, rounds=1)
    found = [
        (asyncio.run(_node(given.sessions, given.seconds)), _bare(given.sessions, given.seconds))
        for _ in range(given.rounds)
    ]
    result = {key: statistics.median(each[key] for each, _ in found) for key in found[0][0]}
    result["bare_cpu_percent"] = statistics.median(bare for _, bare in found)
    result["ratio"] = statistics.median(each["monitor_cpu_percent"] / bare for each, bare in found)
    if given.json:
        print(json.dumps({"benchmark": "idle", "sessions": given.sessions, "runs": given.rounds, "results": result}))
        return
    print(f"{given.sessions} idle sessions, median of {given.rounds} run(s)")
    for key, value in result.items():
        print(f"  {key:<20} {value:10.2f}")


if __name__ == "__main__":
    main()
