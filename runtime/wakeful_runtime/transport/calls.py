"""The call lane: questions of clients to the gateway, one answer each; many under way at once."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import secrets
import time
from collections.abc import Callable
from typing import Any

import zmq

from wakeful.errors import CodecError, NodeError
from wakeful_runtime.transport.context import NOBLOCK, Socket, dealer, router
from wakeful_runtime.transport.drain import Drain
from wakeful_runtime.wire import pack, unpack

VERSION = 1
MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 64

Reply = Callable[[dict[str, Any]], None]
Handler = Callable[[str, dict[str, Any], Reply], None]


class CallServer:
    """The gateway's end. `handle(verb, args, reply)` must not block; `reply` is called once, now or later.

    Attributes:
        dropped: messages that were no calls, calls that came too late, and answers whose caller is gone.
    """

    def __init__(self, endpoint: str, handle: Handler) -> None:
        self._endpoint = endpoint
        self._handle = handle
        self._socket: Socket | None = None
        self._drain: Drain | None = None
        self.dropped = 0

    def open(self) -> None:
        """Bind, on the running loop. The caller holds the gateway's lock: binding takes the endpoint from anybody.

        Raises:
            NodeError: the endpoint can't be bound.
        """
        try:
            self._socket = router(self._endpoint)
        except zmq.ZMQError as error:
            raise NodeError(f"can't listen at {self._endpoint}: {error}") from None
        self._drain = Drain(self._socket, self._read)
        self._drain.start(asyncio.get_running_loop())

    def close(self) -> None:
        """Answers that are under way may still leave, for 100 ms."""
        if self._drain is not None:
            self._drain.stop()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._drain = None

    def _read(self) -> None:
        if self._socket is not None:
            self._take(self._socket.recv_multipart(NOBLOCK))

    def _take(self, frames: list[bytes]) -> None:
        try:
            whom, data = frames
            number, verb, args, deadline = _read(data)
        except (CodecError, ValueError):
            self.dropped += 1
            return
        if time.monotonic() > deadline:  # its caller has given it up, and may have made it anew
            self.dropped += 1
            return
        self._handle(verb, args, lambda answer: self._answer(whom, number, answer))

    def _answer(self, whom: bytes, number: str, answer: dict[str, Any]) -> None:
        if self._socket is None or self._drain is None:
            return
        try:
            data = pack([VERSION, number, answer])
        except CodecError as error:
            data = pack([VERSION, number, {"ok": False, "why": f"the answer can't be sent: {error}"}])
        try:
            self._socket.send_multipart([whom, data], NOBLOCK)
        except zmq.ZMQError:
            self.dropped += 1
        self._drain.sent()


class CallClient:
    """A client's end; blocking, one call at a time. Not for use by several threads."""

    def __init__(self, endpoint: str) -> None:
        self._name = f"call-{os.getpid()}-{secrets.token_hex(6)}"
        self._socket = dealer(self._name.encode(), keep=True)
        self._socket.connect(endpoint)
        self._numbers = itertools.count()

    def call(
        self, verb: str, args: dict[str, Any], timeout: float, *, again: float | None = None
    ) -> dict[str, Any] | None:
        """The answer; None if none came within `timeout` seconds.

        Args:
            again: ask again after so many seconds without an answer; only for what may be done twice.

        Raises:
            CodecError: the arguments, or the answer, aren't what can travel.
        """
        number = f"{self._name}.{next(self._numbers)}"
        deadline = time.monotonic() + timeout
        data = pack_call(number, verb, args, deadline)
        self._socket.send(data)
        while (left := deadline - time.monotonic()) > 0:
            if self._socket.poll(int(1000 * (left if again is None else min(left, again))) + 1):
                got, answer = read_answer(self._socket.recv())
                if got == number:
                    return answer
            elif again is not None and time.monotonic() < deadline:
                self._socket.send(data)
        return None

    def close(self) -> None:
        """Give it up."""
        self._socket.close(linger=0)


def pack_call(number: str, verb: str, args: dict[str, Any], deadline: float) -> bytes:
    """A call as it travels; `deadline` by the monotonic clock, which the processes of a machine share.

    Raises:
        CodecError: the arguments aren't what can travel.
    """
    return pack([VERSION, number, verb, args, deadline])


def _read(data: bytes) -> tuple[str, str, dict[str, Any], float]:
    """A call: its number, verb, arguments and deadline, which never comes for one that names none.

    Raises:
        CodecError: it is none.
    """
    match unpack(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH):
        case [version, str(number), str(verb), dict()] as call if version == VERSION:
            args: dict[str, Any] = call[3]
            return number, verb, args, math.inf
        case [version, str(number), str(verb), dict(), float(deadline)] as call if version == VERSION:
            args = call[3]
            return number, verb, args, deadline
        case _:
            raise CodecError("not a call, or one of another version")


def read_answer(data: bytes) -> tuple[str, dict[str, Any]]:
    """An answer: the number of its call, and what it says.

    Raises:
        CodecError: it is none.
    """
    match unpack(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH):
        case [_, str(number), dict()] as answer:
            told: dict[str, Any] = answer[2]
            return number, told
        case _:
            raise CodecError("not an answer to a call")
