"""The mailbox lane: typed messages between actors, directly, ordered per pair, bounded on both sides.

One ROUTER takes what others send; one DEALER for each path that is told or asked something carries it there and brings
replies and credit back. Everything runs on the event loop that called `open`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog
import zmq

from wakeful.errors import AskError, CodecError, NodeError
from wakeful.message import Message, Request
from wakeful_runtime.bodies import reply_shape
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.asks import Ask, Sweep
from wakeful_runtime.transport.context import NOBLOCK, RCVMORE, SEND_MORE, Socket, quick, router
from wakeful_runtime.transport.drain import Drain
from wakeful_runtime.transport.frames import HELLO, MAIL, read, read_hello, read_mail
from wakeful_runtime.transport.peer import Home, Peer
from wakeful_runtime.transport.pump import DeadLetter, OnError, Pump
from wakeful_runtime.transport.pump import Handler as Handler
from wakeful_runtime.transport.sender import Places, Sender

R = TypeVar("R")

PURGE_AT = 1024
"""Senders known before those that are gone are looked for."""

EVERYTHING = 1_000_000


class Mailbox:
    """An actor's mailbox and courier (`wakeful.life.Courier`), or a client's with `bind=False`.

    Args:
        directory: the node's.
        path, incarnation: whose; a client needs a path of its own.
        bind: whether messages can be sent here.

    Attributes:
        watch: called with (path, incarnation) while an ask to that life is outstanding for over 0.1 s, once a second:
            whoever supervises it should see to it that `dead` is called when it ends.
        durable: what `tell_durable` does; the host's.
        traceparent: travels with every batch sent while it is set.
        bad_frames: bytes that were no frames of this lane, dropped and logged.
        lost: messages that were sent to lives which ended before they consumed them.
    """

    def __init__(self, directory: NodeDirectory, path: str, incarnation: int, *, bind: bool = True) -> None:
        self.path = path
        self.incarnation = incarnation
        self.watch: Callable[[str, int], None] | None = None
        self.durable: Callable[[str, Message], Awaitable[None]] | None = None
        self.traceparent: str | None = None
        self.bad_frames = self.lost = 0
        self._directory = directory
        self._bind = bind
        self._pump = Pump(path, incarnation)
        self._numbers = itertools.count(1)
        self._peers: dict[str, Peer] = {}
        self._senders: dict[bytes, Sender] = {}
        self._newest: dict[str, int] = {}
        self._purge_at = PURGE_AT
        self._places = Places()
        self._socket: Socket | None = None
        self._write: Callable[..., Any]
        self._receive: Callable[..., bytes]
        self._drain: Drain | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._home: Home | None = None
        self._sweep: Sweep | None = None
        self._log = structlog.get_logger("wakeful.mailbox")

    # what the host gives and reads

    @property
    def on_error(self) -> OnError:
        """Called with a message and what its handler raised; "raise" ends `pump` with it, "continue" doesn't."""
        return self._pump.on_error

    @on_error.setter
    def on_error(self, hook: OnError) -> None:
        self._pump.on_error = hook

    @property
    def on_dead_letter(self) -> DeadLetter | None:
        """Called with `{why, sender, to, tag, count, …}` for messages that nobody handles."""
        return self._pump.on_dead_letter

    @on_dead_letter.setter
    def on_dead_letter(self, hook: DeadLetter | None) -> None:
        self._pump.on_dead_letter = hook

    @property
    def on_handled(self) -> Callable[[int], None] | None:
        """Called with how many messages were handled, after each few."""
        return self._pump.on_handled

    @on_handled.setter
    def on_handled(self, hook: Callable[[int], None] | None) -> None:
        self._pump.on_handled = hook

    @property
    def in_hand_since(self) -> float | None:
        """CLOCK_MONOTONIC seconds since when the present message is in hand; from any thread."""
        return self._pump.in_hand_since

    @property
    def handled(self) -> int:
        """Messages handled or in hand so far; from any thread."""
        return self._pump.handled

    @property
    def depth(self) -> int:
        """Messages that wait to be handled; from any thread."""
        return self._pump.depth

    @property
    def dead_letters(self) -> int:
        """Messages for which there was no handler, or that weren't what their type says."""
        return self._pump.dead_letters

    @property
    def expired(self) -> int:
        """Requests that came after their deadline, and weren't handled."""
        return self._pump.expired

    async def open(self) -> None:
        """Bind, on the running loop.

        Raises:
            NodeError: the endpoint can't be bound.
        """
        self._loop = asyncio.get_running_loop()
        self._home = Home(
            self._loop, self.path, self.incarnation, lambda: self.traceparent, self._lost_with, self._bad_frame
        )
        self._sweep = Sweep(self._loop, self._peers.values, self._read_all)
        if not self._bind:
            return
        endpoint = self._directory.mailbox(self.path)
        try:
            self._socket = router(endpoint)
        except zmq.ZMQError as error:
            raise NodeError(f"can't listen at {endpoint}: {error}") from None
        self._write, self._receive = quick(self._socket)
        self._drain = Drain(self._socket, self._take)
        self._drain.start(self._loop)

    def close(self) -> None:
        """What was sent may still leave, for 100 ms. Asks under way end with AskError."""
        if self._sweep is not None:
            self._sweep.stop()
        for peer in self._peers.values():
            for ask in peer.asks.values():
                if not ask.reply.done():
                    ask.reply.set_exception(AskError(f"the mailbox of {self.path} was closed"))
            unsent = peer.close()
            if unsent:
                self._lost_with(peer.path, 0, unsent, "the sender was closed before they could be sent")
        self._peers.clear()
        if self._drain is not None:
            self._drain.stop()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._drain = self._home = self._sweep = self._loop = None

    def serve(self, table: Mapping[str, Handler]) -> None:
        """The handlers, by type tag; until then messages wait."""
        self._pump.table = table

    async def pump(self) -> None:
        """Handle messages, one at a time, until cancelled or until `on_error` says "raise"."""
        await self._pump.run()

    def dead(self, path: str, incarnation: int) -> None:
        """Whoever supervises it says that this life is gone: asks it had end with ActorDead."""
        peer = self._peers.get(path)
        if peer is not None:
            peer.dead(incarnation)
        for key, sender in list(self._senders.items()):
            if sender.path == path and sender.incarnation <= incarnation:
                self._forget(key)

    # the courier

    def tell(self, to: str, message: Message) -> None:
        """Queue it; at most once, ordered per pair. Returns at once, also inside a handler.

        Raises:
            MailboxFull: 10,000 messages wait here for that path.
            CodecError: it can't travel, or would not come back equal.
        """
        peer = self._peers.get(to)
        if peer is None:
            peer = self._dial(to)
        peer.tell(message)

    def tell_durable(self, to: str, message: Message) -> Awaitable[None]:
        """Done when the store has committed it.

        Raises:
            NodeError: this mailbox has no store.
        """
        if self.durable is None:
            raise NodeError("durable messages need a node's store")
        return self.durable(to, message)

    async def drain(self, to: str) -> None:
        """Done when at least half the places for `to` are free again."""
        peer = self._peers.get(to)
        waiter = peer.drain() if peer is not None else None
        if peer is not None and waiter is not None:
            peer.flush()
            await waiter

    def ask(self, to: str, request: Request[R], timeout: float) -> Awaitable[R]:
        """A future with the reply, or exactly one of AskTimeout, ActorDead, HandlerFailed, Refused.

        Args:
            to: whom; if it is being restarted, its next life answers.
            request: what.
            timeout: seconds.

        Raises:
            AskError: it asks itself, or the mailbox is closed.
            MailboxFull: 10,000 asks to that path are outstanding.
            CodecError: the request can't travel.
        """
        if to == self.path:
            raise AskError(f"{to} asks itself, and would wait for itself; call the method instead")
        peer = self._peers.get(to) or self._dial(to)
        loop, sweep = self._loop, self._sweep
        if loop is None or sweep is None:
            raise AskError(f"the mailbox of {self.path} is closed")
        kind = type(request)
        now = loop.time()
        ask = Ask(kind.__qualname__, loop.create_future(), reply_shape(kind), now, now + timeout)
        peer.ask(next(self._numbers), ask, request)
        sweep.watch = self.watch
        sweep.expect(ask)
        return ask.reply

    # machinery

    def _dial(self, to: str) -> Peer:
        if self._home is None:
            raise AskError(f"the mailbox of {self.path} is not open")
        peer = self._peers[to] = Peer(self._home, to, self._directory.mailbox(to))
        peer.open()
        return peer

    def _read_all(self) -> None:
        for peer in list(self._peers.values()):
            if peer.asks:
                peer.read()

    def _send(self, key: bytes, frame: bytes) -> bool:
        socket, drain = self._socket, self._drain
        if socket is None or drain is None:
            return False
        try:
            self._write(key, SEND_MORE)
            self._write(frame, NOBLOCK)
        except zmq.ZMQError:
            self._forget(key)
            return False
        finally:
            drain.sent()
        return True

    def _take(self) -> None:
        socket = self._socket
        assert socket is not None
        key = self._receive(NOBLOCK)
        if key not in self._senders and not socket.getsockopt(RCVMORE):
            self._bad_frame(repr(key), "the rest of a message of several parts")
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
            while socket.getsockopt(RCVMORE):
                socket.recv(NOBLOCK)
            self._bad_frame(repr(key), str(error))

    def _mail(self, key: bytes, frame: list[Any]) -> None:
        runs = read_mail(frame)
        _, _, base, path, incarnation, to, life, _ = frame[:8]
        if to != self.path or life > self.incarnation:
            raise CodecError(f"a batch for {to} (life {life}); this is {self.path} (life {self.incarnation})")
        sender = self._senders.get(key) or self._meet(key, path, incarnation, base)
        count = len(runs[0].items) if len(runs) == 1 else sum([len(run.items) for run in runs])
        if not sender.arrived(base, count):
            sender.consumed += count
            raise CodecError(f"{count} messages of {path} beyond what it was granted")
        self._pump.offer(sender, runs, count)

    def _hello(self, key: bytes, frame: list[Any]) -> None:
        sent, path, incarnation = read_hello(frame)
        sender = self._senders.get(key) or self._meet(key, path, incarnation, sent)
        sender.arrived(sent, 0)
        sender.welcome(self.path, self.incarnation)

    def _meet(self, key: bytes, path: str, incarnation: int, begun: int) -> Sender:
        if incarnation < self._newest.get(path, 0):
            raise CodecError(f"from life {incarnation} of {path}, which has a newer one")
        if incarnation > self._newest.get(path, 0):
            self._newest[path] = incarnation
            for other, sender in list(self._senders.items()):
                if sender.path == path:
                    self._forget(other)
        if len(self._senders) >= self._purge_at:
            self._purge()
        sender = self._senders[key] = Sender(key, path, incarnation, begun, self._places, self._send)
        return sender

    def _purge(self) -> None:
        for sender in list(self._senders.values()):
            sender.alive(self.path, self.incarnation)
        known = {sender.path for sender in self._senders.values()}
        self._newest = {path: life for path, life in self._newest.items() if path in known}
        self._purge_at = max(PURGE_AT, 2 * len(self._senders))

    def _forget(self, key: bytes) -> None:
        sender = self._senders.pop(key, None)
        if sender is not None:
            sender.leave()

    def _lost_with(self, path: str, incarnation: int, count: int, why: str) -> None:
        """Messages that will not be handled, as far as can be told from here."""
        self.lost += count
        self._log.warning("messages lost", to=path, incarnation=incarnation, at_most=count, why=why)
        if self.on_dead_letter is not None:
            facts = {"why": why, "sender": self.path, "to": path, "incarnation": incarnation, "count": count}
            self.on_dead_letter(facts)

    def _bad_frame(self, source: str, why: str) -> None:
        self.bad_frames += 1
        if self.bad_frames & (self.bad_frames - 1) == 0:  # the first, the second, the fourth: a flood fills no log
            self._log.warning("bad bytes on the mailbox lane, dropped", source=source, why=why, count=self.bad_frames)
