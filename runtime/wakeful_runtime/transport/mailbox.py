"""The mailbox lane: typed messages between actors, directly, ordered per pair, bounded on both sides.

One ROUTER takes what others send; one DEALER for each path that is told or asked something carries it there and brings
replies and credit back. Everything runs on the event loop that called `open`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog

from wakeful.errors import AskError, NodeError
from wakeful.message import Message, Request
from wakeful_runtime.bodies import reply_shape
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.answers import DeadLetter
from wakeful_runtime.transport.answers import Handler as Handler
from wakeful_runtime.transport.asks import Ask, Sweep
from wakeful_runtime.transport.intake import Intake
from wakeful_runtime.transport.peer import Home, Peer
from wakeful_runtime.transport.pump import OnError, Pump

R = TypeVar("R")


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
        self._tells: dict[str, Callable[[Message], None]] = {}
        self._intake: Intake | None = None
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
        return self._pump.answers.on_dead_letter

    @on_dead_letter.setter
    def on_dead_letter(self, hook: DeadLetter | None) -> None:
        self._pump.answers.on_dead_letter = hook

    @property
    def on_handled(self) -> Callable[[int], None] | None:
        """Called with how many messages were handled, after each few."""
        return self._pump.on_handled

    @on_handled.setter
    def on_handled(self, hook: Callable[[int], None] | None) -> None:
        self._pump.on_handled = hook

    @property
    def teller(self) -> str:
        """The path of who told the present message."""
        return self._pump.teller

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
        return self._pump.answers.dead_letters

    @property
    def expired(self) -> int:
        """Requests that came after their deadline, and weren't handled."""
        return self._pump.answers.expired

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
        self._intake = Intake(self.path, self.incarnation, endpoint, self._pump.offer, self._bad_frame)
        self._intake.open(self._loop)

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
        self._tells.clear()
        if self._intake is not None:
            self._intake.close()
        self._intake = self._home = self._sweep = self._loop = None

    def serve(self, table: Mapping[str, Handler]) -> None:
        """The handlers, by type tag; until then messages wait."""
        self._pump.table = table

    async def pump(self) -> None:
        """Handle messages, one at a time, until cancelled or until `on_error` says "raise"."""
        await self._pump.run()

    def handle(self, work: Callable[[], Awaitable[None]]) -> Awaitable[None]:
        """Give `work` its turn among the messages, as one of them; done when it is over."""
        return self._pump.take_turn(work)

    def dead(self, path: str, incarnation: int) -> None:
        """Whoever supervises it says that this life is gone: asks it had end with ActorDead."""
        peer = self._peers.get(path)
        if peer is not None:
            peer.dead(incarnation)
        if self._intake is not None:
            self._intake.dead(path, incarnation)

    # the courier

    def tell(self, to: str, message: Message) -> None:
        """Queue it; at most once, ordered per pair. Returns at once, also inside a handler.

        Raises:
            MailboxFull: 10,000 messages wait here for that path.
            CodecError: it can't travel, or would not come back equal.
        """
        tell = self._tells.get(to)
        if tell is None:
            tell = self._dial(to).outbox.tell
        tell(message)

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
        peer, loop = self._peers.get(to), self._loop
        waiter = peer.outbox.room(loop) if peer is not None and loop is not None else None
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
        self._tells[to] = peer.outbox.tell
        peer.open()
        return peer

    def _read_all(self) -> None:
        for peer in list(self._peers.values()):
            if peer.asks:
                peer.read()

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
