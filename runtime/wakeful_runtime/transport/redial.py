"""Dials whoever listens at an endpoint, within a millisecond or two of its coming (back), and never twice at once.

ZeroMQ's own reconnecting waits too long to matter: its pauses would double with each try, and a connection that it
makes while another is dialled fights that for the identity. The receiver may keep the loser, which leads nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket as plain
from collections.abc import Callable

import zmq

from wakeful_runtime.transport.context import LINGER_MS, Socket

LOOK_S = 0.001
"""Between looks whether somebody listens: 10 us each."""

FOR_S = 0.25
"""How long after a loss it looks that often."""

LATER_S = 0.1
"""Between looks after that."""

PATIENCE_S = 0.5
"""What a handshake may take before it is dialled anew; doubled with each try: a stopped process takes its time."""

MOST_PATIENCE_S = 10.0


class Redial:
    """Keeps one socket connected to one endpoint.

    Args:
        socket: a DEALER that hardly ever reconnects by itself.
        here: whether the connection stands; nothing is done then.
        read: takes what the connection before still brought.
    """

    def __init__(self, socket: Socket, endpoint: str, here: Callable[[], bool], read: Callable[[], None]) -> None:
        self._socket = socket
        self._endpoint = endpoint
        self._here = here
        self._read = read
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._often_until = 0.0
        self._dialled: float | None = None
        self._patience = PATIENCE_S

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The connection is gone, or has yet to be made."""
        self.stop()
        self._loop = loop
        self._often_until = loop.time() + FOR_S
        self._dialled = None
        self._patience = PATIENCE_S
        self._look()

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
        now = loop.time()
        if self._dialled is not None and now >= self._dialled + self._patience:
            self._dialled = None
            self._patience = min(2 * self._patience, MOST_PATIENCE_S)
        if self._dialled is None and _listens(self._endpoint):
            self._dialled = now
            self._dial()
        self._timer = loop.call_later(LOOK_S if now < self._often_until else LATER_S, self._look)

    def _dial(self) -> None:
        """In place of the connection before; what lingers in that was for a life that is gone."""
        self._read()
        self._socket.setsockopt(zmq.LINGER, 0)
        with contextlib.suppress(zmq.ZMQError):  # there is none before the first
            self._socket.disconnect(self._endpoint)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        self._socket.connect(self._endpoint)


def _listens(endpoint: str) -> bool:
    with plain.socket(plain.AF_UNIX, plain.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(endpoint.removeprefix("ipc://"))
        except OSError:
            return False
    return True
