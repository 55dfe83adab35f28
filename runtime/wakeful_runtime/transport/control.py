"""The control lane: a supervisor's loop on one side, a child's control thread on the other.

A frame is `[version, kind, path, incarnation, token, body]`. The lane itself says `welcome {server}` on each new
connection, and answers `flush` with `flushed`; all else is the supervisor's and the child's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import structlog
import zmq

from wakeful.errors import CodecError, NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.context import NOBLOCK, RCVMORE, SEND_MORE, Socket, identity_of, router
from wakeful_runtime.transport.controlframe import Body, read_control
from wakeful_runtime.transport.drain import Drain
from wakeful_runtime.transport.thread import ControlThreadSocket as ControlThreadSocket
from wakeful_runtime.wire import VERSION, pack

Heard = Callable[[str, str, int, str, Body], None]
"""kind, path, incarnation, token, body."""

EVERYTHING = 1_000_000


class ControlServer:
    """The supervisor's end, on its event loop.

    Args:
        directory: the node's.
        path: the supervisor's; its children dial `directory.control(path)`.
        on_message: called on the loop for each message, in order of arrival. Nothing is checked but its form.

    Attributes:
        bad_frames: how many messages were no control messages; they are logged and dropped.
    """

    def __init__(self, directory: NodeDirectory, path: str, on_message: Heard) -> None:
        self.bad_frames = 0
        self._endpoint = directory.control(path)
        self._path = path
        self._on_message = on_message
        self._server = secrets.token_hex(8)
        self._log = structlog.get_logger("wakeful.control")
        self._socket: Socket | None = None
        self._drain: Drain | None = None

    def open(self) -> None:
        """Bind, on the running loop.

        Raises:
            NodeError: the endpoint can't be bound.
        """
        try:
            self._socket = router(self._endpoint)
        except zmq.ZMQError as error:
            raise NodeError(f"can't listen at {self._endpoint}: {error}") from None
        self._drain = Drain(self._socket, self._take)
        self._drain.start(asyncio.get_running_loop())

    def close(self) -> None:
        """What was sent may still leave, for 100 ms."""
        if self._drain is not None:
            self._drain.stop()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._drain = None

    def send(self, path: str, incarnation: int, token: str, kind: str, body: Body) -> bool:
        """To a life's control thread; never waits. False: it isn't connected, and nothing was sent."""
        frame = pack([VERSION, kind, path, incarnation, token, body])
        return self._send(identity_of(path, incarnation), frame)

    def drain(self) -> int:
        """Take everything that has come, now: before any deadline is judged. How many messages it were."""
        return self._drain.run(EVERYTHING) if self._drain is not None else 0

    def _send(self, identity: bytes, frame: bytes) -> bool:
        socket, drain = self._socket, self._drain
        if socket is None or drain is None:
            return False
        try:
            socket.send(identity, SEND_MORE)
            socket.send(frame, NOBLOCK)
        except zmq.ZMQError:
            return False
        finally:
            drain.sent()
        return True

    def _take(self) -> None:
        socket = self._socket
        assert socket is not None
        identity = socket.recv(NOBLOCK)
        parts: list[bytes] = []
        while socket.getsockopt(RCVMORE):
            parts.append(socket.recv(NOBLOCK))
        if parts == [b""]:
            self._send(identity, pack([VERSION, "welcome", self._path, 0, "", {"server": self._server}]))
            return
        try:
            kind, path, incarnation, token, body = read_control(parts)
        except CodecError as error:
            self.bad_frames += 1
            self._log.warning("bad bytes on the control lane, dropped", why=str(error), count=self.bad_frames)
            return
        if kind == "flush":
            self._send(identity, pack([VERSION, "flushed", path, incarnation, "", body]))
        else:
            self._on_message(kind, path, incarnation, token, body)
