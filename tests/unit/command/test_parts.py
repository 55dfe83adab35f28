"""The pure parts of a command's host: lines, exit statuses, signs of life, the environment, words about its end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful import Command, SpecError
from wakeful.child import Child
from wakeful.life import Kept
from wakeful.rules.exitcodes import Meaning, meaning_of
from wakeful_runtime.command import environment, statefile
from wakeful_runtime.command.ending import reason_of
from wakeful_runtime.command.lines import Lines
from wakeful_runtime.command.program import End
from wakeful_runtime.command.signs import Signs


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.integers(1, 7))
def test_lines_come_out_however_the_stream_is_cut(lines: list[bytes], step: int) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cutter, found = Lines(100), list[bytes]()
    for start in range(0, len(stream), step):
        found += cutter.feed(stream[start : start + step])
    assert found == lines
    assert cutter.end() == []


def test_of_a_line_that_is_too_long_nothing_is_kept_and_the_next_one_counts() -> None:
    cutter = Lines(4)
    assert cutter.feed(b"12345") == []
    assert cutter.feed(b"678\nok\n1234\nlast") == [b"ok", b"1234"]
    assert cutter.overlong == 1
    assert cutter.end() == [b"last"]


@pytest.mark.parametrize(
    ("code", "meaning"), [(0, "done"), (3, "done"), (1, "again"), (2, "never"), (None, "again"), (255, "again")]
)
def test_exit_statuses_have_three_classes(code: int | None, meaning: Meaning) -> None:
    assert meaning_of(code, success=(0, 3), never_restart=(2,)) == meaning


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_sign_is_missed_after_more_than_half_of_the_time_promised_and_forgiven_when_it_comes() -> None:
    clock = Clock()
    signs = Signs("WATCHDOG=1", 10.0, clock)
    assert signs.look() == (False, 6.0)
    clock.now += 5
    assert signs.came() is False
    clock.now += 6.1
    assert signs.look()[0] is True
    assert signs.silent_since == 105.0
    assert signs.look()[0] is False  # told once
    assert signs.came() is True
    assert signs.silent_since is None


def test_who_promises_nothing_misses_nothing() -> None:
    clock = Clock()
    signs = Signs("WATCHDOG=1", None, clock)
    clock.now += 1e6
    assert signs.look() == (False, None)
    assert signs.silent_since is None


def test_a_program_that_asks_to_be_taken_for_hung_has_been_silent_for_all_it_may() -> None:
    clock = Clock()
    signs = Signs("WATCHDOG=1", None, clock)
    signs.hung(20.0)
    assert (signs.silent_since, signs.within) == (80.0, 20.0)


def test_a_program_is_told_its_task_its_arguments_and_nothing_of_who_runs_the_node() -> None:
    base = {"PATH": "/bin", "NOTIFY_SOCKET": "/run/systemd/notify", "WATCHDOG_PID": "7", "WAKEFUL_STATE": "/other"}
    env = environment.told(base, {"A": "b"}, {"task": "x", "n": 1}, {"WAKEFUL_STATE": None, "WAKEFUL_FD": "5"})
    assert env == {"PATH": "/bin", "A": "b", "WAKEFUL_TASK": "x", "WAKEFUL_ARGS": '{"n": 1}', "WAKEFUL_FD": "5"}
    assert "WAKEFUL_TASK" not in environment.told({}, {}, {}, {})
    assert environment.told({}, {}, {"task": [1]}, {})["WAKEFUL_TASK"] == "[1]"


@pytest.mark.parametrize(("kept", "text"), [(Kept("plain", None), None), (Kept("json", "[1.0]"), "[1.0]")])
def test_a_state_is_json_and_none_is_no_state(kept: Kept, text: str | None) -> None:
    assert statefile.text_of(kept) == text


def test_a_plain_state_of_an_earlier_version_in_python_is_json_too() -> None:
    assert json.loads(statefile.text_of(Kept("plain", {"n": [1, None]})) or "") == {"n": [1, None]}


PLAN = Command("/usr/bin/node", "agent.js", never_restart=[9]).plan()


def test_an_end_says_the_status_and_the_last_line() -> None:
    reason = reason_of(End(code=1), PLAN, ["at x.js:3", "TypeError: x is not a function"], ready=True, errno=None)
    assert (reason.kind, reason.code) == ("exited", 1)
    assert reason.what == "node exited with status 1: TypeError: x is not a function"


def test_an_end_that_no_restart_can_help_is_for_a_person() -> None:
    reason = reason_of(End(code=9), PLAN, [], ready=True, errno=2)
    assert reason.kind == "fatal"
    assert "No such file or directory" in reason.what


def test_an_end_by_a_signal_is_named_and_one_before_it_was_ready_is_a_failed_start() -> None:
    reason = reason_of(End(signal=11), PLAN, [], ready=True, errno=None)
    assert (reason.kind, reason.what) == ("killed", "node was killed by SIGSEGV")
    assert reason_of(End(code=1), PLAN, [], ready=False, errno=None).kind == "start_failed"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"alive": "https://localhost/"}, "write 'notify'"),
        ({"alive": ()}, "write 'notify'"),
        ({"success": [256]}, "no exit status"),
        ({"success": [2], "never_restart": [2]}, "keep one"),
        ({"stop_signal": "SIGKILL"}, "write one of SIGTERM"),
        ({"env": {"A=B": "c"}}, "can't be the name"),
        ({"redy": "now"}, "ready"),
    ],
)
def test_a_command_that_can_not_be_right_says_what_to_write(options: dict[str, object], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        Command("node", "agent.js", **options)  # type: ignore[arg-type]


def test_arguments_that_are_no_json_are_refused_before_any_process_starts() -> None:
    with pytest.raises(SpecError, match="JSON"):
        Child("a", Command("node"), args={"blob": b"x"})
