"""A program's signals and output, with real processes and pipes of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from wakeful_runtime.command.program import Program
from wakeful_runtime.command.readiness import Output


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"], process_group=0) as process:
        yield process
        process.kill()


async def test_a_group_that_none_of_its_processes_is_left_in_gets_no_signal(
    stranger: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, sent, below = Program(), list[int](), [os.getpid()]

    def killed(group: int, number: int) -> None:
        sent.append(group)

    def found(pid: int) -> list[int]:
        return below

    monkeypatch.setattr(os, "killpg", killed)
    monkeypatch.setattr("wakeful_runtime.command.program.descendants", found)
    program.pid = program.group = stranger.pid
    program.signal(signal.SIGTERM)
    assert sent == [stranger.pid]
    program._leaderless = True  # pyright: ignore[reportPrivateUsage]
    program.signal(signal.SIGTERM)
    assert sent == [stranger.pid]
    below.append(stranger.pid)
    program.signal(signal.SIGTERM)
    assert sent == [stranger.pid] * 2


async def test_a_main_process_that_left_its_group_is_signalled_though_the_group_is_gone(
    stranger: subprocess.Popen[bytes],
) -> None:
    with subprocess.Popen(["true"], process_group=0) as leader:  # noqa: ASYNC220
        leader.wait()
    program = Program()
    program.pid = program.group = leader.pid
    program._leaderless = True  # pyright: ignore[reportPrivateUsage]
    assert program.moved_to(stranger.pid) == ""
    program.signal(signal.SIGTERM)
    assert stranger.wait(10) == -signal.SIGTERM


async def test_output_that_never_ends_is_closed_all_the_same(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        output = Output("ready", log.fileno())
        writer = os.dup(output.writer)
        output.begin()
        with subprocess.Popen(["yes"], stdout=writer) as endless:  # noqa: ASYNC220
            os.close(writer)
            output.close()
            endless.kill()


async def test_a_log_that_takes_no_more_does_not_stop_the_look_for_the_line() -> None:
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123, ASYNC230
        output = Output("ready", full.fileno())
        writer = os.dup(output.writer)
        output.begin()
        os.write(writer, b"ready\n")
        os.close(writer)
        output.close()
        assert output.seen.is_set()
