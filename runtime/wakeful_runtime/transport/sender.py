"""The receiving side: one life that sends to this mailbox, and what it may send."""

from __future__ import annotations

from collections.abc import Callable

from wakeful_runtime.transport.frames import CREDIT, WELCOME, reply_head, reply_item
from wakeful_runtime.transport.peer import FIRST_WINDOW
from wakeful_runtime.wire import VERSION, pack

MAX_WINDOW = 4096
"""Messages one sender may have here unconsumed; grown to from `FIRST_WINDOW` as it is used (facts: 1,024 to 4,096)."""

MAX_PLACES = 131_072
"""Places all senders have together; beyond, windows don't grow."""


class Places:
    """What is granted to all senders together."""

    def __init__(self) -> None:
        self.granted = 0

    def grow(self, window: int) -> int:
        """The next window of a sender that has used this one."""
        larger = min(window * 2, MAX_WINDOW)
        if self.granted + larger - window > MAX_PLACES:
            return window
        self.granted += larger - window
        return larger


class Sender:
    """One life of one path, while it is connected. Numbers count all its messages to this path.

    Attributes:
        begun: its messages before this one went to an earlier life.
        received, consumed: how many came, and how many need no place here any more.
        overrun: whether it sent more than it was granted, by far.
    """

    def __init__(
        self, key: bytes, path: str, incarnation: int, begun: int, places: Places, send: Callable[[bytes, bytes], bool]
    ) -> None:
        self.path = path
        self.incarnation = incarnation
        self.begun = self.received = self.consumed = begun
        self._key = key
        self._reported = begun
        self._window = FIRST_WINDOW
        self._places = places
        self._send = send
        self.gone = False
        self._reply_head = b""
        places.granted += FIRST_WINDOW

    def welcome(self, path: str, incarnation: int) -> None:
        """Say who is here, and what it may send."""
        self._reported = self.consumed
        self._out(pack([VERSION, WELCOME, path, incarnation, self.begun, self.consumed, self._window]))

    def arrived(self, base: int, count: int) -> bool:
        """A batch; what is missing before it was lost on the way. False: it has far more here than it may."""
        if base > self.received:
            self.consumed += base - self.received
        self.received = max(self.received, base) + count
        return self.received - self.consumed <= 2 * MAX_WINDOW

    def handled(self, count: int, path: str, incarnation: int) -> None:
        """So many need no place any more; tell it now and then."""
        self.consumed += count
        if self.consumed - self._reported >= self._window >> 2:
            self._reported = self.consumed
            self._window = self._places.grow(self._window)
            self._out(pack([VERSION, CREDIT, path, incarnation, self.consumed, self._window]))

    def reply(self, path: str, incarnation: int, number: int, status: int, form: int, body: bytes) -> bool:
        """Answer one of its asks; needs no credit, since it has reserved the place. False: it is gone."""
        head = self._reply_head = self._reply_head or reply_head(path, incarnation)
        return not self.gone and self._send(self._key, head + reply_item(number, status, form, body))

    def leave(self) -> None:
        """It is gone: its places are free."""
        if not self.gone:
            self.gone = True
            self._places.granted -= self._window

    def alive(self, path: str, incarnation: int) -> bool:
        """Whether it is still connected; found out by sending it its credit."""
        return self._out(pack([VERSION, CREDIT, path, incarnation, self.consumed, self._window]))

    def _out(self, frame: bytes) -> bool:
        return not self.gone and self._send(self._key, frame)
