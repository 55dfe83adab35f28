"""A fake clock on the running loop: when nothing is left to do, time jumps to the next timer.

The idea is trio's `MockClock` with autojump: what a test awaits takes no real time, and always the same time.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

GRACE = 0.25
"""Real seconds that time stands still while sockets or threads beside the loop may still bring something."""

_clocks: WeakKeyDictionary[asyncio.AbstractEventLoop, FakeClock] = WeakKeyDictionary()


class FakeClock:
    """The time of one loop: its own while it is in use, real again (and never going back) afterwards."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._users = 0
        self._ahead = 0.0
        self._now = 0.0
        self._wall = 0.0
        self._threads = 0

    def time(self) -> float:
        """What `loop.time()` says."""
        return self._now if self._users else time.monotonic() + self._ahead

    def wall(self) -> float:
        """Wall time, seconds since the epoch; it goes on with `time`."""
        return self._wall + self._now

    def begin(self) -> None:
        """Stop real time, at a whole second: sums of whole seconds stay exact then."""
        if self._users == 0:
            self._now = float(math.ceil(self.time()))
            self._wall = time.time() - self._now
            self._threads = threading.active_count()
        self._users += 1

    def end(self) -> None:
        """Let real time go on from here."""
        self._users -= 1
        if self._users == 0:
            self._ahead = self._now - time.monotonic()

    def select(self, selector: Any, timeout: float | None) -> Any:
        """In the loop's place: wait for descriptors, or jump."""
        if not self._users or timeout is None or timeout <= 0:
            return selector.select(timeout)
        # One descriptor is the loop's own; threads and sockets need real time.
        others = len(selector.get_map()) > 1 or threading.active_count() > self._threads
        events = selector.select(GRACE if others else 0)
        if not events:
            self._now += timeout
        return events


class _Selector:
    """The loop's selector, asked through the clock."""

    def __init__(self, selector: Any, clock: FakeClock) -> None:
        self._selector = selector
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        return self._clock.select(self._selector, timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)


@contextmanager
def fake_clock() -> Generator[FakeClock]:
    """The running loop's clock, faked inside the block. On loops that can't be (uvloop), time stays real."""
    loop: Any = asyncio.get_running_loop()
    clock = _clocks.get(loop)
    if clock is None:
        clock = _clocks[loop] = FakeClock(loop)
        if isinstance(loop, asyncio.BaseEventLoop) and hasattr(loop, "_selector"):
            patched: Any = loop
            patched.time = clock.time
            patched._selector = _Selector(patched._selector, clock)
    clock.begin()
    try:
        yield clock
    finally:
        clock.end()
