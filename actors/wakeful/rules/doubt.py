"""The monitor doubts itself first: was it asleep, late or starved itself? Then every deadline starts anew.

The universal guard is the lateness of the monitor's own tick: SIGSTOP, a paused container or virtual machine and a
CPU quota all show in it. The clocks only explain what happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Cause = Literal["late", "suspended", "starved", "throttled", "clock_step"]

LATE = 0.25
"""Seconds a tick may be late: on a quiet machine at most 0.10 was seen, with a hundred busy processes 0.38."""

CLOCK_STEP = 1.0
"""Seconds the wall clock may drift from the monotonic one between two ticks before it is called a step."""

LONGEST_MEMORY = 5.0
"""Seconds a long stop is remembered at the least: sessions may wake up later than their monitor."""

OWN_TICK = 5.0
"""Seconds between two ticks at the most: a stop slept through between two is not seen, and no lease gets it back."""

LASTING = 60.0
"""Seconds of doubts, each at most `ROW` after the one before, after which people are told: nothing is judged then."""

ROW = 10.0

_KEPT_GAPS = 32


@dataclass(frozen=True, slots=True)
class Clocks:
    """What a monitor reads at every tick; all in seconds, None where the machine doesn't say.

    Attributes:
        monotonic: CLOCK_MONOTONIC; every deadline is on this one.
        boottime: CLOCK_BOOTTIME; runs on while the host is suspended.
        wall: CLOCK_REALTIME; never used for a deadline.
        run_delay: how long the monitor's own main thread has waited for a CPU, in all.
        throttled: how long the monitor's own cgroup has been throttled, in all.
        pressure: `total` of "some" in /proc/pressure/cpu.
    """

    monotonic: float
    boottime: float | None = None
    wall: float | None = None
    run_delay: float | None = None
    throttled: float | None = None
    pressure: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing for the journal.

    Attributes:
        cause: the clearest explanation there is.
        rebase: whether all deadlines start anew; a stepped wall clock alone changes none.
        lost: seconds of monotonic time in which the monitor did not look.
        words: one line for people.
        lasting: so many seconds it has doubted itself again and again; 0 unless people are to be told now.
    """

    cause: Cause
    rebase: bool
    lost: float
    words: str
    lasting: float = 0.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of monotonic time in which the monitor did not look."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a monitor remembers of its own weakness.

    Attributes:
        at: when all deadlines were last started anew (monotonic), None if never.
        lost: how long the monitor had not looked then.
        why: one line for people, of the last rebase.
        gaps: the latest stretches not looked at; leases and the progress clock get them back.
        last: the clocks of the latest tick.
        since: when the present row of doubts began.
        told: people know of this row.
    """

    at: float | None = None
    lost: float = 0.0
    why: str = ""
    gaps: tuple[Gap, ...] = ()
    last: Clocks | None = field(default=None, repr=False)
    since: float | None = None
    told: bool = False

    def start(self, since: float) -> float:
        """A clock that began at `since` begins, for judging, no earlier than the last rebase."""
        return since if self.at is None else max(since, self.at)

    def until(self, every: float, timeout: float) -> float:
        """No killing verdict before this time: a full further probe round, or as long as a long stop is remembered.

        A probe leaves at once after a rebase, so that a round is `timeout` and at most as long again.
        """
        if self.at is None:
            return float("-inf")
        return self.at + max(min(every, timeout) + timeout, min(self.lost, LONGEST_MEMORY))

    def lost_since(self, since: float) -> float:
        """Seconds after `since` in which the monitor did not look."""
        return sum(max(0.0, gap.until - max(gap.since, since)) for gap in self.gaps)


def observe(doubt: Doubt, clocks: Clocks, *, due: float) -> tuple[Doubt, Finding | None]:
    """One tick of the monitor.

    Args:
        doubt: what it remembers.
        clocks: the clocks now, read after all sockets were drained.
        due: when this tick was due (monotonic).

    Returns:
        What it remembers now, and what the journal should say, if anything.
    """
    finding = _find(doubt.last, clocks, max(0.0, clocks.monotonic - due))
    if finding is None or not finding.rebase:
        return replace(doubt, last=clocks), finding
    gaps = doubt.gaps
    if finding.lost > 0:
        gaps = (*gaps, Gap(clocks.monotonic - finding.lost, clocks.monotonic))[-_KEPT_GAPS:]
    now = clocks.monotonic
    in_a_row = doubt.at is not None and doubt.since is not None and now - finding.lost - doubt.at <= ROW
    since = doubt.since if in_a_row and doubt.since is not None else now
    told = in_a_row and doubt.told
    if not told and now - since >= LASTING:
        finding, told = replace(finding, lasting=now - since), True
    after = Doubt(at=now, lost=finding.lost, why=finding.words, gaps=gaps, last=clocks, since=since, told=told)
    return after, finding


def _find(last: Clocks | None, now: Clocks, late: float) -> Finding | None:
    if last is None:
        return None
    suspended = _grew(
        _minus(last.boottime, last.monotonic),
        _minus(now.boottime, now.monotonic),
    )
    waited = _grew(last.run_delay, now.run_delay)
    throttled = _grew(last.throttled, now.throttled)
    if suspended > LATE:
        return Finding("suspended", True, late, f"the host was suspended for {suspended:.1f} s")
    if late > LATE and throttled > late / 2:
        return Finding("throttled", True, late, f"the monitor's CPU quota held it back for {throttled:.1f} s")
    if late > LATE and waited > late / 2:
        words = f"the monitor waited {waited:.1f} s for a CPU{_pressure(last, now)}"
        return Finding("starved", True, late, words)
    if late > LATE:
        words = f"the monitor was {late:.1f} s late (stopped, paused or held up){_pressure(last, now)}"
        return Finding("late", True, late, words)
    return _clock_step(last, now)


def _clock_step(last: Clocks, now: Clocks) -> Finding | None:
    if last.wall is None or now.wall is None:
        return None
    step = (now.wall - last.wall) - (now.monotonic - last.monotonic)
    if abs(step) <= CLOCK_STEP:
        return None
    return Finding("clock_step", False, 0.0, f"the wall clock was set by {step:+.1f} s; no deadline depends on it")


def _pressure(last: Clocks, now: Clocks) -> str:
    window = now.monotonic - last.monotonic
    if last.pressure is None or now.pressure is None or window <= 0:
        return ""
    return f"; CPU pressure {min(1.0, (now.pressure - last.pressure) / window):.0%}"


def _minus(left: float | None, right: float) -> float | None:
    return None if left is None else left - right


def _grew(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else after - before
