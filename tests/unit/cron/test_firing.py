"""What becomes of times that have come: misfire, overlap, clocks that are set, back-off, switching off."""

from __future__ import annotations

import pytest

from wakeful.rules.cron import Schedule
from wakeful.rules.firing import FAILURES_IN_A_ROW, QUEUE, Rule, Standing, after_run, clock_set_back, due, is_on_time

HOURLY = Schedule(expr="0 * * * *")
MINUTELY = Schedule(every=60.0)
H = 3600.0


def fates(schedule: Schedule, rule: Rule, standing: Standing, now: float, lead: float = 0.0) -> list[tuple[float, str]]:
    return [(each.scheduled, each.fate) for each in due(schedule, rule, standing, now, lead).firings]


MISFIRES = [
    # (misfire, seconds after the last of three hourly times, fates)
    ("skip", 0.0, ["missed", "missed", "start"]),
    ("skip", 599.0, ["missed", "missed", "start"]),
    ("skip", 601.0, ["missed", "missed", "missed"]),
    ("run_once", 0.0, ["missed", "missed", "start"]),
    ("run_once", 3000.0, ["missed", "missed", "start"]),
    ("run_all", 10.0, ["missed", "missed", "start"]),
    ("run_all", 601.0, ["missed", "missed", "missed"]),
]


@pytest.mark.parametrize(("misfire", "late", "expected"), MISFIRES)
def test_times_that_passed_go_by_misfire_and_grace(misfire: str, late: float, expected: list[str]) -> None:
    found = due(HOURLY, Rule(misfire=misfire), Standing(cursor=0.0), 3 * H + late)  # type: ignore[arg-type]
    assert [each.fate for each in found.firings] == expected
    assert [each.scheduled for each in found.firings] == [H, 2 * H, 3 * H]
    assert found.cursor == 3 * H
    assert all(each.why for each in found.firings if each.fate == "missed")


def test_run_all_starts_those_within_grace_one_after_the_other() -> None:
    rule = Rule(misfire="run_all", grace=150.0)
    assert fates(MINUTELY, rule, Standing(0.0), 300.0) == [
        (60.0, "missed"),
        (120.0, "missed"),
        (180.0, "start"),
        (240.0, "queue"),
        (300.0, "queue"),
    ]


def test_run_once_behind_its_grace_is_told_as_late() -> None:
    found = due(HOURLY, Rule(misfire="run_once"), Standing(0.0), H + 1000.0)
    assert [(each.fate, each.late) for each in found.firings] == [("start", True)]


def test_each_time_is_decided_once() -> None:
    found = due(MINUTELY, Rule(), Standing(0.0), 60.0)
    assert fates(MINUTELY, Rule(), Standing(found.cursor), 60.0) == []
    assert fates(MINUTELY, Rule(), Standing(found.cursor), 119.9) == []
    assert fates(MINUTELY, Rule(), Standing(found.cursor), 120.0) == [(120.0, "start")]


@pytest.mark.parametrize(("overlap", "fate"), [("skip", "skipped"), ("queue", "queue"), ("replace", "replace")])
def test_a_time_at_which_the_run_before_goes_on_goes_by_overlap(overlap: str, fate: str) -> None:
    rule = Rule(overlap=overlap)  # type: ignore[arg-type]
    assert fates(MINUTELY, rule, Standing(0.0, running=1), 60.0) == [(60.0, fate)]


def test_a_queue_is_bounded() -> None:
    assert fates(MINUTELY, Rule(overlap="queue"), Standing(0.0, running=1, queued=QUEUE), 60.0) == [(60.0, "skipped")]


def test_a_near_time_is_decided_early_only_if_nothing_stands_in_its_way() -> None:
    assert fates(MINUTELY, Rule(), Standing(0.0), 58.0, lead=3.0) == [(60.0, "start")]
    assert fates(MINUTELY, Rule(), Standing(0.0), 56.0, lead=3.0) == []
    assert fates(MINUTELY, Rule(), Standing(0.0, running=1), 58.0, lead=3.0) == []
    assert fates(MINUTELY, Rule(), Standing(0.0, held_until=61.0), 58.0, lead=3.0) == []


STEPS = [
    # (schedule, cursor, now, what the cursor becomes); the clock is set back between the two
    (HOURLY, 10 * H, 10 * H - 60, None),
    (HOURLY, 10 * H, 8 * H, None),
    (HOURLY, 10 * H, 7 * H - 1, 7 * H - 1),
    (HOURLY, 9000 * H, 10 * H, 10 * H),
    (MINUTELY, 10 * H, 10 * H - 30, None),
    (MINUTELY, 10 * H, 9 * H, 9 * H),
]


@pytest.mark.parametrize(("schedule", "cursor", "now", "expected"), STEPS)
def test_a_clock_that_is_set_back_repeats_nothing_and_holds_nothing_up_for_long(
    schedule: Schedule, cursor: float, now: float, expected: float | None
) -> None:
    assert clock_set_back(schedule, cursor, now) == expected
    if expected is None:
        assert fates(schedule, Rule(), Standing(cursor), now) == []


def test_a_clock_that_is_set_forward_is_an_absence() -> None:
    assert fates(HOURLY, Rule(), Standing(H), 1000 * H + 30)[-1] == (1000 * H, "start")
    assert fates(HOURLY, Rule(), Standing(H), 1000 * H + 30)[0][1] == "missed"
    assert due(HOURLY, Rule(), Standing(H), 5000 * H).older


@pytest.mark.parametrize("outcome", ["error", "timeout", "incomplete", "unknown"])
def test_a_run_that_is_not_ok_counts_as_a_failure(outcome: str) -> None:
    assert after_run(MINUTELY, 3, outcome, 1000.0).failures == 4


def test_ok_forgets_failures_and_a_stop_by_a_person_counts_for_nothing() -> None:
    assert after_run(MINUTELY, 5, "ok", 1000.0).failures == 0
    assert after_run(MINUTELY, 5, "killed", 1000.0).failures == 5


BACKOFFS = [
    (MINUTELY, 0, 0.0),
    (MINUTELY, 1, 60.0),
    (MINUTELY, 2, 180.0),
    (MINUTELY, 8, 3600.0),
    (HOURLY, 1, 3600.0),
    (Schedule(expr="0 3 * * *"), 5, 3600.0),
    (Schedule(at=5.0), 1, 0.0),
]


@pytest.mark.parametrize(("schedule", "failures", "wait"), BACKOFFS)
def test_from_the_second_failure_on_the_job_backs_off_for_an_hour_at_most(
    schedule: Schedule, failures: int, wait: float
) -> None:
    assert after_run(schedule, failures, "error", 7200.0).held_until == 7200.0 + wait


def test_times_within_the_back_off_are_skipped_and_told() -> None:
    found = due(MINUTELY, Rule(), Standing(0.0, failures=3, held_until=200.0), 60.0)
    assert [(each.fate, each.why) for each in found.firings] == [("skipped", "backing off after 3 failures in a row")]
    assert fates(MINUTELY, Rule(), Standing(180.0, failures=3, held_until=200.0), 240.0) == [(240.0, "start")]


def test_a_job_is_switched_off_after_ten_failures_in_a_row() -> None:
    failures = 0
    for number in range(1, FAILURES_IN_A_ROW + 1):
        verdict = after_run(MINUTELY, failures, "error", 0.0)
        failures = verdict.failures
        assert bool(verdict.disabled) == (number == 10)


def test_on_time_is_within_a_minute_and_within_grace() -> None:
    assert is_on_time(100.0, 160.0, 600.0)
    assert not is_on_time(100.0, 161.0, 600.0)
    assert not is_on_time(100.0, 105.0, 4.0)
    assert not is_on_time(100.0, None, 600.0)
