"""A small monkey for the node's own actors: the scheduler and the herald are killed again and again while jobs fire."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.system.cron import workers
from tests.system.herald.hook import Hook
from tests.system.node.conftest import Harness
from tests.system.node.people import Walk

from wakeful import Child, Gateway, Heartbeat, Job, Monitor

KILLS = {"scheduler": 3, "herald": 2}
"""With each the next life waits longer."""

PLAYED_S = 30.0
COMES = ("starting", "running")
WALKERS = ("m/w0", "m/w1", "m/w2")
SECONDLY = "* * * * * *"


def tree(signed: Path, url: str) -> Gateway:
    heartbeat = Heartbeat(every=0.5, timeout=5.0, progress=60.0)
    walkers = [
        Child(path[2:], Walk, task="walk", args={"pause": 0.2}, recovery="alert_first", heartbeat=heartbeat)
        for path in WALKERS
    ]
    jobs = [
        Job("all", SECONDLY, "signed", task=str(signed), misfire="run_all", overlap="queue"),
        Job("newest", SECONDLY, "signed", task=str(signed)),
    ]
    return Gateway(
        Monitor("m", *walkers), agents=[Child("signed", workers.Signed)], schedule=jobs, alerts=[url], timezone="UTC"
    )


def play(harness: Harness, dice: random.Random) -> None:
    """Kill each life of the two at some moment of it, so many times, and each walker once."""
    left = Counter(KILLS)
    killed: set[int] = set()
    doomed = list(WALKERS)
    deadline = time.monotonic() + PLAYED_S
    while left or doomed:
        assert time.monotonic() < deadline, (left, doomed, harness.story())
        time.sleep(dice.uniform(0.02, 0.2))
        rows = harness.rows()
        for path in left:
            pid = rows[path]["pid"]
            if pid and pid not in killed and rows[path]["state"] in COMES and dice.random() < 0.7:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
                left[path] -= 1
        left = +left
        if doomed and dice.random() < 0.3:
            harness.kill(doomed.pop())


@pytest.mark.parametrize("seed", [1])
def test_no_time_and_no_alert_is_lost_though_scheduler_and_herald_are_killed_all_the_time(
    harness: Harness, hook: Hook, tmp_path: Path, seed: int
) -> None:
    signed = tmp_path / "signed"
    harness.start(tree(signed, hook.url))
    first = harness.until(lambda: harness.client.cron("list"))[0]["created"]
    harness.until(lambda: all(harness.row(path)["checkpoint"] for path in WALKERS))
    play(harness, random.Random(seed))
    after = time.time()
    rows = harness.until(lambda: decided(harness, after), 30.0)
    for job in ("all", "newest"):
        times = sorted(seconds(row["scheduled"]) for row in rows if row["job"] == job)
        assert times == list(range(int(seconds(first)) + 1, int(after) + 1)), job
    assert {row["outcome"] for row in rows if row["job"] == "all"} == {"ok"}
    told = {(row["path"], row["scheduled"]) for row in harness.events(event="missed") + harness.events(event="skipped")}
    for row in rows:
        assert row["outcome"] == "ok" or (f"cron/{row['job']}", row["scheduled"]) in told, row
    mine = {row["id"] for row in rows}
    begun = Counter(run for run in signed.read_text().split() if run in mine)
    assert begun == Counter(row["id"] for row in rows if row["outcome"] == "ok")
    harness.until(lambda: told_of(hook) == set(WALKERS), 30.0)


def told_of(hook: Hook) -> set[str]:
    """The walkers of which a message has arrived."""
    return {path for path in WALKERS if any(path in each.title + each.text for each in hook.arrived)}


def decided(harness: Harness, until: float) -> list[dict[str, Any]]:
    """All runs of times up to `until`, once each of them is at its end and the times after it have come."""
    rows = harness.client.cron("runs", limit=1000)
    later = {row["job"] for row in rows if seconds(row["scheduled"]) > until}
    found = [row for row in rows if seconds(row["scheduled"]) <= until]
    return found if later == {"all", "newest"} and all(row["outcome"] for row in found) else []


def seconds(at: str) -> float:
    """RFC 3339, as wall time."""
    return datetime.fromisoformat(at).timestamp()
