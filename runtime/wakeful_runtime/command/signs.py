"""A program's signs of life on the host's side: when the last one came, and whether the next one is late."""

from __future__ import annotations

import time
from collections.abc import Callable

LATE = 0.6
"""Share of the time promised after which the next sign is missed. A program that gives it twice in that time, as
sd_watchdog_enabled(3) advises, never misses one."""


class Signs:
    """Written by the host's loop, read by its control thread.

    Args:
        what: what the sign is, for people.
        within: seconds between two of them at most; None: none is promised.
        clock: seconds, monotonic.
    """

    def __init__(self, what: str, within: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.what = what
        self.within = within
        self._clock = clock
        self._at = clock()
        self._missed_since: float | None = None

    @property
    def silent_since(self) -> float | None:
        """The last sign, once the next one is late."""
        return self._missed_since

    def came(self) -> bool:
        """A sign of life; whether one had been missed."""
        self._at, missed, self._missed_since = self._clock(), self._missed_since is not None, None
        return missed

    def promised(self, within: float) -> bool:
        """From now on so often; whether one had been missed."""
        self.within = within
        return self.came()

    def failed(self, what: str) -> bool:
        """Asked, and no sign came; whether that is news."""
        self.what = what
        return self._miss(self._at)

    def hung(self, within: float) -> bool:
        """The program says so itself: what was promised is over."""
        self.within = self.within or within
        self.what = "WATCHDOG=trigger"
        self._missed_since = self._clock() - self.within
        return True

    def look(self) -> tuple[bool, float | None]:
        """Whether a sign is missed that wasn't before, and in how many seconds to look again; None: no need."""
        if self.within is None:
            return False, None
        left = self._at + LATE * self.within - self._clock()
        if left > 0:
            return False, left
        return self._miss(self._at), LATE * self.within

    def _miss(self, since: float) -> bool:
        news = self._missed_since is None
        self._missed_since = self._missed_since if self._missed_since is not None else since
        return news
