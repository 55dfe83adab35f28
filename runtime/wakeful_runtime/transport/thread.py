"""The child's end of the control lane: a socket that belongs to one thread."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque
from typing import Protocol

import structlog
import zmq

from wakeful.errors import CodecError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.context import (
    EVENTS,
    FD,
    NOBLOCK,
    POLLIN,
    POLLOUT,
    RCVMORE,
    Socket,
    dealer,
    identity_of,
)
from wakeful_runtime.transport.controlframe import Body, read_control
from wakeful_runtime.wire import VERSION, pack

KEPT = 1000
"""Messages kept while no supervisor is there; the oldest go first, counted."""

PASSING = frozenset({"hello", "answer"})
"""Of no use to a supervisor that comes later: it gets a new hello, and sends its own probes."""


class Who(Protocol):
    """The life it speaks for; `Birth` is one."""

    @property
    def path(self) -> str: ...
    @property
    def incarnation(self) -> int: ...
    @property
    def token(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def directory(self) -> NodeDirectory: ...


class ControlThreadSocket:
    """Sends and receives in the thread that made it; only `wake` may be called from others.

    It blocks without a timeout of its own and reconnects in milliseconds when the supervisor is replaced.

    Attributes:
        dropped: messages that were given up while no supervisor was there.
        bad_frames: how many messages were no control messages.
    """

    def __init__(self, who: Who) -> None:
        self.dropped = 0
        self.bad_frames = 0
        self._who = who
        self._log = structlog.get_logger("wakeful.control")
        self._waiting: deque[bytes] = deque()
        self._connected = self._ever = False
        self._server: object = None
        self._replaced = False
        self._flushed = False
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
        self._socket = self._dial(who.directory.control(who.owner))

    @property
    def connected(self) -> bool:
        """Whether a supervisor is there; false for a moment when another one took its place."""
        return self._connected

    def receive(self, timeout: float | None = None) -> list[tuple[str, Body]]:
        """Block for messages, a `wake`, or a change of `connected`.

        Args:
            timeout: seconds; None: for ever.
        """
        was = self._connected
        if self._replaced:
            self._replaced = False
            self._connected = True
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            found = self._take_all()
            if found or self._connected != was or self._replaced or self._woken():
                return found
            if not self._wait(deadline):
                return []

    def send(self, kind: str, body: Body) -> None:
        """Never waits; while no supervisor is there it is kept for the next one.

        Raises:
            CodecError: the body can't travel.
        """
        who = self._who
        frame = pack([VERSION, kind, who.path, who.incarnation, who.token, body])
        if self._connected and not self._waiting and self._write(frame):
            return
        if kind in PASSING and self._ever and not self._connected:
            return
        self._waiting.append(frame)
        if len(self._waiting) > KEPT:
            self._waiting.popleft()
            self.dropped += 1

    def wake(self) -> None:
        """Make `receive` return; from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"w")

    def move(self, endpoint: str) -> None:
        """Talk to another supervisor from now on; what wasn't sent yet is sent to it."""
        if not endpoint.startswith("ipc://"):
            endpoint = f"ipc://{endpoint}"
        self._socket.close()
        self._connected = self._replaced = False
        self._server = None
        self._socket = self._dial(endpoint)

    def close(self, linger: float = 0.1) -> None:
        """Close it when the supervisor has all that was sent, but within `linger` seconds."""
        deadline = time.monotonic() + linger
        who = self._who
        self._flushed = False
        self._waiting.append(pack([VERSION, "flush", who.path, who.incarnation, who.token, {}]))
        self._take_all()
        while not self._flushed and self._wait(deadline):
            self._woken()
            self._take_all()
        self._socket.close()
        read, write = self._wake_read, self._wake_write
        self._wake_read = self._wake_write = -1
        os.close(read)
        os.close(write)

    def _dial(self, endpoint: str) -> Socket:
        socket = dealer(identity_of(self._who.path, self._who.incarnation))
        socket.connect(endpoint)
        self._poll = select.poll()
        self._poll.register(int(socket.getsockopt(FD)), select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)
        return socket

    def _wait(self, deadline: float | None) -> bool:
        """Sleep until something happens; False when the deadline passed instead."""
        if deadline is None:
            self._poll.poll()
            return True
        left = deadline - time.monotonic()
        return left > 0 and bool(self._poll.poll(max(1, int(left * 1000))))

    def _woken(self) -> bool:
        try:
            return bool(os.read(self._wake_read, 4096))
        except BlockingIOError:
            return False

    def _take_all(self) -> list[tuple[str, Body]]:
        """Look, send what waits, receive: until it has nothing more to say (it is edge-triggered)."""
        found: list[tuple[str, Body]] = []
        while True:
            events = int(self._socket.getsockopt(EVENTS))
            if not self._replaced:
                self._connected = bool(events & POLLOUT)
                self._ever = self._ever or self._connected
                if not self._connected:
                    self._server = None
            sent = self._connected and bool(self._waiting) and self._write(self._waiting[0])
            if sent:
                self._waiting.popleft()
            if events & POLLIN:
                self._take(found)
            elif not sent:
                return found

    def _take(self, found: list[tuple[str, Body]]) -> None:
        parts = [self._socket.recv(NOBLOCK)]
        while self._socket.getsockopt(RCVMORE):
            parts.append(self._socket.recv(NOBLOCK))
        try:
            kind, _, _, token, body = read_control(parts)
        except CodecError as error:
            self.bad_frames += 1
            self._log.warning("bad bytes on the control lane, dropped", why=str(error))
            return
        if kind == "welcome":
            self._welcome(body)
        elif kind == "flushed":
            self._flushed = True
        elif token == self._who.token:
            found.append((kind, body))
        else:
            self._log.warning("control message with a wrong token, dropped", kind=kind)

    def _welcome(self, body: Body) -> None:
        """Another supervisor than before, though the change of connection was not seen: show it as one."""
        server = body.get("server")
        if self._server not in (None, server) and self._connected:
            self._replaced = True
            self._connected = False
        self._server = server

    def _write(self, frame: bytes) -> bool:
        try:
            self._socket.send(frame, NOBLOCK)
        except zmq.Again:
            return False
        return True


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return read, write
