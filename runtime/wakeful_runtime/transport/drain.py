"""The one function that owns a socket's descriptor on an event loop.

ZeroMQ's descriptor is edge-triggered: it tells of a change once, and any send or receive may swallow that. So the state
is looked at again after each of them, and a bounded drain calls itself again (facts: no second edge comes).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import zmq

from wakeful_runtime.transport.context import EVENTS, FD, POLLIN, Socket

AT_ONCE = 32
"""Messages taken before the loop gets a turn."""


class Drain:
    """Reads one socket whenever there is something to read.

    Args:
        socket: whose descriptor it owns.
        take: receives exactly one message (all its parts) and deals with it.
        after: called once when a drain has taken something; may send.
    """

    def __init__(self, socket: Socket, take: Callable[[], None], after: Callable[[], None] | None = None) -> None:
        self._look: Callable[[int], Any] = socket.getsockopt
        self._descriptor = int(socket.getsockopt(FD))
        self._take = take
        self._after = after
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running = False
        self._scheduled = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; what is already there is read in the loop's next turn."""
        self._loop = loop
        loop.add_reader(self._descriptor, self._told)
        self._again()

    def stop(self) -> None:
        """Before the socket is closed."""
        if self._loop is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop = None

    @property
    def _open(self) -> bool:
        return self._loop is not None

    def sent(self) -> None:
        """To be called after every send outside of `take` and `after`."""
        if not self._running and not self._scheduled and self._look(EVENTS) & POLLIN:
            self._again()

    def run(self, limit: int = AT_ONCE, *, sure: bool = False) -> int:
        """Take what is there, at most `limit` messages; how many it were. Never runs inside itself.

        Args:
            limit: then the loop gets a turn first.
            sure: the descriptor has just told of something, which is nearly always a message: receive before looking.
        """
        if self._running or self._loop is None:
            return 0
        self._running = True
        look, take = self._look, self._take
        taken = 0
        again = True
        try:
            while taken < limit:
                if not sure and not look(EVENTS) & POLLIN:
                    again = False
                    break
                sure = False
                taken += 1
                take()
                if not self._open:
                    return taken
            if taken and self._after is not None:
                self._after()
                again = again or bool(self._open and look(EVENTS) & POLLIN)
        except zmq.Again:
            again = True
        finally:
            self._running = False
            if again:
                self._again()
        return taken

    def _told(self) -> None:
        self.run(sure=True)

    def _again(self) -> None:
        if self._loop is not None and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._scheduled_run)

    def _scheduled_run(self) -> None:
        self._scheduled = False
        self.run()
