"""Who dies or hangs, who notices, what must not happen: each line of the table in the design, with real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.system.node.conftest import Harness
from tests.system.node.people import Walk
from tests.system.node.witness import WORKERS, Witness

from wakeful import Child, Gateway, Monitor

DEAD_OR_STOPPED = pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])


@pytest.fixture
def node(harness: Harness, tmp_path: Path) -> Witness:
    return Witness(harness, tmp_path).begin()


@DEAD_OR_STOPPED
def test_a_session_that_dies_or_hangs_comes_back_and_its_sibling_does_not_notice(node: Witness, number: int) -> None:
    node.signal("m/w0", number)
    node.told("m/w0", "exited", "restarted")
    assert node.harness.events("m/w0", "restarted")[0]["resumed"] > 0
    node.survives("m/w0")


@DEAD_OR_STOPPED
def test_a_monitor_that_dies_or_hangs_is_replaced_and_its_sessions_are_adopted(node: Witness, number: int) -> None:
    node.signal("m", number)
    node.replaced("m")
    node.told("m", "exited", "restarted")
    for path in WORKERS:
        node.told(path, "adopted")
    node.survives("m")


@DEAD_OR_STOPPED
def test_a_gateway_that_dies_or_hangs_is_replaced_and_monitors_and_store_are_adopted(
    node: Witness, number: int
) -> None:
    node.signal("gateway", number)
    node.replaced("gateway")
    node.told("gateway", "exited", "restarted")
    for path in ("store", "m", "sessions"):
        node.told(path, "adopted")
    node.survives("gateway")


@DEAD_OR_STOPPED
def test_a_store_that_dies_or_hangs_is_restarted_and_sessions_only_wait_for_it(node: Witness, number: int) -> None:
    node.signal("store", number)
    node.replaced("store")
    node.told("store", "exited", "restarted")
    node.survives("store")


@DEAD_OR_STOPPED
def test_an_init_that_dies_or_hangs_is_forked_again_and_nobody_is_touched(node: Witness, number: int) -> None:
    node.signal("init", number)
    node.replaced("init")
    node.told("init", "exited", "restarted")
    node.survives("init")


def test_without_its_keeper_a_node_runs_on_and_the_next_run_becomes_its_keeper(node: Witness) -> None:
    harness = node.harness
    harness.keeper().kill()
    harness.keeper().wait()
    node.told("keeper", "exited")
    told = harness.call("status")
    assert not told["healthy"]
    assert "no keeper" in told["why"]
    node.survives()
    harness.start(node.tree)
    node.told("keeper", "restarted")
    assert harness.call("status")["healthy"]
    node.untouched_but()
    assert harness.stop() == 0


def test_a_stopped_keeper_takes_nothing_with_it_and_goes_on_when_it_is_continued(node: Witness) -> None:
    keeper = node.harness.keeper().pid
    os.kill(keeper, signal.SIGSTOP)
    try:
        node.survives()
    finally:
        os.kill(keeper, signal.SIGCONT)
    node.signal("init")
    node.replaced("init")
    node.survives("init")


def test_a_node_that_dies_as_a_whole_resumes_from_its_last_checkpoints_at_the_next_run(node: Witness) -> None:
    harness = node.harness
    pids = [harness.keeper().pid, *[pid for pid, _ in node.lives().values()]]
    acknowledged = {path: node.numbers(path)[-1] for path in WORKERS}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    harness.keeper().wait()
    harness.start(node.tree)
    for path in WORKERS:
        resumed = harness.until_event(path, "resumed")
        assert resumed["incarnation"] == 2
        assert node.harness.events(path, "exited")
        assert acknowledged[path] > 0
    node.remember()
    node.survives()


def test_a_monitor_that_hangs_does_not_keep_the_node_from_stopping(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("w", Walk, task="walk"))))
    harness.until_event("m/w", "checkpoint")
    harness.kill("m", signal.SIGSTOP)
    harness.call("down")
    assert harness.keeper().wait(60) == 0
