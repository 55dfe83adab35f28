"""Policies, business hours: what their words mean."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wakeful import BusinessHours, Heartbeat, Limits

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 23, tzinfo=BERLIN)


def test_heartbeats_by_speed_and_kind_of_work() -> None:
    assert [Heartbeat.fast().every, Heartbeat.medium().every, Heartbeat.long().every] == [120, 300, 600]
    assert [Heartbeat.fast(kind=kind).timeout for kind in ("browser", "api", "compute")] == [60, 20, 10]


@pytest.mark.parametrize(
    ("name", "every", "judged"),
    [
        ("social_monitoring", 300, False),
        ("content_generation", 600, True),
        ("posting", 180, False),
        ("research", 900, True),
    ],
)
def test_presets(name: str, every: float, judged: bool) -> None:
    heartbeat = Heartbeat.preset(name)  # type: ignore[arg-type]
    assert (heartbeat.every, heartbeat.progress_given) == (every, judged)


def test_memory_has_units() -> None:
    assert Limits(memory="4GiB").memory == 4 * 2**30
    assert Limits(memory="512MB").memory == 512_000_000


@pytest.mark.parametrize(
    ("hours", "day", "time", "inside"),
    [
        ("mon-fri 09:00-18:00", 0, 9.0, True),
        ("mon-fri 09:00-18:00", 0, 8.99, False),
        ("mon-fri 09:00-18:00", 0, 18.0, False),
        ("mon-fri 09:00-18:00", 5, 12.0, False),
        ("sat,sun 10:00-12:00", 6, 11.0, True),
        ("fri-mon 10:00-12:00", 0, 11.0, True),
        ("fri-mon 10:00-12:00", 1, 11.0, False),
        ("mon 22:00-06:00", 0, 23.0, True),
        ("mon 22:00-06:00", 1, 5.0, True),
        ("mon 22:00-06:00", 0, 5.0, False),
        ("mon-thu 09:00-18:00; fri 09:00-15:00", 4, 16.0, False),
        ("mon-thu 09:00-18:00; fri 09:00-15:00", 3, 16.0, True),
        ("daily 00:00-24:00", 6, 23.99, True),
    ],
)
def test_business_hours(hours: str, day: int, time: float, inside: bool) -> None:
    at = MONDAY + timedelta(days=day, hours=time)
    assert BusinessHours(hours, tz="Europe/Berlin").contains(at) is inside
    assert BusinessHours(hours, tz="Europe/Berlin").contains(at.astimezone(ZoneInfo("Asia/Tokyo"))) is inside
