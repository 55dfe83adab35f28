"""Hands messages to handlers: one at a time, in the order they came."""

from __future__ import annotations

import asyncio
import contextvars
import operator
import time
import traceback
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from pydantic import TypeAdapter

from wakeful.errors import CodecError, Refused
from wakeful.message import Message
from wakeful_runtime.bodies import PLAIN, reply_shape, shape_of
from wakeful_runtime.transport.frames import ASK, FAILED, OK, REFUSED, Run, read_ask
from wakeful_runtime.transport.sender import Sender
from wakeful_runtime.wire import pack

TURN = 0.005
"""Seconds of handling after which the loop gets a turn, so that timers, replies and credit never starve."""

OnError = Callable[[Message, Exception], str]
DeadLetter = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Handler:
    """What handles one type of message.

    Attributes:
        type: the message's class.
        call: takes the message; what it returns answers a request.
        reply: says that answers are expected; None: nobody waits for one.
        is_async: whether `call` must be awaited.
    """

    type: type[Message]
    call: Callable[[Any], Any]
    reply: TypeAdapter[Any] | None
    is_async: bool


@dataclass(slots=True)
class Work:
    """A run of messages of one sender, waiting to be handled."""

    sender: Sender
    run: Run


@dataclass(frozen=True, slots=True)
class Begun:
    """A handler that was started in the reader and waits for something."""

    work: Coroutine[Any, Any, None]
    waits_for: Any


class Pump:
    """The queue and the one task that empties it.

    A lone message that finds nobody before it is handled at once, in the reader's callback, as the pump's task would;
    if its handler then waits for something, the task takes over.

    Args:
        path, incarnation: whose.

    Attributes:
        on_error: called with a message and what its handler raised; "raise" ends the pump with it.
        on_handled: called with a count after some messages were handled.
        on_dead_letter: called with the facts of messages that nobody handled.
        handled_runs: messages of runs that are finished; `handled` counts the present one too.
    """

    def __init__(self, path: str, incarnation: int) -> None:
        self.table: Mapping[str, Handler] = {}
        self.on_error: OnError = _raise
        self.on_handled: Callable[[int], None] | None = None
        self.on_dead_letter: DeadLetter | None = None
        self.dead_letters = self.expired = 0
        self._path = path
        self._incarnation = incarnation
        self._queue: deque[Work] = deque()
        self._queued = 0
        self._finished = 0
        self._present: Iterator[Any] = iter(())
        self._present_count = 0
        self._since: float | None = None
        self._turn_ends = 0.0
        self._waiter: asyncio.Future[Begun | None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._context = contextvars.copy_context()
        self._log = structlog.get_logger("wakeful.mailbox")

    @property
    def depth(self) -> int:
        """Messages that wait, without the one in hand."""
        return self._queued + operator.length_hint(self._present)

    @property
    def handled(self) -> int:
        """Messages handled or in hand so far."""
        return self._finished + self._present_count - operator.length_hint(self._present)

    @property
    def in_hand_since(self) -> float | None:
        """CLOCK_MONOTONIC seconds; None: no message is in hand."""
        return self._since

    def offer(self, sender: Sender, runs: list[Run], count: int) -> None:
        """Take what has come: handle it now if it is alone and nothing runs, else queue it."""
        waiter = self._waiter
        if count == 1 and waiter is not None and not waiter.done() and len(runs) == 1:
            self._at_once(waiter, Work(sender, runs[0]))
            return
        self._queue.extend(Work(sender, run) for run in runs)
        self._queued += count
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def run(self) -> None:
        """Handle messages until cancelled, or until `on_error` says "raise"."""
        self._context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(), context=self._context, name=f"handlers of {self._path}")
        try:
            await self._task
        finally:
            self._task = None

    async def _run(self) -> None:
        while True:
            if not self._queue:
                await self._idle()
                continue
            work = self._queue.popleft()
            self._queued -= len(work.run.items)
            await self._work(work)

    async def _idle(self) -> None:
        """Wait for messages, or for a handler that the reader began."""
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        cancelled: asyncio.CancelledError | None = None
        try:
            await waiter
        except asyncio.CancelledError as error:
            cancelled = error
        finally:
            self._waiter = None
        begun = waiter.result() if waiter.done() and not waiter.cancelled() else None
        if begun is not None:
            await _resume(begun, cancelled)
        elif cancelled is not None:
            raise cancelled

    def _at_once(self, waiter: asyncio.Future[Begun | None], work: Work) -> None:
        """In the reader's callback, but with the pump's task and context, as `asyncio.timeout` in a handler needs."""
        coroutine = self._alone(work) if work.run.mode & ASK else self._work(work)
        loop, task = waiter.get_loop(), self._task
        assert task is not None
        asyncio._enter_task(loop, task)
        try:
            waits_for = self._context.run(coroutine.send, None)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 (the pump ends with it, as if it had been raised there)
            waiter.set_exception(error)
            return
        finally:
            asyncio._leave_task(loop, task)
        waiter.set_result(Begun(coroutine, waits_for))

    async def _work(self, work: Work) -> None:
        sender, run = work.sender, work.run
        count = len(run.items)
        self._present = iter(run.items)
        self._present_count = count
        self._turn_ends = time.monotonic() + TURN
        handler = self.table.get(run.tag)
        try:
            if run.mode & ASK:
                await self._asked(sender, run, handler)
            elif handler is None:
                self._lost(sender, run.tag, count, "no handler for this type")
            elif run.mode == PLAIN:
                await self._told(sender, run, handler, shape_of(handler.type).read_plain)
            else:
                form, shape = run.mode, shape_of(handler.type)
                await self._told(sender, run, handler, lambda body: shape.read(form, body))
        finally:
            self._finished += count - operator.length_hint(self._present)
            self._present, self._present_count, self._since = iter(()), 0, None
            sender.handled(count, self._path, self._incarnation)
            if self.on_handled is not None:
                self.on_handled(count)

    async def _alone(self, work: Work) -> None:
        """One ask, with nothing before it."""
        sender, run = work.sender, work.run
        self._present, self._present_count = iter(()), 1
        self._since = now = time.monotonic()
        try:
            number, deadline, body = read_ask(run.items[0])
            handler = self.table.get(run.tag)
            if handler is None or deadline < now:
                self._not_handled(sender, run.tag, number, deadline < now)
            else:
                await self._ask(sender, number, run.mode & ~ASK, body, handler)
        except CodecError as error:
            self._lost(sender, run.tag, 1, str(error))
        finally:
            self._finished += 1
            self._present_count, self._since = 0, None
            sender.handled(1, self._path, self._incarnation)
            if self.on_handled is not None:
                self.on_handled(1)

    async def _told(self, sender: Sender, run: Run, handler: Handler, read: Callable[[Any], Any]) -> None:
        call, is_async, clock = handler.call, handler.is_async, time.monotonic
        for body in self._present:
            self._since = now = clock()
            if now > self._turn_ends:
                await self._turn()
            try:
                message = read(body)
            except ValueError as error:
                self._lost(sender, run.tag, 1, f"not what was declared: {_line(error)}")
                continue
            try:
                if is_async:
                    await call(message)
                else:
                    call(message)
            except Refused as error:
                self._log.info("a told message was refused", sender=sender.path, tag=run.tag, why=str(error))
            except Exception as error:  # noqa: BLE001 (user code)
                self._failed(message, error)

    async def _asked(self, sender: Sender, run: Run, handler: Handler | None) -> None:
        for item in self._present:
            self._since = now = time.monotonic()
            if now > self._turn_ends:
                await self._turn()
            try:
                number, deadline, body = read_ask(item)
            except CodecError as error:
                self._lost(sender, run.tag, 1, str(error))
                continue
            if handler is None or deadline < now:
                self._not_handled(sender, run.tag, number, deadline < now)
            else:
                await self._ask(sender, number, run.mode & ~ASK, body, handler)

    async def _ask(self, sender: Sender, number: int, form: int, body: Any, handler: Handler) -> None:
        try:
            message = shape_of(handler.type).read(form, body)
        except ValueError as error:
            self._answer_failure(sender, number, "ValidationError", _line(error), "")
            return
        try:
            value = handler.call(message)
            if handler.is_async:
                value = await value
            reply_form, reply = reply_shape(handler.type).write(value) if handler.reply is not None else _NOTHING
        except Refused as error:
            sender.reply(self._path, self._incarnation, number, REFUSED, PLAIN, pack(_text(str(error))))
        except Exception as error:  # noqa: BLE001 (user code)
            told = "".join(traceback.format_exception(error))
            self._answer_failure(sender, number, type(error).__name__, str(error), told)
            self._failed(message, error)
        else:
            sender.reply(self._path, self._incarnation, number, OK, reply_form, reply)

    def _not_handled(self, sender: Sender, tag: str, number: int, expired: bool) -> None:
        if expired:
            self.expired += 1
        else:
            self._answer_failure(sender, number, "Unhandled", f"{self._path} has no handler for {tag}", "")

    def _answer_failure(self, sender: Sender, number: int, kind: str, message: str, told: str) -> None:
        body = pack([_text(kind), _text(message), _text(told)])
        sender.reply(self._path, self._incarnation, number, FAILED, PLAIN, body)

    def _failed(self, message: Message, error: Exception) -> None:
        if self.on_error(message, error) == "raise":
            raise error

    def _lost(self, sender: Sender, tag: str, count: int, why: str) -> None:
        self.dead_letters += count
        if self.on_dead_letter is not None:
            facts = {"why": why, "sender": sender.path, "to": self._path, "tag": tag, "count": count}
            self.on_dead_letter(facts)

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        self._turn_ends = time.monotonic() + TURN


_NOTHING = (PLAIN, pack(None))

_TEXT = 65_536
"""Characters of an error's text that travel."""


def _text(text: str) -> str:
    return text[:_TEXT].encode(errors="replace").decode()


def _line(error: ValueError) -> str:
    return str(error).replace("\n", " ")[:300]


def _raise(message: Message, error: Exception) -> Literal["raise"]:
    return "raise"


@types.coroutine
def _resume(begun: Begun, thrown: BaseException | None) -> Generator[Any, Any, None]:
    """Go on with a coroutine whose first step was made elsewhere."""
    work, waits_for = begun.work, begun.waits_for
    sent: Any = None
    while True:
        if thrown is None:
            try:
                sent = yield waits_for
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 (the task was cancelled: so is the handler)
                thrown = error
        try:
            if thrown is None:
                waits_for = work.send(sent)
            else:
                cause, thrown = thrown, None
                waits_for = work.throw(cause)
        except StopIteration:
            return
