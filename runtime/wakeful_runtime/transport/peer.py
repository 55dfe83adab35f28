"""The sending side: one path that this mailbox tells and asks, over all that path's lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
import zmq

from wakeful.errors import CodecError, MailboxFull
from wakeful.message import Message
from wakeful_runtime.bodies import Shape, shape_of
from wakeful_runtime.transport.asks import Ask
from wakeful_runtime.transport.context import NOBLOCK, Socket, dealer, identity_of, quick
from wakeful_runtime.transport.drain import Drain
from wakeful_runtime.transport.frames import (
    ASK,
    CREDIT,
    HELLO,
    REPLY,
    WELCOME,
    ask_head,
    lone_ask,
    pair,
    read,
    read_numbers,
    read_replies,
    run_head,
)
from wakeful_runtime.transport.monitor import ConnectionMonitor
from wakeful_runtime.transport.outbox import BATCH, OUTBOX, Outbox
from wakeful_runtime.transport.redial import Redial
from wakeful_runtime.wire import VERSION, pack

FIRST_WINDOW = 64
"""What a receiver grants to somebody new; a batch is at most half of a window."""

EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class Home:
    """What a peer needs to know of its mailbox.

    Attributes:
        lost: called with (path, incarnation, count, why) when messages are known to be lost.
        bad: called with (source, why) for bytes that are no frame.
    """

    loop: asyncio.AbstractEventLoop
    path: str
    incarnation: int
    traceparent: Callable[[], str | None]
    lost: Callable[[str, int, int, str], None]
    bad: Callable[[str, str], None]


class Peer:
    """Outbox, credit and asks towards one path.

    Batches leave at the end of the loop's turn or when they are full, as far as credit allows, and in order; only to a
    life that has welcomed this one. Nothing here ever waits.

    Attributes:
        path: whom it talks to.
        incarnation: of the life that welcomed us last; 0: none yet.
        outbox: what wants to be sent.
        asks: asks under way, by id.
    """

    def __init__(self, home: Home, path: str, endpoint: str) -> None:
        self.path = path
        self.incarnation = 0
        self.outbox = Outbox(path, self._soon, self._push)
        self.asks: dict[int, Ask] = {}
        self._home = home
        self._sent = self._consumed = 0
        self._dead = self._told_lost = 0
        self._here = self._scheduled = False
        self._between = b""
        self._run_heads: dict[tuple[Shape, int], bytes] = {}
        self._grant(FIRST_WINDOW)
        self._log = structlog.get_logger("wakeful.mailbox")
        self._socket: Socket = dealer(identity_of(home.path, home.incarnation), keep=True, reconnect=False)
        self._write, self._receive = quick(self._socket)
        self._monitor = ConnectionMonitor(self._socket, self._hello, self._disconnected)
        self._connected = False
        self._drain = Drain(self._socket, self._take)
        self._redial = Redial(self._socket, endpoint, lambda: self._connected, self.read)

    def open(self) -> None:
        """Dial; each connection begins with a HELLO, and nothing else is sent before its WELCOME."""
        self._monitor.start(self._home.loop)
        self._drain.start(self._home.loop)
        self._redial.begin(self._home.loop)

    def close(self) -> int:
        """How many messages never left."""
        self.flush()
        self.outbox.close()
        self._drain.stop()
        self._monitor.stop()
        self._redial.stop()
        self._socket.close()
        return self.outbox.backlog

    def ask(self, number: int, ask: Ask, message: Message) -> None:
        """Send a request: at once if nothing else is under way.

        Raises:
            MailboxFull: `OUTBOX` asks are outstanding, or as many messages wait.
            CodecError: it can't travel.
        """
        if len(self.asks) >= OUTBOX:
            raise MailboxFull(f"{OUTBOX:,} asks to {self.path} are outstanding")
        shape = shape_of(type(message))
        form, data = shape.write(message)
        if self.asks or not self._ask_at_once(shape, form, data, number, ask):
            self.outbox.add(shape.tag, form | ASK, ask_head(number, ask.deadline) + data, ask)
        self.asks[number] = ask

    def flush(self) -> None:
        """Complete the open batch and send what credit allows."""
        self._scheduled = False
        self.outbox.close_batch()
        self._push()

    def read(self) -> None:
        """Take everything that has come, now."""
        self._drain.run(EVERYTHING)

    def dead(self, incarnation: int) -> None:
        """The life is gone for certain: nothing more is sent to it, and its asks end."""
        self._dead = max(self._dead, incarnation)
        if 0 < self.incarnation <= incarnation:
            self._here = False
            self._tell_lost(self._sent - self._consumed)
        for number, ask in list(self.asks.items()):
            if 0 < ask.life <= incarnation:
                del self.asks[number]
                ask.died(self.path)

    # sending

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._home.loop.call_soon(self.flush)

    def _push(self) -> None:
        """Send what can be sent; if that isn't all, look for credit that came while the loop had no turn."""
        self._send_allowed()
        if self.outbox.backlog:
            self._drain.run()
        else:
            self._drain.sent()

    def _send_allowed(self) -> None:
        """Send batches in order while the life that welcomed us has room for them."""
        if not self._here:
            return
        outbox, allowed = self.outbox, self._consumed + self._window
        traceparent = self._home.traceparent()
        while (batch := outbox.first(max(1, self._window // 2))) and self._sent + batch.count <= allowed:
            try:
                self._write(batch.frame(self._sent, self._between, traceparent), NOBLOCK)
            except zmq.Again:
                break
            for place, ask in batch.asks:
                ask.life, ask.number = self.incarnation, self._sent + place
            self._sent += batch.count
            outbox.sent()

    def _ask_at_once(self, shape: Shape, form: int, data: bytes, number: int, ask: Ask) -> bool:
        """Past the loop's turn, if nothing is before it; several at once are worth a batch."""
        outbox = self.outbox
        if outbox.backlog or outbox.open or not self._here or self._sent - self._consumed >= self._window:
            return False
        run = self._run_heads.get((shape, form))
        if run is None:
            run = self._run_heads[shape, form] = run_head(shape.tag, form | ASK, 1)
        head = lone_ask(self._sent, self._between, self._home.traceparent(), run, number, ask.deadline)
        try:
            self._write(head + data, NOBLOCK)
        except zmq.Again:
            return False
        # An edge that this send swallowed can only have been of a credit: looked for when one is missing.
        ask.life, ask.number = self.incarnation, self._sent
        self._sent += 1
        return True

    def _hello(self) -> None:
        home = self._home
        self._connected = True
        try:
            self._socket.send(pack([VERSION, HELLO, self._sent, home.path, home.incarnation, self.path]), NOBLOCK)
        except zmq.Again:
            self._log.warning("a HELLO could not be sent", to=self.path)
        self._drain.sent()

    # receiving

    def _disconnected(self) -> None:
        """What is told from now on waits for whoever welcomes us next."""
        self._here = self._connected = False
        self._redial.begin(self._home.loop)

    def _take(self) -> None:
        data = self._receive(NOBLOCK)
        try:
            self._frame(read(data))
        except CodecError as error:
            self._home.bad(self.path, str(error))

    def _frame(self, frame: list[Any]) -> None:
        kind = frame[1]
        if kind == REPLY:
            self._replies(frame)
        elif kind == CREDIT:
            self._credit(frame)
        elif kind == WELCOME:
            self._welcome(frame)
        else:
            raise CodecError(f"a frame of kind {kind}")

    def _replies(self, frame: list[Any]) -> None:
        pop = self.asks.pop
        for number, status, form, body in read_replies(frame):
            ask = pop(number, None)
            if ask is not None:
                ask.answer(status, form, body)

    def _credit(self, frame: list[Any]) -> None:
        _, (incarnation, consumed, window) = read_numbers(frame, 3)
        if incarnation == self.incarnation:
            self._consumed = max(self._consumed, min(consumed, self._sent))
            self._grant(max(self._window, window))
            self._send_allowed()

    def _welcome(self, frame: list[Any]) -> None:
        """A life that is there, and what it has of ours: it began with message `begun`."""
        path, (incarnation, begun, consumed, window) = read_numbers(frame, 4)
        if path != self.path or incarnation < self.incarnation or incarnation <= self._dead:
            return
        if incarnation > self.incarnation:
            self._replaced(incarnation, min(begun, self._sent))
        self.incarnation = incarnation
        self._between = pair(self._home.path, self._home.incarnation, self.path, incarnation)
        self._consumed = min(consumed, self._sent)
        self._grant(window)
        self._here = True
        self._send_allowed()

    def _grant(self, window: int) -> None:
        self._window = window
        self.outbox.limit = max(1, min(BATCH, window // 2))

    def _replaced(self, incarnation: int, begun: int) -> None:
        """Another life than before: what was sent to the old one is gone."""
        if self.incarnation:
            self._tell_lost(begun - self._consumed)
        for number, ask in list(self.asks.items()):
            if ask.life and ask.number < begun:
                del self.asks[number]
                ask.died(self.path)
            elif ask.life:
                ask.life = incarnation

    def _tell_lost(self, count: int) -> None:
        if count > 0 and self._told_lost < self.incarnation:
            self._told_lost = self.incarnation
            self._home.lost(self.path, self.incarnation, count, "its life ended before it had consumed them")
