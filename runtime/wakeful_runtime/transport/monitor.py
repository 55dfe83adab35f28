"""Tells when a dialling socket is connected and when it loses its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import zmq

from wakeful_runtime.transport.context import NOBLOCK, RCVMORE, Socket
from wakeful_runtime.transport.drain import Drain

_CONNECTED = int(zmq.EVENT_HANDSHAKE_SUCCEEDED)
_EVENTS = _CONNECTED | int(zmq.EVENT_DISCONNECTED)


class ConnectionMonitor:
    """Reads libzmq's own report on a socket; the calls come on the loop, a moment after the fact.

    Made before the socket connects, so that no connection is missed.

    Args:
        connected: called after every handshake.
        disconnected: called when a connection is gone.
    """

    def __init__(self, socket: Socket, connected: Callable[[], None], disconnected: Callable[[], None]) -> None:
        self._watched = socket
        self._connected = connected
        self._disconnected = disconnected
        self._socket: Socket = socket.get_monitor_socket(_EVENTS)
        self._drain = Drain(self._socket, self._take)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to report."""
        self._drain.start(loop)

    def stop(self) -> None:
        """Before the watched socket is closed."""
        self._drain.stop()
        self._watched.disable_monitor()
        self._socket.close(0)

    def _take(self) -> None:
        event = int.from_bytes(self._socket.recv(NOBLOCK)[:2], "little")
        while self._socket.getsockopt(RCVMORE):
            self._socket.recv(NOBLOCK)
        if event == _CONNECTED:
            self._connected()
        else:
            self._disconnected()
