"""The sending side: one path that this mailbox tells and asks, over all that path's lives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
import zmq

from wakeful.errors import CodecError, MailboxFull
from wakeful.message import Message
from wakeful_runtime.bodies import PLAIN, checked, fields_packer, shape_of
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
    mail_head,
    pair,
    read,
    read_numbers,
    read_replies,
    run_head,
)
from wakeful_runtime.transport.monitor import ConnectionMonitor
from wakeful_runtime.wire import REFUSALS, VERSION, pack

OUTBOX = 10_000
"""Messages that may wait here for one ref (api.md); one more is MailboxFull. As many asks may be outstanding."""

FIRST_WINDOW = 64
"""What a receiver grants to somebody new; a batch is at most half of it."""

BATCH = 256
"""Messages in a frame (facts: 72 k/s with one, 400 k/s with 256)."""

BIG = 4096
"""Bytes of one message that close its batch, so that a frame stays near a MiB, or is one large message."""

NO_CREDIT, NO_PEER = "no credit", "no peer"


@dataclass(slots=True)
class Batch:
    """Packed messages that will travel as one frame.

    Attributes:
        runs: tag, mode and packed items of each run of one type.
        asks: those among them that wait for a reply, with their place.
    """

    runs: list[tuple[str, int, list[bytes]]] = field(default_factory=list[tuple[str, int, list[bytes]]])
    asks: list[tuple[int, Ask]] = field(default_factory=list[tuple[int, Ask]])
    count: int = 0

    def split(self, count: int) -> Batch:
        """Take the first `count` messages off it."""
        head = Batch(count=count, asks=[each for each in self.asks if each[0] < count])
        self.asks = [(place - count, ask) for place, ask in self.asks if place >= count]
        self.count -= count
        while count:
            tag, mode, items = self.runs[0]
            head.runs.append((tag, mode, items[:count]))
            if len(items) > count:
                self.runs[0] = (tag, mode, items[count:])
                break
            del self.runs[0]
            count -= len(items)
        return head


@dataclass(frozen=True, slots=True)
class Home:
    """What a peer needs to know of its mailbox.

    Attributes:
        lost: called with (path, incarnation, count, why) when messages are known to be lost.
        bad: called with why for bytes that are no frame.
    """

    loop: asyncio.AbstractEventLoop
    path: str
    incarnation: int
    traceparent: Callable[[], str | None]
    lost: Callable[[str, int, int, str], None]
    bad: Callable[[str, str], None]


class Peer:
    """Batches, credit and outbox towards one path.

    `tell` only packs; batches leave at the end of the loop's turn or when they are full, as far as credit allows, and
    in order. Nothing here ever waits.

    Attributes:
        path: whom it talks to.
        incarnation: of the life that welcomed us last; 0: none yet.
        asks: asks under way, by id.
        sent: messages sent to all lives of the path.
    """

    def __init__(self, home: Home, path: str, endpoint: str) -> None:
        self.path = path
        self.incarnation = 0
        self.asks: dict[int, Ask] = {}
        self.sent = 0
        self.outbox: deque[Batch] = deque()
        self.backlog = 0
        self._home = home
        self._endpoint = endpoint
        self._kind: type | None = None
        self._items: list[bytes] = []
        self._cap = 0
        self._batch = Batch()
        self._run_key: tuple[str, int] | None = None
        self._scheduled = False
        self._consumed = 0
        self._window = FIRST_WINDOW
        self._dead = 0
        self._told_lost = 0
        self._here = False
        self._room: deque[asyncio.Future[None]] = deque()
        self._log = structlog.get_logger("wakeful.mailbox")
        self._socket: Socket = dealer(identity_of(home.path, home.incarnation), keep=True)
        self._monitor = ConnectionMonitor(self._socket, self._hello, self._disconnected)
        self._drain = Drain(self._socket, self._take)
        self._write, self._receive = quick(self._socket)
        self._pack = fields_packer()
        self._between = b""

    def open(self) -> None:
        """Dial; each connection begins with a HELLO, and nothing else is sent before its WELCOME."""
        self._monitor.start(self._home.loop)
        self._drain.start(self._home.loop)
        self._socket.connect(self._endpoint)

    def close(self) -> int:
        """How many messages never left."""
        self.flush()
        self._drain.stop()
        self._monitor.stop()
        self._socket.close()
        for waiter in self._room:
            waiter.cancel()
        return self.backlog

    def tell(self, message: Message) -> None:
        """Queue a message.

        Raises:
            MailboxFull: `OUTBOX` messages wait already.
            CodecError: it can't travel.
        """
        if message.__class__ is not self._kind and not self._begin_plain(message):
            return
        try:
            data = self._pack(message.__dict__)
        except REFUSALS:
            self._tell_otherwise(message)
            return
        items = self._items
        items.append(data)
        if len(items) >= self._cap or len(data) > BIG:
            self._full(message, data)

    def ask(self, number: int, ask: Ask, message: Message) -> None:
        """Queue a request; sent at once if nothing else is under way.

        Raises:
            MailboxFull: `OUTBOX` asks are outstanding, or as many messages wait.
            CodecError: it can't travel.
        """
        if len(self.asks) >= OUTBOX:
            raise MailboxFull(f"{OUTBOX:,} asks to {self.path} are outstanding")
        shape = shape_of(type(message))
        form, data = shape.write(message)
        data = ask_head(number, ask.deadline) + data
        if not self._ask_at_once(shape.tag, form | ASK, data, ask):
            self._add(shape.tag, form | ASK, data, ask)
        self.asks[number] = ask

    def flush(self) -> None:
        """Close the open batch and send what credit allows."""
        self._scheduled = False
        self._close_batch()
        self._push()

    def drain(self) -> asyncio.Future[None] | None:
        """A future that is done when half the outbox is free; None if it is now."""
        if self.backlog + self._open_count() <= OUTBOX // 2:
            return None
        waiter: asyncio.Future[None] = self._home.loop.create_future()
        self._room.append(waiter)
        return waiter

    def read(self) -> None:
        """Take everything that has come, now."""
        self._drain.run(OUTBOX)

    def dead(self, incarnation: int) -> None:
        """The life is gone for certain: nothing more is sent to it, and its asks end."""
        self._dead = max(self._dead, incarnation)
        if 0 < self.incarnation <= incarnation:
            self._here = False
            self._tell_lost(self.sent - self._consumed, "its life ended before it consumed them")
        for number, ask in list(self.asks.items()):
            if 0 < ask.life <= incarnation:
                del self.asks[number]
                ask.died(self.path)

    # sending

    def _begin_plain(self, message: Message) -> bool:
        """Open a run of this class; False if the message is dealt with here, because it isn't plain."""
        kind: type[Any] = type(message)
        if not issubclass(kind, Message):
            raise CodecError(f"a {kind.__qualname__} is no Message; derive it from wakeful.Message")
        shape = shape_of(kind)
        if not shape.plain:
            self._tell_otherwise(message)
            return False
        self._begin(shape.tag, PLAIN)
        self._kind = kind
        return True

    def _tell_otherwise(self, message: Message) -> None:
        shape = shape_of(type(message))
        form, data = shape.write(message)
        self._add(shape.tag, form, data, None)

    def _ask_at_once(self, tag: str, mode: int, data: bytes, ask: Ask) -> bool:
        """Send it now, past the loop's turn, if nothing is before it; several at once are worth a batch."""
        if self.asks or self.outbox or self._run_key or self._batch.count or not self._here:
            return False
        if self.sent - self._consumed >= self._window:
            return False
        frame = mail_head(self.sent, self._between, self._home.traceparent(), 1) + run_head(tag, mode, 1) + data
        try:
            self._write(frame, NOBLOCK)
        except zmq.Again:
            return False
        # An edge that this send swallowed can only have been of a credit: looked for when one is missing.
        ask.life, ask.number = self.incarnation, self.sent
        self.sent += 1
        return True

    def _add(self, tag: str, mode: int, data: bytes, ask: Ask | None) -> None:
        self._kind = None
        if self._run_key != (tag, mode) or len(self._items) >= self._cap:
            self._begin(tag, mode)
        if ask is not None:
            self._batch.asks.append((self._open_count(), ask))
        self._items.append(data)
        if len(self._items) >= self._cap or len(data) > BIG:
            self._close_batch()
            self._push()

    def _begin(self, tag: str, mode: int) -> None:
        """A new run in the open batch, or in a new one."""
        limit = min(BATCH, self._window // 2)
        if self._open_count() >= limit:
            self._close_batch()
        room = OUTBOX - self.backlog - self._open_count()
        if room <= 0:
            room = self._make_room()
        self._end_run()
        self._run_key = (tag, mode)
        self._items = []
        self._cap = min(limit - self._batch.count, room)
        if not self._scheduled:
            self._scheduled = True
            self._home.loop.call_soon(self.flush)

    def _make_room(self) -> int:
        """Credit may have come while the loop had no turn."""
        self._close_batch()
        self._drain.run()
        self._push()
        room = OUTBOX - self.backlog
        if room <= 0:
            raise MailboxFull(f"{OUTBOX:,} messages wait for {self.path}; `await ref.drain()` waits for room")
        return room

    def _full(self, message: Message, data: bytes) -> None:
        """The open batch is full, or has something big in it, which must not be too big."""
        if len(data) > BIG:
            self._items.pop()
            self._items.append(checked(data, message))
        self._close_batch()
        self._push()

    def _open_count(self) -> int:
        return self._batch.count + (len(self._items) if self._run_key else 0)

    def _end_run(self) -> None:
        if self._run_key is not None and self._items:
            self._batch.runs.append((*self._run_key, self._items))
            self._batch.count += len(self._items)
        self._kind = self._run_key = None
        self._items = []

    def _close_batch(self) -> None:
        self._end_run()
        if self._batch.count:
            self.outbox.append(self._batch)
            self.backlog += self._batch.count
            self._batch = Batch()

    def _push(self) -> None:
        """Send batches in order while the life that welcomed us has room for them."""
        outbox = self.outbox
        if not outbox or not self._here:
            return
        limit = max(1, self._window // 2)
        while outbox:
            if outbox[0].count > limit:  # made for the larger window of a life that is gone
                outbox.appendleft(outbox[0].split(limit))
            count = outbox[0].count
            if self.sent + count > self._consumed + self._window or not self._send_batch(outbox[0]):
                break
            outbox.popleft()
            self.backlog -= count
        self._drain.sent()
        while self._room and self.backlog <= OUTBOX // 2:
            waiter = self._room.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _send_batch(self, batch: Batch) -> bool:
        home = self._home
        parts = [mail_head(self.sent, self._between, home.traceparent(), len(batch.runs))]
        for tag, mode, items in batch.runs:
            parts.append(run_head(tag, mode, len(items)))
            parts += items
        try:
            self._write(b"".join(parts), NOBLOCK)
        except zmq.Again:
            return False
        for place, ask in batch.asks:
            ask.life = self.incarnation
            ask.number = self.sent + place
        self.sent += batch.count
        return True

    # receiving

    def _hello(self) -> None:
        home = self._home
        try:
            self._socket.send(pack([VERSION, HELLO, self.sent, home.path, home.incarnation, self.path]), NOBLOCK)
        except zmq.Again:
            self._log.warning("a HELLO could not be sent", to=self.path)
        self._drain.sent()

    def _disconnected(self) -> None:
        """What is told from now on waits for whoever welcomes us next."""
        self._here = False

    def _take(self) -> None:
        try:
            self._frame(read(self._receive(NOBLOCK)))
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
        for number, status, form, body in read_replies(frame):
            ask = self.asks.pop(number, None)
            if ask is not None:
                ask.answer(status, form, body)

    def _credit(self, frame: list[Any]) -> None:
        _, (incarnation, consumed, window) = read_numbers(frame, 3)
        if incarnation == self.incarnation:
            self._consumed = max(self._consumed, min(consumed, self.sent))
            self._window = max(self._window, window)
            self._push()

    def _welcome(self, frame: list[Any]) -> None:
        """A life that is there, and what it has of ours: it began with message `begun`."""
        path, (incarnation, begun, consumed, window) = read_numbers(frame, 4)
        if path != self.path or incarnation < self.incarnation or incarnation <= self._dead:
            return
        if incarnation > self.incarnation:
            self._replaced(incarnation, min(begun, self.sent))
        self.incarnation = incarnation
        self._between = pair(self._home.path, self._home.incarnation, self.path, incarnation)
        self._consumed = min(consumed, self.sent)
        self._window = window
        self._here = True
        self._push()

    def _replaced(self, incarnation: int, begun: int) -> None:
        """Another life than before: what the old one had is gone, what it never got went to the new one."""
        if self.incarnation:
            self._tell_lost(begun - self._consumed, "its life ended before it consumed them")
        for number, ask in list(self.asks.items()):
            if ask.life and ask.number < begun:
                del self.asks[number]
                ask.died(self.path)
            elif ask.life:
                ask.life = incarnation

    def _tell_lost(self, count: int, why: str) -> None:
        if count > 0 and self._told_lost < self.incarnation:
            self._told_lost = self.incarnation
            self._home.lost(self.path, self.incarnation, count, why)
