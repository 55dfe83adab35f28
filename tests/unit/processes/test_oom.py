"""Whether the kernel's OOM killer was at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakeful_runtime.init.oom import OomCounter


class Machine:
    """A counter of the kernel's, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self._file = folder / "vmstat"
        self.kills(5)
        self.counter = OomCounter(clock=lambda: self.now)
        self.counter._files = [(self._file, "oom_kill")]
        self.counter._seen.clear()
        self.counter.look()

    def kills(self, count: int) -> None:
        self._file.write_text(f"pgfault 1\noom_kill {count}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_kill_since_the_last_look_counts(machine: Machine) -> None:
    machine.kills(6)
    assert machine.counter.grew()


def test_one_kill_explains_one_death(machine: Machine) -> None:
    machine.kills(6)
    assert machine.counter.grew()
    assert machine.counter.grew() is False


def test_a_look_between_kill_and_report_hides_nothing(machine: Machine) -> None:
    machine.kills(6)
    machine.now += 0.4
    machine.counter.look()
    assert machine.counter.grew()


def test_a_kill_of_long_ago_is_anothers(machine: Machine) -> None:
    machine.kills(6)
    for _ in range(6):
        machine.now += 0.5
        machine.counter.look()
    assert machine.counter.grew() is False


def test_without_a_counter_it_cant_be_told(machine: Machine) -> None:
    machine.counter._files = []
    assert machine.counter.grew() is None
