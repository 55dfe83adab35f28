"""A process that takes no SIGKILL: said so, never doubled, and gone on from once it is gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.system.freezer import Freezer, freezing
from tests.system.node.conftest import Harness
from tests.system.scenes import performers
from tests.system.scenes.conftest import QUICK

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.processes import read_stat

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the freezer of Linux")]


@pytest.fixture
def freezer(harness: Harness) -> Iterator[Freezer]:
    """Thaws before the node is stopped."""
    with freezing() as freezer:
        yield freezer


def frozen(harness: Harness, freezer: Freezer) -> int:
    """A session that can't be killed; its process."""
    harness.start(Gateway(Monitor("m", Child("w", performers.Walk, task="walk", heartbeat=QUICK))))
    harness.until_event("m/w", "checkpoint", count=2)
    pid = int(harness.row("m/w")["pid"])
    freezer.freeze(pid)
    return pid


def incident(harness: Harness) -> dict[str, Any]:
    found: dict[str, Any] = harness.call("incidents", path="m/w")[0]
    return found


def test_what_cannot_be_killed_is_told_and_not_doubled_and_goes_on_when_it_is_gone(
    harness: Harness, freezer: Freezer
) -> None:
    pid = frozen(harness, freezer)
    confirmed = harness.until_event("m/w", "confirmed")
    assert confirmed["verdict"] == "uninterruptible"
    harness.until_event("m/w", "unkillable")
    row = harness.until_state("m/w", "review")
    assert "unkillable" in row["why"]
    assert (row["pid"], row["incarnation"]) == (pid, 1)
    assert any(each["verdict"] == "unkillable" for each in harness.events("m/w", "alert"))
    harness.until(lambda: "unkillable" in incident(harness)["outcome"])
    assert incident(harness)["verdict"] == "uninterruptible"
    stat = read_stat(pid)
    assert stat is not None
    assert stat.state == "D"
    assert harness.events("m/w", "restarted") == []
    freezer.thaw()
    assert harness.until_event("m/w", "restarted")["resumed"] >= 2
    harness.until(lambda: incident(harness)["outcome"] == "recovered: incarnation 2 made progress")


def test_an_ordered_restart_waits_for_what_cannot_be_killed(harness: Harness, freezer: Freezer) -> None:
    calm = Heartbeat(every=600, timeout=20)  # no verdict of its own meanwhile
    harness.start(Gateway(Monitor("m", Child("w", performers.Walk, task="walk", heartbeat=calm, shutdown=0.5))))
    harness.until_event("m/w", "checkpoint", count=2)
    freezer.freeze(int(harness.row("m/w")["pid"]))
    harness.call("restart", path="m/w")
    assert "unkillable" in harness.until_state("m/w", "review")["why"]
    assert harness.row("m/w")["incarnation"] == 1
    harness.until(lambda: incident(harness)["verdict"] == "unkillable")
    freezer.thaw()
    harness.until(lambda: harness.row("m/w")["incarnation"] == 2 and harness.row("m/w")["state"] == "running")
