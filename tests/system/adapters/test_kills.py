"""The framework examples, killed at ten seeded points: the same result, and no finished model call made again."""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.system.node.conftest import Harness

KILLS = 10
SEED = os.environ.get("KILLS_SEED", "1")
TASK = "Which module is the longest?"
WITHIN = 30.0


class Calls:
    """What the example's model has noted: a line as a call begins, a line as it is answered, with the life's pid."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def lines(self) -> list[tuple[int, str, str]]:
        if not self._file.exists():
            return []
        found = [line.split() for line in self._file.read_text().splitlines()]
        return [(int(pid), what, call) for pid, what, call in found]

    def wait_for(self, count: int) -> int:
        """The life that wrote last, once there are so many lines."""
        deadline = time.monotonic() + WITHIN
        while len(lines := self.lines()) < count:
            assert time.monotonic() < deadline, f"{len(lines)} of {count} lines"
            time.sleep(0.002)
        return lines[-1][0]


def finished_and_made_again(lines: list[tuple[int, str, str]]) -> list[str]:
    """Calls that a life got past (it did something after the answer), and that were begun later all the same."""
    wrong: list[str] = []
    for at, (pid, what, call) in enumerate(lines):
        went_on = any(later[0] == pid for later in lines[at + 1 :])
        if what == "answered" and went_on and ("began", call) in {later[1:] for later in lines[at + 1 :]}:
            wrong.append(call)
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(240)  # importing these libraries takes seconds, twice, and more on a busy machine
@pytest.mark.parametrize("framework", ["pydantic_ai", "langgraph", "openai_agents"])
def test_an_agent_killed_ten_times_ends_as_if_undisturbed_and_repeats_no_finished_call(
    framework: str, harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example: Any = importlib.import_module(f"examples.{framework}_agent")
    monkeypatch.setenv("MODEL_SECONDS", "0")
    undisturbed = asyncio.run(example.Reader().run(TASK))
    monkeypatch.setenv("MODEL_SECONDS", "0.04")
    monkeypatch.setenv("MODEL_CALLS", str(tmp_path / "calls"))
    calls = Calls(tmp_path / "calls")
    points = random.Random(f"{framework} {SEED}")

    harness.start(example.tree)
    for _ in range(KILLS):
        life = calls.wait_for(len(calls.lines()) + points.randint(1, 3))
        time.sleep(points.uniform(0, 0.05))  # the seeded point: in a call, at its answer, or between two
        os.kill(life, signal.SIGKILL)
    harness.until_state("agents/reader", "done", within=WITHIN)

    assert harness.call("sessions_result", label="agents/reader")["result"] == undisturbed
    lines = calls.lines()
    assert len({pid for pid, _, _ in lines}) > KILLS // 2
    assert finished_and_made_again(lines) == []
    began = [call for _, what, call in lines if what == "began"]
    assert len(began) <= len(set(began)) + KILLS  # a kill costs the call it hit, never more
    assert len(harness.events("agents/reader", "exited")) >= KILLS
