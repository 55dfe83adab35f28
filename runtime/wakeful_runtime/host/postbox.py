"""Carries calls from the control thread to a loop that may not run yet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable


class Postbox:
    """`post` may be called from any thread, at any time; what is posted early runs when the loop is attached."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._early: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._carry: Callable[[Callable[[], None]], None] | None = None
        self._closed = False

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the loop; dropped once the box or the loop is closed."""
        with self._lock:
            loop, carry = self._loop, self._carry
            if carry is not None:
                carry(call)
                return
            if loop is None:
                if not self._closed:
                    self._early.append(call)
                return
        try:
            loop.call_soon_threadsafe(call)
        except RuntimeError:
            if not loop.is_closed():
                raise

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From the loop's own thread: what waited runs in its next turn, in order."""
        with self._lock:
            self._loop = loop
            early, self._early = self._early, []
        for call in early:
            loop.call_soon(call)

    def attach_to(self, carry: Callable[[Callable[[], None]], None]) -> None:
        """The same for a loop that isn't asyncio's: `carry` may be called from any thread and must not block."""
        with self._lock:
            self._carry = carry
            early, self._early = self._early, []
        for call in early:
            carry(call)

    def close(self) -> None:
        """Nothing more is carried."""
        with self._lock:
            self._closed, self._loop, self._carry = True, None, None
