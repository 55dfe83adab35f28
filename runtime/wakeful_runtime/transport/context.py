"""Sockets with the options every lane needs (pitfall P12 says why each)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from wakeful_runtime.wire import MAX_BYTES

RECONNECT_MS = 2
"""ZeroMQ's default of 100 ms would be most of a restart."""

RECONNECT_MAX_MS = 100
"""A peer that is away for long costs ten looks a second."""

NEVER_MS = 3_600_000
"""Before ZeroMQ dials anew where `redial` does; without any reconnecting, unread replies went with their connection."""

LINGER_MS = 100
"""How long closing may take to write out what was sent."""

HWM = 20_000
"""Frames: above every credit window and every bound on asks, so that ZeroMQ never drops or blocks by itself."""

EVENTS = int(zmq.EVENTS)
FD = int(zmq.FD)
POLLIN = int(zmq.POLLIN)
POLLOUT = int(zmq.POLLOUT)
NOBLOCK = int(zmq.NOBLOCK)
RCVMORE = int(zmq.RCVMORE)
SNDMORE = int(zmq.SNDMORE)
SEND_MORE = SNDMORE | NOBLOCK

Socket = zmq.Socket[bytes]


def router(endpoint: str) -> Socket:
    """A bound ROUTER. An identity that connects again replaces its old connection; sending to an unknown one fails."""
    socket = _socket(zmq.ROUTER)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.bind(endpoint)
    return socket


def dealer(identity: bytes, *, keep: bool = False, reconnect: bool = True) -> Socket:
    """A DEALER, not yet connected.

    Args:
        identity: what the other side knows it by.
        keep: what is sent without a connection waits for the next one, and what was received before a connection broke
            can still be read. Otherwise both are gone with the connection, and each new connection announces itself to
            the other side with an empty message.
        reconnect: in milliseconds; otherwise somebody else sees to it.
    """
    socket = _socket(zmq.DEALER)
    socket.setsockopt(zmq.ROUTING_ID, identity)
    if not keep:
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.PROBE_ROUTER, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS if reconnect else NEVER_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS if reconnect else 0)
    return socket


def identity_of(path: str, incarnation: int) -> bytes:
    """`path#incarnation`; a path too long for ZeroMQ's 255 bytes keeps its end."""
    return f"{path}#{incarnation}".encode()[-255:]


def quick(socket: Socket) -> tuple[Callable[..., Any], Callable[..., bytes]]:
    """`send` and `recv` without pyzmq's Python layer, which would take a tenth of an ask's time."""
    below: Any = super(zmq.Socket, socket)
    return below.send, below.recv


def remove_socket(endpoint: str) -> None:
    """The file of an ipc endpoint whose owner is gone for good."""
    Path(endpoint.removeprefix("ipc://")).unlink(missing_ok=True)


def start_threads() -> None:
    """Have ZeroMQ's own threads run before the first socket is needed."""
    _socket(zmq.DEALER).close()


def _context() -> Any:
    instance: Any = zmq.Context.instance  # untyped by generics pyright can't see
    return instance()


def _socket(kind: int) -> Socket:
    context: Any = _context()
    socket: Socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
    socket.setsockopt(zmq.SNDHWM, HWM)
    socket.setsockopt(zmq.RCVHWM, HWM)
    return socket
