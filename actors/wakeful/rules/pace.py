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
        at: when its progress clock last moved.
    """

    steps: tuple[float, ...] = ()
    done: float | None = None
    at: float | None = None

    def moved(self, done: float | None, at: float) -> Pace:
        """The progress clock as the latest answer shows it.

        Args:
            done: its own count, None if it reports none: then every move of the clock is a step.
            at: its progress clock (monotonic seconds).
        """
        if self.at is None or (done is not None and self.done is not None and done < self.done):
            return Pace(done=done, at=at)
        if at <= self.at or (done is not None and done == self.done):
            return self
        units = 1.0 if done is None or self.done is None else done - self.done
        if units <= 0:
            return self
        return Pace((*self.steps, (at - self.at) / units)[-KEPT:], done, at)

    @property
    def usual(self) -> float | None:
        """Seconds a step usually takes, None while too little is known."""
        if len(self.steps) < ENOUGH:
            return None
        earlier = self.steps[:-RECENT]
        return median(earlier)

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
