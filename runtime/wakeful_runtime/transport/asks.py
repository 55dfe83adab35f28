"""Asks that wait for their reply, and the one sweep that watches all their deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from wakeful.errors import ActorDead, AskTimeout, CodecError, HandlerFailed, Refused
from wakeful_runtime.bodies import Shape
from wakeful_runtime.packing import is_list
from wakeful_runtime.transport.frames import FAILED, OK, REFUSED

WATCH_AFTER = 0.1
"""Seconds after which somebody is asked to tell of the target's death."""

WATCH_EVERY = 1.0
"""Seconds between repetitions of that."""


@dataclass(slots=True)
class Ask:
    """One ask: its future gets exactly one result.

    Attributes:
        deadline: on the loop's clock (CLOCK_MONOTONIC), seconds.
        life: the incarnation it was sent to; 0: not sent yet.
        number: which message it was of all this life sent to that path.
    """

    what: str
    reply: asyncio.Future[Any]
    shape: Shape
    asked: float
    deadline: float
    life: int = 0
    number: int = 0

    def answer(self, status: int, form: int, body: Any) -> None:
        """Settle it with what came back."""
        if self.reply.done():
            return
        if status == OK:
            try:
                self.reply.set_result(self.shape.read(form, body))
            except ValueError as error:
                text = str(error).partition("\n")[0]
                self.reply.set_exception(HandlerFailed("CodecError", f"the reply is not what was declared: {text}"))
        elif status == REFUSED:
            self.reply.set_exception(Refused(str(body)))
        elif status == FAILED:
            kind, message, traceback = body if is_list(body) and len(body) == 3 else ("?", str(body), "")
            self.reply.set_exception(HandlerFailed(str(kind), str(message), str(traceback)))
        else:
            self.reply.set_exception(CodecError(f"a reply of status {status}"))

    def died(self, path: str) -> None:
        """The life that had it ended."""
        if not self.reply.done():
            why = f"{path} (life {self.life}) ended before it answered {self.what}; whether it was handled is unknown"
            self.reply.set_exception(ActorDead(why))

    def expire(self, path: str) -> None:
        """Its time is over."""
        if not self.reply.done():
            waited = self.deadline - self.asked
            where = "whether it was handled is unknown" if self.life else "it could not be delivered meanwhile"
            self.reply.set_exception(AskTimeout(f"no reply to {self.what} from {path} within {waited:g} s; {where}"))


class Asking(Protocol):
    """A peer with asks under way."""

    asks: dict[int, Ask]

    @property
    def path(self) -> str: ...


@dataclass(slots=True)
class Sweep:
    """One timer for all deadlines of a mailbox (facts: a timer per call costs 5 µs and more).

    Attributes:
        peers: whom to look at.
        read: takes everything that has come, before anything is judged to be late.
        watch: asked to have the death of (path, incarnation) told; None: nobody can.
    """

    loop: asyncio.AbstractEventLoop
    peers: Callable[[], Iterable[Asking]]
    read: Callable[[], None]
    watch: Callable[[str, int], None] | None = None
    _at: float = float("inf")
    _timer: asyncio.TimerHandle | None = None
    _watched: dict[tuple[str, int], float] = field(default_factory=dict[tuple[str, int], float])

    def expect(self, ask: Ask) -> None:
        """Look again no later than this ask needs."""
        at = min(ask.deadline, ask.asked + WATCH_AFTER) if self.watch else ask.deadline
        if at < self._at:
            self._schedule(at)

    def stop(self) -> None:
        """No more looks."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._at = None, float("inf")

    def _schedule(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = at
        self._timer = self.loop.call_at(at, self._run)

    def _run(self) -> None:
        self._timer, self._at = None, float("inf")
        self.read()
        now = self.loop.time()
        again = float("inf")
        for peer in list(self.peers()):
            again = min(again, self._look(peer, now))
        if again < self._at:
            self._schedule(max(again, now + 0.001))

    def _look(self, peer: Asking, now: float) -> float:
        """When to look at this peer again."""
        again = float("inf")
        for number, ask in list(peer.asks.items()):
            if ask.reply.done():
                del peer.asks[number]
            elif ask.deadline <= now:
                del peer.asks[number]
                ask.expire(peer.path)
            else:
                again = min(again, ask.deadline, self._due(peer.path, ask, now))
        return again

    def _due(self, path: str, ask: Ask, now: float) -> float:
        """Have it watched if it is time; when it will be."""
        if self.watch is None:
            return float("inf")
        if ask.asked + WATCH_AFTER > now:
            return ask.asked + WATCH_AFTER
        if not ask.life:
            return now + WATCH_AFTER
        due = self._watched.get((path, ask.life), 0.0)
        if due <= now:
            if len(self._watched) > 1000:
                self._watched.clear()
            due = self._watched[path, ask.life] = now + WATCH_EVERY
            self.watch(path, ask.life)
        return due
