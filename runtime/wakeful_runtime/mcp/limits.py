"""How much one caller may ask: a model in a loop must not take the node from the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

AT_ONCE = 8
CALLERS = 256
"""Those that asked last are remembered; one that is forgotten begins anew."""


class TooMuch(Exception):
    """This caller has to wait. The text says for how long."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once after a pause, then so many a minute."""

    burst: int
    per_minute: float


CALLS = Rate(burst=60, per_minute=120)
STARTS = Rate(burst=10, per_minute=10)
"""Of calls that start something: sessions and jobs."""


@dataclass(slots=True)
class Bucket:
    """What is left of a rate."""

    rate: Rate
    left: float
    at: float

    def take(self, now: float) -> float:
        """Take one; 0, or the seconds until there is one."""
        gained = (now - self.at) * self.rate.per_minute / 60
        self.left, self.at = min(self.rate.burst, self.left + gained), now
        if self.left < 1:
            return (1 - self.left) * 60 / self.rate.per_minute
        self.left -= 1
        return 0.0


@dataclass(slots=True)
class Caller:
    """One caller's use."""

    calls: Bucket
    starts: Bucket
    under_way: int = field(default=0)


class Limits:
    """Per caller.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._callers: OrderedDict[str, Caller] = OrderedDict()

    @contextmanager
    def call(self, who: str, *, starts: bool) -> Generator[None]:
        """One call, for as long as it is under way.

        Args:
            starts: whether it starts something.

        Raises:
            TooMuch: not now.
        """
        caller = self._caller(who)
        if caller.under_way >= AT_ONCE:
            raise TooMuch(f"{AT_ONCE} of your calls are under way: wait for one of them to end")
        self._take(caller.calls, "calls")
        if starts:
            self._take(caller.starts, "calls that start something")
        caller.under_way += 1
        try:
            yield
        finally:
            caller.under_way -= 1

    def _take(self, bucket: Bucket, of: str) -> None:
        wait = bucket.take(self._clock())
        if wait:
            rate = bucket.rate.per_minute
            raise TooMuch(f"more than {rate:g} {of} a minute: wait {wait:.0f} s, then make this call again")

    def _caller(self, who: str) -> Caller:
        now = self._clock()
        caller = self._callers.setdefault(
            who, Caller(Bucket(CALLS, CALLS.burst, now), Bucket(STARTS, STARTS.burst, now))
        )
        self._callers.move_to_end(who)
        while len(self._callers) > CALLERS:
            self._callers.popitem(last=False)
        return caller
