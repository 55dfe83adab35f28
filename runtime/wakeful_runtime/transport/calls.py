"""The call lane: questions of clients to the gateway, one answer each; many under way at once."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import zmq

from wakeful.errors import CodecError
from wakeful_runtime.wire import pack, unpack

VERSION = 1
MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 64
_HWM = 1000
_DRAIN = 64

Reply = Callable[[dict[str, Any]], None]
Handler = Callable[[str, dict[str, Any], Reply], None]


class CallServer:
    """The gateway's end. `handle(verb, args, reply)` must not block; `reply` is called once, now or later."""

    def __init__(self, endpoint: str, handle: Handler) -> None:
        self._endpoint = endpoint
        self._handle = handle
        self._socket: zmq.Socket[bytes] | None = None
        self.dropped = 0

    def open(self) -> None:
        """Bind, on the running loop. The caller holds the gateway's lock: binding takes the endpoint from anybody."""
        socket = self._socket = zmq.Context.instance().socket(zmq.ROUTER)
        socket.linger = 200
        socket.sndhwm = socket.rcvhwm = _HWM
        socket.maxmsgsize = MAX_BYTES
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        socket.bind(self._endpoint)
        asyncio.get_running_loop().add_reader(socket.getsockopt(zmq.FD), self._read)
        asyncio.get_running_loop().call_soon(self._read)

    def close(self) -> None:
        """Answers that are under way get 200 ms."""
        socket, self._socket = self._socket, None
        if socket is not None:
            asyncio.get_running_loop().remove_reader(socket.getsockopt(zmq.FD))
            socket.close()

    def _read(self) -> None:
        """The descriptor is edge-triggered: look at EVENTS until nothing is left, and come back if too much is."""
        for _ in range(_DRAIN):
            socket = self._socket
            if socket is None or not socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
                return
            self._take(socket.recv_multipart())
        asyncio.get_running_loop().call_soon(self._read)

    def _take(self, frames: list[bytes]) -> None:
        try:
            whom, data = frames
            match unpack(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH):
                case [version, str(number), str(verb), dict(args)] if version == VERSION:
                    self._handle(verb, args, lambda answer: self._answer(whom, number, answer))
                    return
        except (CodecError, ValueError):
            pass
        self.dropped += 1

    def _answer(self, whom: bytes, number: str, answer: dict[str, Any]) -> None:
        if self._socket is None:
            return
        try:
            data = pack([VERSION, number, answer])
        except CodecError as error:
            data = pack([VERSION, number, {"ok": False, "why": f"the answer can't be sent: {error}"}])
        try:
            self._socket.send_multipart([whom, data], zmq.NOBLOCK)
        except zmq.Again:
            self.dropped += 1
        asyncio.get_running_loop().call_soon(self._read)  # a send may have swallowed the edge of what came in


class CallClient:
    """A client's end; blocking, one call at a time. Not for use by several threads."""

    def __init__(self, endpoint: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.sndhwm = self._socket.rcvhwm = _HWM
        self._socket.maxmsgsize = MAX_BYTES
        self._socket.reconnect_ivl = 5
        self._socket.reconnect_ivl_max = 200
        self._socket.connect(endpoint)
        self._numbers = itertools.count()
        self._name = f"{os.getpid()}.{time.monotonic_ns()}"

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
        data = pack([VERSION, number, verb, args])
        deadline = time.monotonic() + timeout
        self._socket.send(data)
        while (left := deadline - time.monotonic()) > 0:
            if self._socket.poll(int(1000 * (left if again is None else min(left, again))) + 1):
                match unpack(self._socket.recv(), max_bytes=MAX_BYTES, max_depth=MAX_DEPTH):
                    case [_, got, dict(answer)] if got == number:
                        return answer
                    case _:
                        continue
            elif again is not None and time.monotonic() < deadline:
                self._socket.send(data)
        return None

    def close(self) -> None:
        """Give it up."""
        self._socket.close()
        self._context.term()
