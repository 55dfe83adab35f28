"""Is the main loop turning? A call posted to it, and how long the oldest one has been waiting to run."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

WAIT = 0.005
"""How long a sounding waits for its echo, seconds."""

OUT = 16
"""Echoes under way at most: a blocked loop isn't handed more."""


class LoopEcho:
    """Used by one thread, the control thread; the echoes run on the main loop.

    Args:
        post: runs a call on the main loop, from any thread.
    """

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self._numbers = itertools.count()
        self._out: dict[int, float] = {}

    def age(self) -> float:
        """Seconds since the oldest call that hasn't run was posted; 0 if all ran. Waits 5 ms at most."""
        heard = threading.Event()
        if len(self._out) < OUT:
            number = next(self._numbers)
            self._out[number] = time.monotonic()
            self._post(lambda: self._hear(number, heard))
        heard.wait(WAIT)
        oldest = min(list(self._out.values()), default=None)
        return 0.0 if oldest is None else time.monotonic() - oldest

    def _hear(self, number: int, heard: threading.Event) -> None:
        self._out.pop(number, None)
        heard.set()
