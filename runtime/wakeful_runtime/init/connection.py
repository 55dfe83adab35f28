"""One framed connection of the init loop: never blocks, bounded both ways, carries descriptors."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from wakeful_runtime.init.framing import Decoder, FrameError, encode
from wakeful_runtime.init.initloop import InitLoop

MAX_UNSENT = 32 * 1024 * 1024
"""Bytes that may wait for a peer that doesn't read; beyond that it is cut off and comes back for the table."""
_READ = 256 * 1024


class Connection:
    """Frames over a stream socket.

    Args:
        sock: taken over, made non-blocking.
        on_message: called with each object.
        on_closed: called once with a line that says why, after the socket is closed.
        takes_descriptors: whether to accept descriptors (`received`); else the kernel drops them.
    """

    def __init__(
        self,
        loop: InitLoop,
        sock: socket.socket,
        on_message: Callable[[Connection, dict[str, Any]], None],
        on_closed: Callable[[Connection, str], None],
        *,
        takes_descriptors: bool = False,
    ) -> None:
        sock.setblocking(False)
        self.received: deque[int] = deque()
        self.open = True
        self._loop = loop
        self._sock = sock
        self._on_message = on_message
        self._on_closed = on_closed
        self._takes_descriptors = takes_descriptors
        self._decoder = Decoder()
        self._unsent: deque[tuple[memoryview, tuple[int, ...]]] = deque()
        self._waiting = 0
        loop.watch(sock.fileno(), selectors.EVENT_READ, self._ready)

    def send(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Queue a frame; the descriptors are duplicated, the caller keeps its own. Nothing happens once closed."""
        if not self.open:
            return
        if descriptors:
            message = {**message, "fds": len(descriptors)}
        data = encode(message)
        try:
            copies = tuple(os.dup(each) for each in descriptors)
        except OSError as error:
            self.close(f"its descriptors can't be sent: {error.strerror}")
            return
        self._unsent.append((memoryview(data), copies))
        self._waiting += len(data)
        if self._waiting > MAX_UNSENT:
            self.close("it doesn't read what it is sent")
        else:
            self._flush()

    def close(self, why: str = "closed") -> None:
        """Close now; `on_closed` is told."""
        if not self.open:
            return
        self.open = False
        self._loop.unwatch(self._sock.fileno())
        self._sock.close()
        for _, descriptors in self._unsent:
            _close_all(descriptors)
        _close_all(self.received)
        self._on_closed(self, why)

    def hand_over(
        self, on_message: Callable[[Connection, dict[str, Any]], None], on_closed: Callable[[Connection, str], None]
    ) -> None:
        """Another owner gets what arrives from now on."""
        self._on_message = on_message
        self._on_closed = on_closed

    def peer_uid(self) -> int | None:
        """The user at the other end; None where the system doesn't say."""
        if not hasattr(socket, "SO_PEERCRED"):
            return None
        raw = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int.from_bytes(raw[4:8], "little")

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ and self.open:
            self._read()

    def _read(self) -> None:
        try:
            data = self._receive()
        except BlockingIOError:
            return
        except OSError as error:
            self.close(error.strerror or "failed")
            return
        if not data:
            self.close("closed by the other end")
            return
        try:
            self._decoder.feed(data)
        except FrameError as error:
            self._deliver()
            self.close(f"garbage: {error}")
            return
        self._deliver()

    def _deliver(self) -> None:
        while self.open and (message := self._decoder.pop()) is not None:
            self._on_message(self, message)

    def _receive(self) -> bytes:
        if not self._takes_descriptors:
            return self._sock.recv(_READ)
        data, descriptors, flags, _ = socket.recv_fds(self._sock, _READ, 253)
        for each in descriptors:
            os.set_inheritable(each, False)
        self.received += descriptors
        if flags & socket.MSG_CTRUNC:
            raise OSError(24, "too many open files: descriptors were lost")
        return data

    def _flush(self) -> None:
        try:
            while self._unsent:
                self._send_first()
        except BlockingIOError:
            pass
        except OSError as error:
            self.close(error.strerror or "failed")
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        self._loop.watch(self._sock.fileno(), wanted, self._ready)

    def _send_first(self) -> None:
        data, descriptors = self._unsent[0]
        if descriptors:
            sent = socket.send_fds(self._sock, [data], list(descriptors))
            _close_all(descriptors)
        else:
            sent = self._sock.send(data)
        self._waiting -= sent
        if sent == len(data):
            self._unsent.popleft()
        else:
            self._unsent[0] = (data[sent:], ())


def _close_all(descriptors: Sequence[int] | deque[int]) -> None:
    for each in descriptors:
        with contextlib.suppress(OSError):
            os.close(each)
