"""How fast a session gets on, measured against itself: slow progress is told, never punished."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

ENOUGH = 8
"""Steps before a pace is known."""

KEPT = 32
RECENT = 4

SLOWER = 8.0
"""How many times slower than usual is slow."""

LEAST = 5.0
"""Seconds a step takes at the least before it can be called slow."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The latest steps of a session.

    Attributes:
        steps: seconds per unit done, oldest first.
        done: the latest count it reported.
        at: where its progress clock was then, moved on by the time it stood still since.
    """

    steps: tuple[float, ...] = ()
    done: float | None = None
    at: float | None = None

    def moved(self, done: float | None, at: float) -> Pace:
        """The session's count and its progress clock as the latest answer shows them.

        Args:
            done: its own count, None if it reports none: then it has no pace.
            at: its progress clock (monotonic seconds), moved on by the time it stood still.
        """
        if done is None:
            return self
        if self.at is None or self.done is None or done < self.done or at < self.at:
            return Pace(self.steps, done, at)  # the first report, a new round, a new life: the history stays
        if done == self.done:
            return self if at == self.at else Pace(self.steps, done, at)
        return Pace((*self.steps, (at - self.at) / (done - self.done))[-KEPT:], done, at)

    @property
    def usual(self) -> float | None:
        """Seconds a step usually takes, None while too little is known."""
        if len(self.steps) < ENOUGH:
            return None
        return median(self.steps[:-RECENT])

    def slow(self, now: float) -> bool:
        """Whether the step under way, or the latest ones, take far longer than this session's steps usually do.

        Args:
            now: monotonic seconds, less the time in which the progress clock stood still.
        """
        usual = self.usual
        if usual is None or self.at is None:
            return False
        limit = max(LEAST, SLOWER * usual)
        return now - self.at > max(limit, 2 * max(self.steps)) or min(self.steps[-RECENT:]) > limit
