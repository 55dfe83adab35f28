"""The call lane for a process with an event loop: many calls under way on one line, none of them holding a thread."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from typing import Any

import zmq

from wakeful.errors import CodecError, NodeError
from wakeful_runtime.transport.calls import pack_call, read_answer
from wakeful_runtime.transport.context import NOBLOCK, Socket, dealer
from wakeful_runtime.transport.drain import Drain


class AsyncCallClient:
    """A client's end on the running loop. What is sent while the gateway is away waits for the next one.

    What was given up by then is dropped there.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._name = f"call-{os.getpid()}-{secrets.token_hex(6)}"
        self._numbers = itertools.count()
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._socket: Socket | None = None
        self._drain: Drain | None = None

    async def call(
        self, verb: str, args: dict[str, Any], timeout: float, *, again: float | None = None
    ) -> dict[str, Any] | None:
        """The answer; None if none came within `timeout` seconds.

        Args:
            again: ask again after so many seconds without an answer; only for what may be done twice.

        Raises:
            CodecError: the arguments aren't what can travel.
            NodeError: the client was closed, or more calls wait than the line takes.
        """
        number = f"{self._name}.{next(self._numbers)}"
        deadline = time.monotonic() + timeout
        data = pack_call(number, verb, args, deadline)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(data)
            while (left := deadline - time.monotonic()) > 0:
                await asyncio.wait((answer,), timeout=left if again is None else min(left, again))
                if answer.done():
                    told: dict[str, Any] = answer.result()
                    return told
                if again is not None and time.monotonic() < deadline:
                    self._send(data)
            return None
        finally:
            del self._asked[number]

    def close(self) -> None:
        """Calls that wait fail with NodeError."""
        if self._drain is not None:
            self._drain.stop()
        if self._socket is not None:
            self._socket.close(linger=0)
        self._socket = self._drain = None
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(NodeError("the client was closed"))

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            self._socket = dealer(self._name.encode(), keep=True)
            self._socket.connect(self._endpoint)
            self._drain = Drain(self._socket, self._take)
            self._drain.start(asyncio.get_running_loop())
        try:
            self._socket.send(data, NOBLOCK)
        except zmq.Again:
            raise NodeError("the gateway is away and too many calls wait for it; try again later") from None
        if self._drain is not None:
            self._drain.sent()

    def _take(self) -> None:
        assert self._socket is not None
        try:
            number, told = read_answer(self._socket.recv(NOBLOCK))
        except CodecError:
            return
        answer = self._asked.get(number)
        if answer is not None and not answer.done():
            answer.set_result(told)
