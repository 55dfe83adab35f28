"""What an idle session costs its machine: nothing, and a probe no more than itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.patience.world import hold
from tests.system.node.conftest import Harness
from tests.system.scenes import performers

from wakeful import Child, Gateway, Heartbeat, Monitor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts of /proc")

EVERY_S = 0.1
WATCHED_S = 3.0
STRAY = 4
"""Wake-ups of other reasons a thread may have in that time."""

AT_MOST = {"main": 2, "wakeful-pulse": 3, "ZMQbg/IO/0": 3}
"""Wake-ups a probe: the main loop runs one call; the control thread gets the probe and the call's echo; the I/O thread
has one frame in and one out. One more each for a hand-over of the GIL or of a queue's lock on a loaded machine."""


def wakeups(pid: int) -> dict[str, int]:
    """How often each thread has gone to sleep of its own accord."""
    found: dict[str, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = "main" if task.name == str(pid) else (task / "comm").read_text().strip()
        line = next(each for each in (task / "status").read_text().splitlines() if each.startswith("voluntary_"))
        found[name] = int(line.split()[1])
    return found


def test_an_idle_session_is_woken_by_probes_alone_and_by_each_no_more_than_it_needs(harness: Harness) -> None:
    hearts = {"quiet": Heartbeat(every=3600, timeout=20), "probed": Heartbeat(every=EVERY_S, timeout=20)}
    children = [
        Child(name, performers.Silent, task="x", args={"seconds": 600}, heartbeat=heart)
        for name, heart in hearts.items()
    ]
    harness.start(Gateway(Monitor("m", *children)))
    pids = {}
    for name in hearts:
        harness.until_event(f"m/{name}", "ready")
        pids[name] = int(harness.row(f"m/{name}")["pid"])
    hold(2.0)
    before = {name: wakeups(pid) for name, pid in pids.items()}
    hold(WATCHED_S)
    after = {name: wakeups(pid) for name, pid in pids.items()}
    woken = {name: {key: after[name][key] - before[name].get(key, 0) for key in after[name]} for name in pids}
    assert max(woken["quiet"].values()) <= STRAY, woken
    probes = WATCHED_S / EVERY_S + 2
    assert all(woken["probed"][key] <= most * probes + STRAY for key, most in AT_MOST.items()), woken
    assert woken["probed"]["wakeful-pulse"] >= 5, woken
