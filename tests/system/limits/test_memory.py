"""Limits(memory=…) holds for the whole process tree, and the kernel's OOM killer is told apart from it."""

from __future__ import annotations

from pathlib import Path

from tests.system.limits.burdens import Confined, Eater, Steady
from tests.system.node.conftest import Harness

from wakeful import Child, Gateway, Heartbeat, Limits, Monitor

QUICK = Heartbeat(every=0.5, timeout=2.0, progress=30.0)
MIB = 2**20


def test_memory_counts_over_the_whole_process_tree(harness: Harness) -> None:
    eater = Child("eater", Eater, task="x", args={"mib": 300}, heartbeat=QUICK, limits=Limits(memory="200MiB"))
    harness.start(Gateway(Monitor("m", eater, Child("steady", Steady, task="x", heartbeat=QUICK))))
    before = harness.until_state("m/steady", "running")["pid"]
    confirmed = harness.until_event("m/eater", "confirmed")
    assert confirmed["verdict"] == "memory"
    assert harness.until_event("m/eater", "restarted")["resumed"] >= 1
    exited = harness.events("m/eater", "exited")[0]
    assert exited["kind"] == "memory"
    assert exited["failure"]
    incident = harness.until(lambda: (row := harness.call("incidents", path="m/eater")[0])["closed_at"] and row)
    assert incident["verdict"] == "memory"
    assert incident["thresholds"]["memory"] == 200 * MIB
    assert incident["facts"]["used"] > 200 * MIB
    assert incident["facts"]["largest"][0]["rss_mb"] >= 200
    assert incident["evidence"]["tasks"]
    assert incident["outcome"].startswith("recovered")
    assert harness.row("m/steady")["pid"] == before


def test_near_the_limit_people_are_told_and_nothing_is_ended(harness: Harness) -> None:
    eater = Child("eater", Eater, task="x", args={"mib": 175}, heartbeat=QUICK, limits=Limits(memory="210MiB"))
    harness.start(Gateway(Monitor("m", eater)))
    alert = harness.until_event("m/eater", "alert")
    assert alert["verdict"] == "memory"
    assert "of 210 MiB" in alert["words"]
    assert harness.row("m/eater")["incarnation"] == 1


def test_the_kernels_oom_killer_is_told_apart_from_a_limit(harness: Harness, memory_cgroup: Path) -> None:
    confined = Child(
        "c",
        Confined,
        args={"group": str(memory_cgroup), "mib": 300},
        task="x",
        heartbeat=QUICK,
        limits=Limits(memory="4GiB"),
    )
    harness.start(Gateway(Monitor("m", confined)))
    exited = harness.until_event("m/c", "exited")
    assert exited["kind"] == "oom"
    incident = harness.until(lambda: harness.call("incidents", path="m/c"))[0]
    assert incident["verdict"] == "oom"
    assert "the kernel's OOM killer" in incident["facts"]["words"]
    assert harness.until_event("m/c", "restarted")["resumed"] >= 1
