"""When schedules come: names, zones, and the two days a year whose clocks jump."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.rules.cron import NAMED, Schedule, check_cron, next_after, passed, times_after


def at(text: str, tz: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp()


def local(moment: float, tz: str) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(tz)).strftime("%m-%d %H:%M:%S%z")


NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"

SPRING = [
    # fixed times: one that is left out runs right after the jump, once
    ("30 2 * * *", NEW_YORK, "2026-03-08T00:00", ["03-08 03:00:00-0400", "03-09 02:30:00-0400"]),
    ("0,30 2 * * *", NEW_YORK, "2026-03-08T00:00", ["03-08 03:00:00-0400", "03-09 02:00:00-0400"]),
    ("0 30 2 * * *", NEW_YORK, "2026-03-08T00:00", ["03-08 03:00:00-0400", "03-09 02:30:00-0400"]),
    ("0 3 * * *", NEW_YORK, "2026-03-08T00:00", ["03-08 03:00:00-0400", "03-09 03:00:00-0400"]),
    (
        "30 1-3 * * *",
        NEW_YORK,
        "2026-03-08T00:00",
        ["03-08 01:30:00-0500", "03-08 03:00:00-0400", "03-08 03:30:00-0400"],
    ),
    ("30 2 29 3 *", BERLIN, "2026-03-28T00:00", ["03-29 03:00:00+0200"]),
    # clocks that jump at midnight, and by half an hour
    ("@daily", "Africa/Cairo", "2026-04-23T12:00", ["04-24 01:00:00+0300", "04-25 00:00:00+0300"]),
    ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00", ["10-04 02:30:00+1100", "10-05 02:15:00+1100"]),
    # a wildcard: by the time that passes
    (
        "*/30 * * * *",
        NEW_YORK,
        "2026-03-08T01:15",
        ["03-08 01:30:00-0500", "03-08 03:00:00-0400", "03-08 03:30:00-0400"],
    ),
    ("@hourly", NEW_YORK, "2026-03-08T00:30", ["03-08 01:00:00-0500", "03-08 03:00:00-0400"]),
]

AUTUMN = [
    # fixed times: once, the first time round
    ("30 1 * * *", NEW_YORK, "2026-11-01T00:00", ["11-01 01:30:00-0400", "11-02 01:30:00-0500"]),
    ("0 30 1 * * *", NEW_YORK, "2026-11-01T00:00", ["11-01 01:30:00-0400", "11-02 01:30:00-0500"]),
    ("0 3 * * *", NEW_YORK, "2026-11-01T00:00", ["11-01 03:00:00-0500", "11-02 03:00:00-0500"]),
    ("30 2 * * *", BERLIN, "2026-10-25T00:00", ["10-25 02:30:00+0200", "10-26 02:30:00+0100"]),
    ("0 0-2 * * *", NEW_YORK, "2026-11-01T00:30", ["11-01 01:00:00-0400", "11-01 02:00:00-0500"]),
    ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00", ["04-05 01:45:00+1100", "04-06 01:45:00+1030"]),
    # a wildcard: the hour that comes twice is run through twice
    (
        "*/30 * * * *",
        NEW_YORK,
        "2026-11-01T00:45",
        [
            "11-01 01:00:00-0400",
            "11-01 01:30:00-0400",
            "11-01 01:00:00-0500",
            "11-01 01:30:00-0500",
            "11-01 02:00:00-0500",
        ],
    ),
    ("@hourly", NEW_YORK, "2026-11-01T00:30", ["11-01 01:00:00-0400", "11-01 01:00:00-0500", "11-01 02:00:00-0500"]),
]


@pytest.mark.parametrize(("expr", "tz", "after", "expected"), [*SPRING, *AUTUMN])
def test_daylight_saving_goes_by_debians_rule(expr: str, tz: str, after: str, expected: list[str]) -> None:
    found = islice(times_after(Schedule(expr=expr, tz=tz), at(after, tz)), len(expected))
    assert [local(moment, tz) for moment in found] == expected


@pytest.mark.parametrize(
    ("expr", "after", "expected"),
    [
        ("0 3 * * mon", "2026-11-22T12:00", "2026-11-23T03:00"),
        ("*/15 * * * * *", "2026-11-22T12:00:01", "2026-11-22T12:00:15"),
        ("@weekly", "2026-11-22T00:00", "2026-11-29T00:00"),
        ("@Monthly", "2026-11-22T00:00", "2026-12-01T00:00"),
        ("@yearly", "2026-11-22T00:00", "2027-01-01T00:00"),
        ("0 0 29 2 *", "2026-11-22T00:00", "2028-02-29T00:00"),
        ("0 12 L * *", "2026-11-22T00:00", "2026-11-30T12:00"),
    ],
)
def test_five_fields_six_fields_and_short_words(expr: str, after: str, expected: str) -> None:
    assert next_after(Schedule(expr=check_cron(expr)), at(after)) == at(expected)


@pytest.mark.parametrize("word", NAMED)
def test_each_short_word_is_an_expression(word: str) -> None:
    assert check_cron(word) == word


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        ("0 3 * *", "no cron expression"),
        ("61 * * * *", "Bad minute"),
        ("@reboot", "of the short words there are @yearly"),
        ("@dayly", "@daily"),
        ("", "no cron expression"),
        ("0 0 30 2 *", "30 2"),
        ("0 0 * * mon#6", "Bad day-of-week"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_reason(expr: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"cron expression|never comes") as error:
        check_cron(expr)
    assert why in str(error.value)


def test_a_single_time_comes_once() -> None:
    assert next_after(Schedule(at=100.0), 99.0) == 100.0
    assert next_after(Schedule(at=100.0), 100.0) is None


def test_an_interval_counts_from_its_anchor() -> None:
    assert list(islice(times_after(Schedule(every=900.0, anchor=100.0), 1000.0), 2)) == [1900.0, 2800.0]
    assert next_after(Schedule(every=900.0, anchor=100.0), 100.0) == 1000.0


def test_passed_times_are_bounded_and_say_that_there_were_more() -> None:
    began = time.perf_counter()
    found = passed(Schedule(expr="* * * * *", tz=BERLIN), 0.0, at("2026-11-22T12:00:30"))
    assert (len(found.times), found.older, found.times[-1]) == (1000, True, at("2026-11-22T12:00"))
    assert time.perf_counter() - began < 5.0
    assert passed(Schedule(every=60.0), 0.0, 240.0).times == (60.0, 120.0, 180.0, 240.0)
    assert not passed(Schedule(every=60.0), 0.0, 240.0).older
    exactly = passed(Schedule(every=60.0), 0.0, 60_000.0)
    assert (len(exactly.times), exactly.older) == (1000, False)


@given(
    expr=st.sampled_from(["30 2 * * *", "*/7 * * * *", "0 30 1 * * *", "15 0-4 * * *", "@hourly", "0 0 * * *"]),
    tz=st.sampled_from([NEW_YORK, BERLIN, "Africa/Cairo", "Australia/Lord_Howe", "UTC"]),
    after=st.floats(at("2026-03-01T00:00"), at("2026-12-01T00:00")),
    steps=st.integers(1, 20),
)
def test_times_grow_and_are_the_same_wherever_one_begins(expr: str, tz: str, after: float, steps: int) -> None:
    schedule = Schedule(expr=expr, tz=tz)
    found = list(islice(times_after(schedule, after), steps))
    assert found == sorted(set(found)) and found[0] > after
    one_by_one, moment = list[float](), after
    for _ in range(steps):
        following = next_after(schedule, moment)
        assert following is not None
        moment = following
        one_by_one.append(moment)
    assert one_by_one == found
