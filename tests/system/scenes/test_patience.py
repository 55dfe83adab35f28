"""No healthy session is ever ended: the scenes of `tests.patience`, short."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.patience import scenes
from tests.patience.world import CannotPlay, WallClock
from tests.system.node.conftest import Harness
from tests.system.scenes.conftest import QUICK


def test_p2_a_silent_call_under_a_lease_is_left_alone(harness: Harness) -> None:
    scenes.silent_call(harness, 6)


@pytest.mark.slow
def test_p6_fifty_sessions_on_a_saturated_machine_keep_their_lives(harness: Harness) -> None:
    scenes.saturated(harness, 15)


def test_p6_sessions_of_a_stopped_monitor_keep_their_lives(harness: Harness) -> None:
    scenes.monitor_stopped(harness)


@pytest.mark.parametrize("first", ["sessions", "keeper"])
def test_p14_a_node_that_was_stopped_as_a_whole_goes_on(harness: Harness, first: str) -> None:
    scenes.node_stopped(harness, 5 * QUICK.timeout, first=first)


def test_p14_no_deadline_depends_on_the_wall_clock(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        clock = WallClock(tmp_path)
    except CannotPlay as why:
        pytest.skip(str(why))
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    scenes.clock_stepped(harness, clock, 1.5)


def test_p15_a_slow_import_is_waited_for_in_every_life(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes.slow_import(harness, 3, monkeypatch.setenv)


def test_p2_a_long_computation_of_a_blocking_session_is_left_alone(harness: Harness) -> None:
    scenes.long_computation(harness, 4)


@pytest.mark.slow
def test_p6_sessions_without_a_cpu_are_starved_and_not_hung(harness: Harness) -> None:
    try:
        scenes.starved(harness, 5)
    except CannotPlay as why:
        pytest.skip(str(why))
