"""A framed connection to init on an asyncio loop, with the descriptors that come along."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wakeful_runtime.init.framing import Decoder, FrameError, encode

_READ = 256 * 1024
_MAX_RECEIVED = 253


class InitStream:
    """One connection; gone for good when it breaks.

    Args:
        on_message: called with each object and the descriptors that came with it; they are the callee's to close.
        on_lost: called once when it broke (not after `close`).
    """

    def __init__(
        self,
        sock: socket.socket,
        on_message: Callable[[dict[str, Any], list[int]], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_lost = on_lost
        self._decoder = Decoder()
        self._descriptors: deque[int] = deque()
        self._unsent = bytearray()
        self.open = True
        self._loop.add_reader(sock.fileno(), self._read)

    @classmethod
    async def connect(
        cls,
        address: Path,
        on_message: Callable[[dict[str, Any], list[int]], None],
        on_lost: Callable[[], None],
    ) -> InitStream:
        """Open it.

        Raises:
            OSError: nobody listens there.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, str(address))
        except BaseException:
            sock.close()
            raise
        return cls(sock, on_message, on_lost)

    def send(self, message: dict[str, Any]) -> None:
        """Queue a frame; lost with the connection."""
        if not self.open:
            return
        self._unsent += encode(message)
        self._write()

    def close(self) -> None:
        """Close it; nothing is called any more."""
        if not self.open:
            return
        self.open = False
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        close_all(self._descriptors)

    def _lost(self) -> None:
        if self.open:
            self.close()
            self._on_lost()

    def _write(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
        except BlockingIOError:
            self._loop.add_writer(self._sock.fileno(), self._write)
            return
        except OSError:
            self._loop.call_soon(self._lost)
            return
        self._loop.remove_writer(self._sock.fileno())

    def _read(self) -> None:
        try:
            data, descriptors, flags, _ = socket.recv_fds(self._sock, _READ, _MAX_RECEIVED)
        except BlockingIOError:
            return
        except OSError:
            self._lost()
            return
        for each in descriptors:
            os.set_inheritable(each, False)
        self._descriptors += descriptors
        if not data or flags & socket.MSG_CTRUNC:  # truncated: no room for descriptors; the next table brings them
            self._lost()
            return
        try:
            self._decoder.feed(data)
        except FrameError:
            self._lost()
            return
        while self.open and (message := self._decoder.pop()) is not None:
            mine = [self._descriptors.popleft() for _ in range(int(message.get("fds", 0)))]
            self._on_message(message, mine)


def close_all(descriptors: deque[int] | list[int]) -> None:
    """Close what nobody took."""
    for each in descriptors:
        with contextlib.suppress(OSError):
            os.close(each)
