"""What the monkey found, each as a test of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.system.conftest import no_process_left as no_process_left
from tests.system.conftest import node_directory as node_directory
from tests.system.node.conftest import Harness
from tests.system.node.conftest import harness as harness
from tests.system.node.witness import Witness

from wakeful_runtime.init import sweep


@pytest.fixture
def node(harness: Harness, tmp_path: Path) -> Witness:
    return Witness(harness, tmp_path).begin()


def pid_changed(harness: Harness, path: str, before: int) -> Callable[[], Any]:
    return lambda: harness.row(path)["pid"] not in (None, before)


def test_a_spawned_session_is_adopted_though_the_store_was_away_when_it_said_hello(node: Witness) -> None:
    harness = node.harness
    path = harness.client.sessions_spawn(task="walk", agent_id="walker").path
    harness.until_event(path, "checkpoint")
    node.remember()
    store = node.pid("store")
    node.signal("store", signal.SIGSTOP)
    node.signal("sessions")
    harness.until(pid_changed(harness, "sessions", node.pid("sessions")))
    os.kill(store, signal.SIGCONT)
    harness.until_event(path, "adopted")
    seen = len(harness.events(path, "checkpoint"))
    harness.until(lambda: len(harness.events(path, "checkpoint")) > seen + 60, 40.0)  # longer than `every + timeout`
    assert harness.events(path, "exited") == []
    node.untouched_but("sessions", "store")


def test_a_session_that_was_stopped_while_its_monitor_died_is_found_as_soon_as_any(node: Witness) -> None:
    node.signal("m", signal.SIGSTOP)
    node.signal("m/w0", signal.SIGSTOP)
    node.signal("m")
    node.told("m/w0", "adopted")
    ended = node.harness.until_event("m/w0", "exited", within=8.0)
    assert ended["kind"] == "stopped"
    node.survives("m", "m/w0")


def test_a_death_is_in_the_journal_though_everybody_who_knew_of_it_died_next(node: Witness) -> None:
    node.signal("store", signal.SIGSTOP)
    node.signal("m")
    node.signal("gateway")
    node.signal("store")
    node.replaced("m")
    node.told("m", "exited")
    node.survives("m", "gateway", "store")


def test_a_node_that_stopped_in_order_leaves_no_life_behind(node: Witness) -> None:
    assert node.harness.stop() == 0
    assert list(node.harness.directory.lives.glob("*.json")) == []
    assert list(node.harness.directory.sockets.glob("*")) == []


def test_the_remains_of_many_lives_are_looked_for_in_one_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[int] = []

    def pids() -> list[int]:
        walks.append(1)
        return []

    monkeypatch.setattr(sweep, "all_pids", pids)
    dead = [sweep.Remains(2**22 + number, 0.0, f"/lock{number}", "mark") for number in range(50)]
    assert sweep.signal_remains(dead, signal.SIGKILL) == {each.leader: [] for each in dead}
    assert walks == [1]
