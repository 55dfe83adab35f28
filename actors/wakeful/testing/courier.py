"""Messages between actors of one test: in order, one at a time, checked as they are on the wire."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from pydantic import ValidationError

from wakeful.actor import Living
from wakeful.errors import ActorDead, AskTimeout, HandlerFailed, MailboxFull, Refused
from wakeful.handlers import HandlerSpec, handlers_of
from wakeful.message import Message, Request, tag_of

R = TypeVar("R")
BOUND = 10_000
"""Messages that may wait for one ref."""


@dataclass
class _Envelope:
    message: Message
    answer: asyncio.Future[Any] | None


class Desk:
    """One actor's mailbox.

    Args:
        actor: whose.
        survives: whether a handler that raises ends it (an actor) or not (a session).
    """

    def __init__(self, actor: Living, *, survives: bool) -> None:
        self._actor = actor
        self._table = handlers_of(type(actor))
        self._survives = survives
        self._queue: deque[_Envelope] = deque()
        self._come = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self.dead: str | None = None
        self.error: Exception | None = None
        self.dead_letters: list[Message] = []

    def put(self, envelope: _Envelope) -> None:
        """Queue it."""
        if self.dead is not None:
            self._refuse(envelope)
            return
        if len(self._queue) >= BOUND:
            raise MailboxFull(f"{BOUND} messages wait for {self._actor.path}; `await ref.drain()` waits for room")
        self._queue.append(envelope)
        self.idle.clear()
        self._come.set()

    async def pump(self) -> None:
        """Handle messages for ever; returns when the actor's life ended by one."""
        while self.dead is None:
            while self._queue and self.dead is None:
                await self._handle(self._queue.popleft())
            self.idle.set()
            self._come.clear()
            if self.dead is None:
                await self._come.wait()

    def die(self, why: str) -> None:
        """Who waits is told, who asks later too."""
        self.dead = why
        while self._queue:
            self._refuse(self._queue.popleft())
        self.idle.set()
        self._come.set()

    def _refuse(self, envelope: _Envelope) -> None:
        if envelope.answer is not None and not envelope.answer.done():
            envelope.answer.set_exception(ActorDead(f"{self._actor.path}: {self.dead}"))
        elif envelope.answer is None:
            self.dead_letters.append(envelope.message)

    async def _handle(self, envelope: _Envelope) -> None:
        spec = self._table.get(tag_of(type(envelope.message)))
        if spec is None or spec.type is not type(envelope.message):
            self._unhandled(envelope)
            return
        try:
            result = getattr(self._actor, spec.name)(envelope.message)
            value = await result if inspect.isawaitable(result) else result
            _answer(envelope, _checked(spec, value))
        except Refused as refusal:
            if envelope.answer is not None and not envelope.answer.done():
                envelope.answer.set_exception(refusal)
        except Exception as error:  # noqa: BLE001 - the user's handler: told, and the actor's life ends
            self._failed(envelope, error)

    def _unhandled(self, envelope: _Envelope) -> None:
        if envelope.answer is None:
            self.dead_letters.append(envelope.message)
            self._actor.log.warning("dead letter", message=type(envelope.message).__name__)
        elif not envelope.answer.done():
            kind = type(envelope.message).__name__
            why = f"{type(self._actor).__name__} has no handler for {kind}"
            envelope.answer.set_exception(HandlerFailed("Unhandled", why))

    def _failed(self, envelope: _Envelope, error: Exception) -> None:
        if envelope.answer is not None and not envelope.answer.done():
            trace = "".join(traceback.format_exception(error))
            envelope.answer.set_exception(HandlerFailed(type(error).__name__, str(error), trace))
        else:
            self.error = self.error or error
        if self._survives:
            self._actor.log.error("handler failed", error=repr(error))
        else:
            self.die(f"its life ended by {error!r}")


class World:
    """The actors of one loop, and what carries their messages."""

    def __init__(self) -> None:
        self.desks: dict[str, Desk] = {}
        self.dead_letters: list[tuple[str, Message]] = []

    def free_path(self, cls: type[Living]) -> str:
        """Where an actor of this class goes: "counter", "counter-2"."""
        name = cls.__name__.lower().strip("_") or "actor"
        taken = (f"{name}-{number}" if number > 1 else name for number in range(1, 1_000_000))
        return next(path for path in taken if path not in self.desks)


class FakeCourier:
    """`wakeful.life.Courier` within a test.

    Args:
        world: who is there.
        sent: told what was sent: (path, message).
    """

    def __init__(self, world: World, sent: Callable[[str, Message], None] | None = None) -> None:
        self._world = world
        self._sent = sent

    def tell(self, to: str, message: Message) -> None:
        self._put(to, message, None)

    async def tell_durable(self, to: str, message: Message) -> None:
        self._put(to, message, None)

    async def drain(self, to: str) -> None:
        desk = self._world.desks.get(to)
        if desk is not None:
            await desk.idle.wait()

    async def ask(self, to: str, request: Request[R], timeout: float) -> R:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                self._put(to, request, answer)
                return cast("R", await answer)
        except TimeoutError:
            raise AskTimeout(f"{to} did not answer {type(request).__name__} within {timeout:g} s") from None

    def _put(self, to: str, message: Message, answer: asyncio.Future[Any] | None) -> None:
        if self._sent is not None:
            self._sent(to, message)
        desk = self._world.desks.get(to)
        if desk is not None:
            desk.put(_Envelope(message.model_copy(deep=True), answer))
        elif answer is None:
            self._world.dead_letters.append((to, message))
        else:
            answer.set_exception(ActorDead(f"there is no {to} in this test; `async with testing.actor(…)` makes one"))


_worlds: WeakKeyDictionary[asyncio.AbstractEventLoop, World] = WeakKeyDictionary()


def world() -> World:
    """The running loop's."""
    return _worlds.setdefault(asyncio.get_running_loop(), World())


def _checked(spec: HandlerSpec, value: Any) -> Any:
    if spec.reply is None:
        return None
    try:
        return spec.reply.validate_python(value, strict=True)
    except ValidationError as error:
        raise TypeError(
            f"{spec.name} answered {value!r}, which is no {spec.reply_type}: {error.errors()[0]['msg']}"
        ) from None


def _answer(envelope: _Envelope, value: Any) -> None:
    if envelope.answer is not None and not envelope.answer.done():
        envelope.answer.set_result(value)
