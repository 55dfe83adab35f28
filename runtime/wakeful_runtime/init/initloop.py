"""The loop of keeper and init: one thread, descriptors, timers and signals; stdlib only."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

LATE_S = 0.25
"""A timer this late means that this process did not run: what others are accused of then is our own doing."""


class Timer:
    """One call in the future."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """It will not be called any more."""
        self.call = None


class InitLoop:
    """Calls back when descriptors are ready, timers are due and signals came.

    Signals reach it through Python's wake-up descriptor, so no user code ever runs in a handler.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._running = True
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else _pipe()
        self._saved: dict[int, Any] = {}
        self._on_signal: Callable[[int], None] | None = None
        self.late_at = time.monotonic()
        """When this loop was last found late (or began), monotonic seconds."""

    def watch(self, descriptor: int, events: int, call: Callable[[int], None]) -> None:
        """Call with the ready events. Watching again changes events and call."""
        if descriptor in self._selector.get_map():
            self._selector.modify(descriptor, events, call)
        else:
            self._selector.register(descriptor, events, call)

    def unwatch(self, descriptor: int) -> None:
        """No more calls; unknown descriptors are fine."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(descriptor)

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call once, `delay` seconds from now."""
        timer = Timer(call)
        heapq.heappush(self._timers, (time.monotonic() + delay, next(self._numbers), timer))
        return timer

    def signals(self, numbers: Iterable[int], call: Callable[[int], None]) -> None:
        """Call with each signal that came, from the loop."""
        self._on_signal = call
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in numbers:
            self._saved[number] = signal.signal(number, _noted)
        self.watch(self._wake_read, selectors.EVENT_READ, self._signalled)

    def run(self) -> None:
        """Until `stop`."""
        while self._running:
            self._turn()

    def stop(self) -> None:
        """`run` returns after this turn."""
        self._running = False

    def close(self) -> None:
        """Give signals and descriptors back."""
        if self._saved:
            signal.set_wakeup_fd(-1)
        for number, handler in self._saved.items():
            signal.signal(number, handler)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _turn(self) -> None:
        wait = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        for key, events in self._selector.select(wait):
            if self._selector.get_map().get(key.fd) is key:  # an earlier call of this turn may have let it go
                key.data(events)
        while self._running and self._timers and self._timers[0][0] <= (now := time.monotonic()):
            due, _, timer = heapq.heappop(self._timers)
            if now - due > LATE_S:
                self.late_at = now
            if timer.call is not None:
                timer.call()

    def _signalled(self, events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._wake_read, 4096):
                for number in sorted(set(data)):
                    if self._on_signal is not None:
                        self._on_signal(number)


def _noted(number: int, frame: object) -> None:
    """The byte in the wake-up pipe is all that is wanted."""


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends
