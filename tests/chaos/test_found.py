"""What the monkey found, each as a test of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.system.conftest import no_process_left as no_process_left
from tests.system.conftest import node_directory as node_directory
from tests.system.node.conftest import Harness
from tests.system.node.conftest import harness as harness
from tests.system.node.witness import Witness

from wakeful_runtime.init import locks, sweep
from wakeful_runtime.init.gatewaywatch import InitTiming, Young


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


def test_every_death_of_init_is_in_the_journal_though_nobody_heard_of_the_one_before(node: Witness) -> None:
    harness = node.harness
    lock = harness.directory.lock("init")
    before = len(harness.events("init", "exited"))
    node.signal("gateway")
    killed: list[int] = []
    for _ in range(4):
        pid = harness.until(lambda: (found := locks.holder(lock).pid) not in killed and found)
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)
    harness.until(lambda: len(harness.events("init", "exited")) >= before + 4)
    assert [row["what"] for row in harness.events("init", "exited")[before:]] == ["killed by SIGKILL"] * 4
    node.survives("init", "gateway")


def test_every_death_of_a_keeper_is_in_the_journal_though_all_who_knew_of_it_died(node: Witness) -> None:
    harness = node.harness
    node.signal("store", signal.SIGSTOP)  # nothing is written down from here on
    harness.keeper().kill()
    harness.keeper().wait()
    harness.until(harness.directory.ends("keeper").exists)
    harness.start(node.tree)
    harness.keeper().kill()
    harness.keeper().wait()
    for path in ("init", "gateway", "store", "m"):
        node.signal(path)
    harness.start(node.tree)
    harness.until(lambda: len(harness.events("keeper", "exited")) >= 2)


def test_a_gateway_that_was_stopped_while_init_was_away_is_replaced_at_once(node: Witness) -> None:
    node.remember()
    init = node.pid("init")
    os.kill(init, signal.SIGSTOP)
    node.signal("gateway", signal.SIGSTOP)
    with contextlib.suppress(ProcessLookupError):  # on a busy machine the keeper has found it stopped before
        os.kill(init, signal.SIGKILL)
    began = time.monotonic()
    node.replaced("gateway")
    assert time.monotonic() - began < 5.0


def test_an_init_that_is_stopped_under_a_later_keeper_is_replaced_at_once(node: Witness) -> None:
    node.harness.keeper().kill()
    node.harness.keeper().wait()
    node.harness.start(node.tree)
    node.signal("init", signal.SIGSTOP)
    began = time.monotonic()
    node.replaced("init")
    assert time.monotonic() - began < 5.0
    node.survives("init")


def test_a_gateway_that_dies_again_is_replaced_at_once_if_it_had_stood() -> None:
    young = Young(InitTiming())
    assert [young.pause("ended", 0.0) for _ in range(4)] == [0.0, 0.1, 0.2, 0.4]
    assert young.pause("replaced", 0.0) == 0.0
    assert young.pause("ended", 6.0) == 0.0
    assert young.pause("ended", 0.0) == 0.1


def test_a_node_that_stopped_in_order_leaves_no_life_behind(node: Witness) -> None:
    assert node.harness.stop() == 0
    left = [file.read_text() for file in node.harness.directory.lives.glob("*.json")]
    assert left == []
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
