"""Messages that wait to be sent to one path: packed at once, in batches, in order, and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wakeful.errors import CodecError, MailboxFull
from wakeful.message import Message
from wakeful_runtime.bodies import PLAIN, checked, fields_packer, shape_of
from wakeful_runtime.transport.asks import Ask
from wakeful_runtime.transport.frames import mail_head, run_head
from wakeful_runtime.wire import REFUSALS

OUTBOX = 10_000
"""Messages that may wait here for one ref (api.md); one more is MailboxFull. As many asks may be outstanding."""

BATCH = 256
"""Messages in a frame (facts: 72 k/s with one, 400 k/s with 256)."""

BIG = 4096
"""Bytes of one message that close its batch, so that a frame stays near a MiB, or is one large message."""


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

    def frame(self, base: int, between: bytes, traceparent: str | None) -> bytes:
        """It as bytes; `between` is a `frames.pair`."""
        parts = [mail_head(base, between, traceparent, len(self.runs))]
        for tag, mode, items in self.runs:
            parts.append(run_head(tag, mode, len(items)))
            parts += items
        return b"".join(parts)


class Outbox:
    """Never waits: a message is packed, put behind those before it, or refused.

    Args:
        path: whom it is for.
        opened: called when the first message since `close_batch` came: send it in the loop's next turn.
        full: called when a batch is complete, or nothing more fits: read credit, send what can be sent.

    Attributes:
        backlog: messages in complete batches.
        limit: messages a batch may have; grows with the window.
    """

    def __init__(self, path: str, opened: Callable[[], None], full: Callable[[], None]) -> None:
        self.backlog = 0
        self.limit = 1
        self._path = path
        self._opened = opened
        self._full = full
        self._batches: deque[Batch] = deque()
        self._batch = Batch()
        self._run: tuple[str, int] | None = None
        self._items: list[bytes] = []
        self._kind: type | None = None
        self._cap = 0
        self._pack = fields_packer()
        self._waiters: deque[asyncio.Future[None]] = deque()

    def tell(self, message: Message) -> None:
        """Put a message in.

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
        if len(data) > BIG:
            checked(data, message)
        items.append(data)
        if len(items) >= self._cap or len(data) > BIG:
            self.close_batch()
            self._full()

    def add(self, tag: str, mode: int, data: bytes, ask: Ask | None) -> None:
        """Put a packed item in.

        Raises:
            MailboxFull: `OUTBOX` messages wait already.
        """
        self._kind = None
        if self._run != (tag, mode) or len(self._items) >= self._cap:
            self._begin(tag, mode)
        if ask is not None:
            self._batch.asks.append((self.open, ask))
        self._items.append(data)
        if len(self._items) >= self._cap or len(data) > BIG:
            self.close_batch()
            self._full()

    @property
    def open(self) -> int:
        """Messages in the batch that isn't complete."""
        return self._batch.count + len(self._items)

    def close_batch(self) -> None:
        """Complete the open batch."""
        self._end_run()
        if self._batch.count:
            self._batches.append(self._batch)
            self.backlog += self._batch.count
            self._batch = Batch()

    def first(self, most: int) -> Batch | None:
        """The batch that goes next, of at most `most` messages; it stays until `sent`."""
        if not self._batches:
            return None
        if self._batches[0].count > most:  # made for the larger window of a life that is gone
            self._batches.appendleft(self._batches[0].split(most))
        return self._batches[0]

    def sent(self) -> None:
        """The first batch has left."""
        self.backlog -= self._batches.popleft().count
        while self._waiters and self.backlog <= OUTBOX // 2:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def room(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """A future that is done when half of it is free; None if it is now."""
        if self.backlog + self.open <= OUTBOX // 2:
            return None
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def close(self) -> None:
        """Nobody waits any more."""
        for waiter in self._waiters:
            waiter.cancel()

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
        self.add(shape.tag, form, data, None)

    def _begin(self, tag: str, mode: int) -> None:
        """A new run in the open batch, or in a new one."""
        if self.open >= self.limit:
            self.close_batch()
        if OUTBOX - self.backlog - self.open <= 0:
            self.close_batch()
            self._full()
        room = OUTBOX - self.backlog - self.open
        if room <= 0:
            raise MailboxFull(f"{OUTBOX:,} messages wait for {self._path}; `await ref.drain()` waits for room")
        self._end_run()
        self._run = (tag, mode)
        self._cap = min(self.limit - self._batch.count, room)
        self._opened()

    def _end_run(self) -> None:
        if self._run is not None and self._items:
            self._batch.runs.append((*self._run, self._items))
            self._batch.count += len(self._items)
            self._items = []
        self._kind = self._run = None
