"""What becomes of a job's times that have come, of the runs they start, and of a job that keeps failing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wakeful.rules.cron import CORRECTED_S, Passed, Schedule, next_after, passed
from wakeful.rules.words import span

Misfire = Literal["skip", "run_once", "run_all"]
Overlap = Literal["skip", "queue", "replace"]
Fate = Literal["start", "queue", "replace", "skipped", "missed"]

FAILURES_IN_A_ROW = 10
"""A job is switched off after so many."""

LONGEST_BACKOFF_S = 3600.0

ON_TIME_S = 60.0
"""A start that is later than this, or than the job's grace, wasn't on time."""

QUEUE = 100
"""How many of a job's times may wait for the run before."""

FAILED = frozenset({"error", "timeout", "incomplete", "unknown"})
"""Outcomes that count; a run that was stopped by somebody says nothing about the job."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a job is treated.

    Attributes:
        grace: seconds that a start may be late without being missed.
    """

    misfire: Misfire = "skip"
    overlap: Overlap = "skip"
    grace: float = 600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands.

    Attributes:
        cursor: up to this wall time all is decided.
        failures: runs that failed in a row.
        held_until: no start before this, because of them.
        running: its runs that are open.
        queued: its times that wait for those.
    """

    cursor: float
    failures: int = 0
    held_until: float = 0.0
    running: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True)
class Firing:
    """One time of a job, and what becomes of it.

    Attributes:
        late: it is started later than its grace, in place of all that were missed.
    """

    scheduled: float
    fate: Fate
    why: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """Everything about the times of one job that have come.

    Attributes:
        older: there were more before these; they are missed and only told of.
    """

    firings: tuple[Firing, ...]
    cursor: float
    older: bool = False


def due(schedule: Schedule, rule: Rule, standing: Standing, now: float, lead: float = 0.0) -> Due:
    """Decide about each time that has come.

    Times within `grace` can be started: all of them with `run_all`, else the newest. Of older ones `run_once` starts
    the newest, if nothing within `grace` is started anyway. What isn't started is missed, and told so.

    Args:
        now: wall time.
        lead: seconds; a time that near is decided about already, if nothing stands in its way.
    """
    come = passed(schedule, standing.cursor, now)
    firings = _overlapping(_held(_misfired(come, rule, now), standing), rule, standing)
    if firings or come.older:
        return Due(tuple(firings), max(standing.cursor, come.times[-1] if come.times else now), come.older)
    coming = next_after(schedule, standing.cursor) if lead > 0 else None
    if coming is None or coming > now + lead or standing.running or standing.queued or coming < standing.held_until:
        return Due((), standing.cursor)
    return Due((Firing(coming, "start"),), coming)


def _misfired(come: Passed, rule: Rule, now: float) -> list[Firing]:
    within = [time for time in come.times if now - time <= rule.grace]
    if rule.misfire == "run_all":
        chosen = within
    else:
        chosen = within[-1:]
        if not within and rule.misfire == "run_once":
            chosen = list(come.times[-1:])
    return [
        Firing(time, "start", late=now - time > rule.grace) if time in chosen else _missed(time, rule, now)
        for time in come.times
    ]


def _missed(time: float, rule: Rule, now: float) -> Firing:
    late = now - time
    if late > rule.grace:
        why = f"nobody was there to start it for {span(late)}, and its grace is {span(rule.grace)}"
    else:
        why = f"nobody was there to start it for {span(late)}; a later time is started (misfire={rule.misfire})"
    return Firing(time, "missed", why)


def _held(firings: list[Firing], standing: Standing) -> list[Firing]:
    why = f"backing off after {standing.failures} failures in a row"
    return [
        Firing(each.scheduled, "skipped", why)
        if each.fate == "start" and each.scheduled < standing.held_until
        else each
        for each in firings
    ]


def _overlapping(firings: list[Firing], rule: Rule, standing: Standing) -> list[Firing]:
    """The first start goes ahead if no run is open; what comes behind one depends on `overlap`."""
    busy, queued, found = standing.running > 0, standing.queued, list[Firing]()
    making_up = False
    for each in firings:
        if each.fate == "start":
            if busy or queued:
                # times that are made up for come one after the other; none of them may drive out the one before
                each = _behind(each, "queue" if making_up else rule.overlap, queued)
            busy = making_up = True
            queued += each.fate in ("queue", "replace")
        found.append(each)
    return found


def _behind(firing: Firing, overlap: Overlap, queued: int) -> Firing:
    if overlap == "skip":
        return Firing(firing.scheduled, "skipped", "the run before it still goes on (overlap=skip)")
    if queued >= QUEUE:
        return Firing(firing.scheduled, "skipped", f"{queued} of its times wait already")
    return Firing(firing.scheduled, overlap, late=firing.late)


def wakes_at(schedule: Schedule, standing: Standing) -> float | None:
    """When there will be something to decide; None: never."""
    return next_after(schedule, standing.cursor)


def clock_set_back(schedule: Schedule, cursor: float, now: float) -> float | None:
    """The cursor of a job after the clock was set back; None: it stays.

    Times that have been decided about aren't again, so a job of fixed times waits until the clock is past them. If that
    would be long, the clock was wrong before, and the job goes by the new time at once (cron(8), Debian: three hours).
    An interval goes on from now.
    """
    back = cursor - now
    if schedule.every is not None:
        return now if back > schedule.every else None
    return now if back > CORRECTED_S else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job stands after a run of it.

    Attributes:
        disabled: why it is switched off now; empty: it isn't.
    """

    failures: int
    held_until: float
    disabled: str = ""


def after_run(schedule: Schedule, failures: int, outcome: str, finished: float) -> Verdict:
    """Count a run's outcome.

    The first failure changes nothing. From the second in a row on, times are left out: those of 1, 3, 7, ... periods
    after the run's end, at most an hour's, so that a job that comes once a day is never held up.
    """
    if outcome not in FAILED:
        return Verdict(0 if outcome == "ok" else failures, 0.0)
    failures += 1
    if failures >= FAILURES_IN_A_ROW:
        return Verdict(failures, 0.0, f"{failures} runs failed in a row, the last one with {outcome}")
    return Verdict(failures, finished + _backoff(schedule, failures, finished))


def _backoff(schedule: Schedule, failures: int, finished: float) -> float:
    coming = next_after(schedule, finished)
    following = None if coming is None else next_after(schedule, coming)
    if coming is None or following is None:
        return 0.0
    return min((following - coming) * (2.0 ** (failures - 1) - 1.0), LONGEST_BACKOFF_S)


def is_on_time(scheduled: float, began: float | None, grace: float) -> bool:
    """Whether a run began when it should have."""
    return began is not None and began - scheduled <= min(ON_TIME_S, grace)
