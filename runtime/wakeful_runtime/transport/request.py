"""The request lane: one server that answers in its own time, many clients that ask until they are answered.

A request is `[number, payload]` and so is its answer. A client sends what is unanswered again on every new connection,
so the server must take a request twice: the payload carries an id for that. Unasked, the server may give a client a
word, `["", word]`; one is lost with its connection, so a client takes every new welcome for one too.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from wakeful.errors import NodeError
from wakeful_runtime.transport.context import EVENTS, FD, NOBLOCK, POLLIN, RCVMORE, SEND_MORE, Socket, dealer, router
from wakeful_runtime.transport.drain import Drain

AGAIN_S = 5.0
"""An unanswered request is sent again after so long, in case it was lost with a connection nobody saw break."""


class RequestServer:
    """The server's end, for a plain loop in one thread; only `wake` may be called from others.

    Raises:
        NodeError: the endpoint can't be bound.
    """

    def __init__(self, endpoint: str) -> None:
        try:
            self._socket = router(endpoint)
        except zmq.ZMQError as error:
            raise NodeError(f"can't listen at {endpoint}: {error}") from None
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._poll = select.poll()
        self._poll.register(int(self._socket.getsockopt(FD)), select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)

    def recv_all(self, timeout: float | None = None, *, limit: int = 10_000) -> list[tuple[bytes, list[bytes]]]:
        """Everything that is there, as (client, frames); waits for the first.

        Args:
            timeout: seconds, None for ever. Then, or after a `wake`, the list may be empty.
            limit: of requests at once.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            found = self._take_all(limit)
            if found or self._woken():
                return found
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return found
            self._poll.poll(None if left is None else max(1, int(left * 1000)))

    def send(self, client: bytes, frames: list[bytes]) -> bool:
        """Answer; False if that client is gone (it will ask again if it cares)."""
        try:
            self._socket.send(client, SEND_MORE)
            for frame in frames[:-1]:
                self._socket.send(frame, SEND_MORE)
            self._socket.send(frames[-1], NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def wake(self) -> None:
        """Make `recv_all` return; from any thread or signal handler."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"w")

    def close(self) -> None:
        """What was sent may still leave, for 100 ms."""
        self._socket.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _take_all(self, limit: int) -> list[tuple[bytes, list[bytes]]]:
        found: list[tuple[bytes, list[bytes]]] = []
        socket = self._socket
        while len(found) < limit and int(socket.getsockopt(EVENTS)) & POLLIN:
            client = socket.recv(NOBLOCK)
            frames: list[bytes] = []
            while socket.getsockopt(RCVMORE):
                frames.append(socket.recv(NOBLOCK))
            if frames == [b""]:
                self.send(client, [b""])
            else:
                found.append((client, frames))
        return found

    def _woken(self) -> bool:
        try:
            return bool(os.read(self._wake_read, 4096))
        except BlockingIOError:
            return False


@dataclass(slots=True)
class _Asked:
    payload: bytes
    reply: asyncio.Future[bytes]
    sent_at: float


class RequestClient:
    """A client on an event loop.

    Args:
        endpoint: the server's.
        identity: unique among the server's clients.

    Attributes:
        on_word: called when the server gave a word, and when it may have given one that was lost.
    """

    def __init__(self, endpoint: str, identity: bytes) -> None:
        self.on_word: Callable[[], None] = lambda: None
        self._endpoint = endpoint
        self._identity = identity
        self._numbers = itertools.count(1)
        self._asked: dict[bytes, _Asked] = {}
        self._socket: Socket | None = None
        self._drain: Drain | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether the server has welcomed this client since it connected last."""
        return self._connected

    async def request(self, payload: bytes, timeout: float | None = None) -> bytes:
        """The answer, however often the server is replaced meanwhile.

        Args:
            payload: sent again, unchanged, on every new connection until answered.
            timeout: seconds, None: for ever.

        Raises:
            NodeError: no answer in time, or the client was closed. Whether it was carried out is unknown.
        """
        loop = self._open()
        number = next(self._numbers).to_bytes(8, "big")
        asked = self._asked[number] = _Asked(payload, loop.create_future(), loop.time())
        self._send(number, asked)
        try:
            async with asyncio.timeout(timeout):
                return await asked.reply
        except TimeoutError:
            raise NodeError(f"no answer at {self._endpoint} within {timeout:g} s") from None
        finally:
            del self._asked[number]

    def close(self) -> None:
        """Requests that wait fail with NodeError."""
        if self._timer is not None:
            self._timer.cancel()
        if self._drain is not None:
            self._drain.stop()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._drain = self._loop = self._timer = None
        for asked in self._asked.values():
            if not asked.reply.done():
                asked.reply.set_exception(NodeError("the client was closed"))

    def _open(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._socket = dealer(self._identity)
            self._socket.connect(self._endpoint)
            self._drain = Drain(self._socket, self._take)
            self._drain.start(self._loop)
        if self._timer is None:
            self._timer = self._loop.call_later(AGAIN_S, self._again)
        return self._loop

    def _send(self, number: bytes, asked: _Asked) -> None:
        socket, drain, loop = self._socket, self._drain, self._loop
        if socket is None or drain is None or loop is None or not self._connected:
            return  # the welcome sends it
        asked.sent_at = loop.time()
        try:
            socket.send(number, SEND_MORE)
            socket.send(asked.payload, NOBLOCK)
        except zmq.Again:
            self._connected = False
        drain.sent()

    def _take(self) -> None:
        socket = self._socket
        assert socket is not None
        parts = [socket.recv(NOBLOCK)]
        while socket.getsockopt(RCVMORE):
            parts.append(socket.recv(NOBLOCK))
        if parts == [b""]:
            self._welcomed()
        elif len(parts) == 2 and not parts[0]:
            self.on_word()
        elif len(parts) == 2 and (asked := self._asked.get(parts[0])) and not asked.reply.done():
            asked.reply.set_result(parts[1])

    def _welcomed(self) -> None:
        self._connected = True
        for number, asked in list(self._asked.items()):
            self._send(number, asked)
        self.on_word()

    def _again(self) -> None:
        self._timer = None
        loop = self._loop
        if loop is None or not self._asked:
            return
        for number, asked in list(self._asked.items()):
            if loop.time() - asked.sent_at >= AGAIN_S:
                self._send(number, asked)
        self._timer = loop.call_later(AGAIN_S, self._again)
