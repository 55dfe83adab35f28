"""Dials anew within a millisecond or two when the other side comes (back): ZeroMQ's own pauses double with each try."""

from __future__ import annotations

import asyncio
import socket as plain
from collections.abc import Callable

import zmq

from wakeful_runtime.transport.context import LINGER_MS, Socket

LOOK_S = 0.001
"""Between looks whether somebody listens: 10 us each."""

FOR_S = 0.25
"""How long after a loss it looks; a life that takes longer to come back is found by ZeroMQ, ten times a second."""


class Redial:
    """Watches an endpoint for a short while, from a loss (or the first dial) on.

    Args:
        here: whether the connection stands; nothing is done then.
    """

    def __init__(self, socket: Socket, endpoint: str, here: Callable[[], bool]) -> None:
        self._socket = socket
        self._endpoint = endpoint
        self._here = here
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The connection is gone, or has yet to be made."""
        self._loop = loop
        self._until = loop.time() + FOR_S
        if self._timer is None:
            self._timer = loop.call_later(LOOK_S, self._look)

    def stop(self) -> None:
        """Before the socket is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        loop = self._loop
        if loop is None or self._here():
            return
        if _listens(self._endpoint.removeprefix("ipc://")):
            self._again()
        elif loop.time() < self._until:
            self._timer = loop.call_later(LOOK_S, self._look)

    def _again(self) -> None:
        """Dial by a new connection: the old one may be in the middle of a long pause.

        What was sent to the life that is gone must not linger in the old one. It would connect to bring it there, take
        this identity over from the new connection and end; the receiver then keeps a connection that leads nowhere.
        """
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.disconnect(self._endpoint)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        self._socket.connect(self._endpoint)


def _listens(file: str) -> bool:
    with plain.socket(plain.AF_UNIX, plain.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(file)
        except OSError:
            return False
    return True
