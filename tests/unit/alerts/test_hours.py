"""When business hours are, and when they begin: over midnight, holidays, and the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeful import BusinessHours, SpecError
from wakeful.rules.hours import week

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
HAVANA = ZoneInfo("America/Havana")


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "zone", "at", "opens"),
    [
        ("mon-fri 09:00-18:00", BERLIN, "2026-11-23T10:00", "2026-11-23T10:00"),
        ("mon-fri 09:00-18:00", BERLIN, "2026-11-23T18:00", "2026-11-24T09:00"),
        ("mon-fri 09:00-18:00", BERLIN, "2026-11-27T19:00", "2026-11-30T09:00"),
        ("sat 22:00-06:00", BERLIN, "2026-11-29T05:59", "2026-11-29T05:59"),
        ("sat 22:00-06:00", BERLIN, "2026-11-29T06:00", "2026-12-05T22:00"),
        # clocks go forward: 02:00 to 03:00 is skipped
        ("daily 02:30-04:00", BERLIN, "2026-03-29T01:59", "2026-03-29T03:00"),
        ("daily 02:10-02:50", BERLIN, "2026-03-29T01:59", "2026-03-30T02:10"),
        ("daily 09:00-18:00", BERLIN, "2026-03-28T20:00", "2026-03-29T09:00"),
        ("daily 00:30-05:00", HAVANA, "2026-03-07T12:00", "2026-03-08T01:00"),
        # clocks go back: 01:00 to 02:00 comes twice
        ("sun 01:30-01:45", NEW_YORK, "2026-11-01T00:30", "2026-11-01T01:30"),
        ("daily 09:00-18:00", NEW_YORK, "2026-10-31T20:00", "2026-11-01T09:00"),
    ],
)
def test_the_hours_begin(hours: str, zone: ZoneInfo, at: str, opens: str) -> None:
    found = week(hours).opening(local(at, zone), zone)
    assert found is not None
    assert found.astimezone(zone).isoformat()[:16] == opens


def test_an_hour_that_comes_twice_is_inside_both_times() -> None:
    spans = week("sun 01:30-01:45")
    first = local("2026-11-01T01:40", NEW_YORK)
    assert spans.contains(first)
    assert spans.contains(first.replace(fold=1))
    between = first.replace(minute=50)
    again = spans.opening(between, NEW_YORK)
    assert again is not None
    assert again.astimezone(NEW_YORK).fold == 1
    assert again - between.astimezone(UTC) == timedelta(minutes=40)


def test_a_holiday_has_no_hours_and_what_began_before_it_goes_on() -> None:
    hours = BusinessHours("daily 20:00-04:00", tz="Europe/Berlin", holidays=["12-25", date(2026, 12, 31)])
    assert hours.contains(local("2026-12-25T03:00"))
    assert not hours.contains(local("2026-12-25T21:00"))
    assert not hours.contains(local("2027-12-26T03:00"))
    assert not hours.contains(local("2026-12-31T21:00"))
    assert hours.contains(local("2027-12-31T21:00"))
    opens = week(hours.hours, hours.holidays).opening(local("2026-12-25T12:00"), BERLIN)
    assert opens == local("2026-12-26T20:00")


def test_hours_that_never_begin_say_so() -> None:
    every_day = tuple((date(2024, 1, 1) + timedelta(days=day)).isoformat()[5:] for day in range(366))
    assert week("daily 09:00-18:00", every_day).opening(local("2026-01-01T00:00"), BERLIN) is None


@pytest.mark.parametrize("day", ["2026-13-01", "christmas", "13-01", "2026-02-30"])
def test_a_holiday_that_is_no_day_is_refused(day: str) -> None:
    with pytest.raises(SpecError, match="is no day; write '2026-12-25'"):
        BusinessHours("daily 09:00-18:00", holidays=[day])


ZONES = st.sampled_from([BERLIN, NEW_YORK, HAVANA, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia"), UTC])
HOURS = st.sampled_from(
    ["mon-fri 09:00-18:00", "daily 02:15-02:45", "sun 01:30-03:30", "sat 22:00-06:00", "* 00:00-24:00"]
)


@given(HOURS, ZONES, st.integers(0, 7900 * 24 * 60))
@settings(max_examples=200, deadline=None)
def test_the_opening_is_the_first_moment_inside(hours: str, zone: ZoneInfo, minutes: int) -> None:
    at = datetime(2011, 12, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    spans = week(hours)
    found = spans.opening(at, zone)
    assert found is not None
    assert found >= at
    assert spans.contains(found.astimezone(zone))
    before = found - timedelta(minutes=1)
    assert found == at or before < at or not spans.contains(before.astimezone(zone))
