"""The receiving end of a mailbox: the bound socket, who sends to it, and what of it is no frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import zmq

from wakeful.errors import CodecError, NodeError
from wakeful_runtime.transport.context import NOBLOCK, RCVMORE, SEND_MORE, quick, router
from wakeful_runtime.transport.drain import Drain
from wakeful_runtime.transport.frames import HELLO, MAIL, Run, read, read_hello, read_mail
from wakeful_runtime.transport.sender import Places, Sender

PURGE_AT = 1024
"""Senders known before those that are gone are looked for."""


class Intake:
    """Always read, whatever the handlers do: credit bounds what is taken.

    Args:
        path, incarnation: whose.
        endpoint: where it binds.
        offer: takes messages, in order of arrival.
        bad: called with (source, why) for bytes that are no frame.

    Raises:
        NodeError: the endpoint can't be bound.
    """

    def __init__(
        self,
        path: str,
        incarnation: int,
        endpoint: str,
        offer: Callable[[Sender, list[Run], int], None],
        bad: Callable[[str, str], None],
    ) -> None:
        try:
            self._socket = router(endpoint)
        except zmq.ZMQError as error:
            raise NodeError(f"can't listen at {endpoint}: {error}") from None
        self._path = path
        self._incarnation = incarnation
        self._offer = offer
        self._bad = bad
        self._senders: dict[bytes, Sender] = {}
        self._newest: dict[str, int] = {}
        self._purge_at = PURGE_AT
        self._places = Places()
        self._write, self._receive = quick(self._socket)
        self._drain = Drain(self._socket, self._take)
        self._closed = False

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read."""
        self._drain.start(loop)

    def close(self) -> None:
        """Replies that were sent may still leave, for 100 ms."""
        self._closed = True
        self._drain.stop()
        self._socket.close()

    def dead(self, path: str, incarnation: int) -> None:
        """A life that sends nothing more."""
        for key, sender in list(self._senders.items()):
            if sender.path == path and sender.incarnation <= incarnation:
                self._forget(key)

    def _send(self, key: bytes, frame: bytes) -> bool:
        if self._closed:
            return False
        try:
            self._write(key, SEND_MORE)
            self._write(frame, NOBLOCK)
        except zmq.ZMQError:
            self._forget(key)
            return False
        finally:
            self._drain.sent()
        return True

    def _take(self) -> None:
        socket = self._socket
        key = self._receive(NOBLOCK)
        if key not in self._senders and not socket.getsockopt(RCVMORE):
            self._bad(repr(key), "the rest of a message of several parts")
            return
        try:
            frame = read(self._receive(NOBLOCK))
            if frame[1] == MAIL:
                self._mail(key, frame)
            elif frame[1] == HELLO:
                self._hello(key, frame)
            else:
                raise CodecError(f"a frame of kind {frame[1]}")
        except CodecError as error:
            while not self._closed and socket.getsockopt(RCVMORE):
                socket.recv(NOBLOCK)
            self._bad(repr(key), str(error))

    def _mail(self, key: bytes, frame: list[Any]) -> None:
        runs = read_mail(frame)
        _, _, base, path, incarnation, to, life, _ = frame[:8]
        if to != self._path or life > self._incarnation:
            raise CodecError(f"a batch for {to} (life {life}); this is {self._path} (life {self._incarnation})")
        if 0 < life < self._incarnation:
            return  # ZeroMQ kept it when that life died; its sender learns from our WELCOME that it was lost
        sender = self._senders.get(key) or self._meet(key, path, incarnation, base)
        count = len(runs[0].items) if len(runs) == 1 else sum([len(run.items) for run in runs])
        if not sender.arrived(base, count):
            sender.consumed += count
            raise CodecError(f"{count} messages of {path} beyond what it was granted")
        self._offer(sender, runs, count)

    def _hello(self, key: bytes, frame: list[Any]) -> None:
        sent, path, incarnation = read_hello(frame)
        sender = self._senders.get(key) or self._meet(key, path, incarnation, sent)
        sender.arrived(sent, 0)
        sender.welcome(self._path, self._incarnation)

    def _meet(self, key: bytes, path: str, incarnation: int, begun: int) -> Sender:
        newest = self._newest.get(path, 0)
        if incarnation < newest:
            raise CodecError(f"from life {incarnation} of {path}, which has a newer one")
        if incarnation > newest:
            self._newest[path] = incarnation
            self.dead(path, newest)
        if len(self._senders) >= self._purge_at:
            self._purge()
        sender = self._senders[key] = Sender(key, path, incarnation, begun, self._places, self._send)
        return sender

    def _purge(self) -> None:
        """Clients come and go: send each its credit, and forget those that can't be reached."""
        for sender in list(self._senders.values()):
            sender.alive(self._path, self._incarnation)
        known = {sender.path for sender in self._senders.values()}
        self._newest = {path: life for path, life in self._newest.items() if path in known}
        self._purge_at = max(PURGE_AT, 2 * len(self._senders))

    def _forget(self, key: bytes) -> None:
        sender = self._senders.pop(key, None)
        if sender is not None:
            sender.leave()
