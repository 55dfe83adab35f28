"""When a schedule comes: cron expressions, intervals and single times, on the wall clock. Pure.

Daylight saving, as Debian's cron has it (crontab(5), cron(8), "Notes"):

- A job of fixed times (minute and hour don't begin with `*`) runs once for each of its times: one that falls into
  the hour that is left out runs right after it; one in the hour that comes twice runs in the first of the two.
- A job with a wildcard there goes by the time that passes: nothing is made up for the hour left out, and the hour that
  comes twice is run through twice.

Debian's expressions have no seconds; here those that have them follow the same rule.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

SHORTEST_S = 0.1
"""No schedule comes more often."""

LOOKED_BACK = 1000
"""How many passed times of one job are looked at; older ones are only told of."""

CORRECTED_S = 3 * 3600.0
"""A clock that is set back by more was wrong before (cron(8), Debian); by less, its times aren't run again."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One of `expr`, `every` and `at`.

    Attributes:
        expr: five fields, or six with seconds first, or one of `@daily` and the like.
        every: seconds; the times are `anchor` plus its multiples.
        at: the only time, seconds since the epoch.
        tz: the zone `expr` is read in.
    """

    expr: str | None = None
    every: float | None = None
    at: float | None = None
    tz: str = "UTC"
    anchor: float = 0.0


@dataclass(frozen=True, slots=True)
class Passed:
    """Times that have come.

    Attributes:
        times: the newest, in order.
        older: whether there were more before them.
    """

    times: tuple[float, ...]
    older: bool = False


def check_cron(expr: str) -> str:
    """The expression, if it is one.

    Raises:
        ValueError: it isn't, or never comes; the text says why.
    """
    fields = _fields(expr)
    try:
        next(CronSim(fields, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{expr!r} is no cron expression ({error}); write five fields, such as '0 3 * * mon'"
        ) from None
    except StopIteration:
        raise ValueError(f"{expr!r} never comes; is that a day its month doesn't have?") from None
    return expr


def _fields(expr: str) -> str:
    word = expr.strip().lower()
    if word.startswith("@"):
        found = NAMED.get(word)
        if found is None:
            raise ValueError(f"{expr!r} is no cron expression; of the short words there are {', '.join(NAMED)}")
        return found
    return expr


def next_after(schedule: Schedule, after: float) -> float | None:
    """The first time later than `after`; None: it doesn't come any more."""
    return next(times_after(schedule, after), None)


def times_after(schedule: Schedule, after: float) -> Iterator[float]:
    """All times later than `after`, in order, each once."""
    if schedule.at is not None:
        if schedule.at > after:
            yield schedule.at
    elif schedule.every is not None:
        yield from _multiples(schedule.every, schedule.anchor, after)
    elif schedule.expr is not None:
        yield from _cron_times(_fields(schedule.expr), schedule.tz, after)


def passed(schedule: Schedule, after: float, now: float, limit: int = LOOKED_BACK) -> Passed:
    """The times later than `after` and not later than `now`: the newest `limit` of them."""
    span = 3600.0
    while True:
        start = max(after, now - span)
        newest = deque(takewhile(lambda time: time <= now, times_after(schedule, start)), maxlen=limit)
        if start == after:
            more = len(newest) == limit
            break
        if len(newest) == limit:
            more = True
            break
        span *= 4
    first = next_after(schedule, after)
    return Passed(tuple(newest), more and bool(newest) and first is not None and first < newest[0])


def _multiples(every: float, anchor: float, after: float) -> Iterator[float]:
    number = int((after - anchor) // every)
    while True:
        time = round(anchor + number * every, 3)
        number += 1
        if time > after:
            yield time


def _cron_times(fields: str, tz: str, after: float) -> Iterator[float]:
    """Fixed times are found on the clock's face and then looked up in the zone; the others in the zone itself."""
    zone = _zone(tz)
    start = datetime.fromtimestamp(int(after // 1), UTC).astimezone(zone)
    last = after
    for found in _faces(fields, start) if _is_fixed(fields) else CronSim(fields, start):
        time = found.timestamp()
        if time > last:
            last = time
            yield time


def _faces(fields: str, start: datetime) -> Iterator[datetime]:
    for face in CronSim(fields, start.replace(tzinfo=None, fold=0)):
        yield _in_zone(face, start)


def _in_zone(face: datetime, start: datetime) -> datetime:
    """The first moment the zone's clocks show this, or the first one after it where they never do."""
    found = face.replace(tzinfo=start.tzinfo, fold=0)
    before, behind = found.utcoffset(), found.replace(fold=1).utcoffset()
    if before is None or behind is None or before >= behind:
        return found  # once, or twice: fold 0 is the first
    instant = (face - before).replace(tzinfo=UTC)  # in the gap: as far behind its end as `face` is into it
    return _gap_end(instant, behind - before, start)


def _gap_end(instant: datetime, gap: timedelta, start: datetime) -> datetime:
    """The moment the clocks were put forward, which is less than `gap` before `instant`."""
    low, high = instant - gap, instant
    offset = low.astimezone(start.tzinfo).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(start.tzinfo).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0).astimezone(start.tzinfo)


def _is_fixed(fields: str) -> bool:
    parts = fields.split()
    minute, hour = parts[-5], parts[-4]
    return not minute.startswith("*") and not hour.startswith("*")


@lru_cache(maxsize=64)
def _zone(tz: str) -> ZoneInfo:
    return ZoneInfo(tz)
