"""Business hours: weekly intervals of local time less holidays, right also on the days on which clocks change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\S+)\s+(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)
_HOLIDAY = re.compile(r"(\d{4}-)?\d{2}-\d{2}", re.ASCII)

LOOK_AHEAD_DAYS = 400
"""Hours that do not begin within so many days never do."""


@dataclass(frozen=True, slots=True)
class Span:
    """An interval on some days of the week (Monday is 0); one that ends before it begins goes over midnight."""

    days: frozenset[int]
    begin: time
    end: time


@dataclass(frozen=True, slots=True)
class Week:
    """What `BusinessHours` means.

    Attributes:
        spans: the intervals, in local time.
        holidays: days without any: `2026-12-25`, or `12-25` for each year. A span over midnight belongs to the day
            on which it begins.
    """

    spans: tuple[Span, ...]
    holidays: frozenset[str] = field(default_factory=frozenset[str])

    def contains(self, local: datetime) -> bool:
        """Whether this moment of local time is within them."""
        now, today = local.time(), local.date()
        yesterday = today - timedelta(days=1)
        for span in self.spans:
            if span.begin < span.end:
                inside = span.begin <= now < span.end and self._on(span, today)
            else:
                inside = (now >= span.begin and self._on(span, today)) or (now < span.end and self._on(span, yesterday))
            if inside:
                return True
        return False

    def opening(self, at: datetime, zone: tzinfo) -> datetime | None:
        """The first moment from `at` (aware) on that is within them, in UTC; None: there is none in a year."""
        at = at.astimezone(UTC)
        if self.contains(at.astimezone(zone)):
            return at
        first = at.astimezone(zone).date()
        for ahead in range(LOOK_AHEAD_DAYS):
            day = first + timedelta(days=ahead)
            for begin in sorted({span.begin for span in self.spans if self._on(span, day)}):
                for moment in _moments(datetime.combine(day, begin), zone):
                    if moment >= at and self.contains(moment.astimezone(zone)):
                        return moment
        return None

    def _on(self, span: Span, day: date) -> bool:
        return day.weekday() in span.days and not {day.isoformat(), day.isoformat()[5:]} & self.holidays


def _moments(wall: datetime, zone: tzinfo) -> Iterator[datetime]:
    """When the clocks show `wall`, in UTC.

    Where they skip that time or show it twice, each minute between the two readings of it: the interval then begins
    with the first of them that is within it.
    """
    low, high = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while low <= high:
        yield low
        low += timedelta(minutes=1)


def week(hours: str, holidays: tuple[str, ...] = ()) -> Week:
    """Read `mon-fri 09:00-18:00`; several are separated by `;` or a comma and a space.

    Raises:
        ValueError: with the part that isn't days and hours.
    """
    return Week(
        tuple(_span(part.strip()) for part in re.split(r";\s*|,\s+", hours.strip().lower())), frozenset(holidays)
    )


def holiday(text: str) -> str:
    """Check a holiday: `2026-12-25`, or `12-25` for each year.

    Raises:
        ValueError: it is no day.
    """
    if not _HOLIDAY.fullmatch(text):
        raise ValueError(text)
    date.fromisoformat(text if len(text) > 5 else f"2024-{text}")  # a year that has a 29th of February
    return text


def _span(part: str) -> Span:
    match = _HOURS.fullmatch(part)
    try:
        if match is not None:
            return Span(_days(match[1]), _time(match[2], match[3]), _time(match[4], match[5]))
    except ValueError:
        pass
    raise ValueError(part)


def _time(hour: str, minute: str) -> time:
    return time.max if (hour, minute) == ("24", "00") else time(int(hour), int(minute))


def _days(text: str) -> frozenset[int]:
    if text in ("daily", "*"):
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _DAYS.index(first[:3])
        end = _DAYS.index(last[:3]) if dash else begin
        days |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return frozenset(days)
