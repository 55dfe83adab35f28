"""Hands messages to handlers: one at a time, in the order they came."""

from __future__ import annotations

import asyncio
import contextvars
import operator
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from wakeful.errors import CodecError, Refused
from wakeful.message import Message
from wakeful_runtime.bodies import PLAIN, shape_of
from wakeful_runtime.transport.answers import Answers, Handler
from wakeful_runtime.transport.begun import Begun, first_step, go_on
from wakeful_runtime.transport.frames import ASK, Run, read_ask
from wakeful_runtime.transport.sender import Sender

TURN = 0.005
"""Seconds of handling after which the loop gets a turn, so that timers, replies and credit never starve."""

OnError = Callable[[Message, Exception], str]


@dataclass(slots=True)
class Work:
    """A run of messages of one sender, waiting to be handled."""

    sender: Sender
    run: Run


@dataclass(slots=True)
class Job:
    """Something else that has its turn among the messages.

    Attributes:
        done: set when it is over.
    """

    work: Callable[[], Awaitable[None]]
    done: asyncio.Future[None]


class Pump:
    """The queue and the one task that empties it.

    A lone message that finds nobody before it is handled at once, in the reader's callback, as the pump's task would;
    if its handler then waits for something, the task takes over.

    Args:
        path, incarnation: whose.

    Attributes:
        table: the handlers, by tag.
        answers: what goes back.
        on_error: called with a message and what its handler raised; "raise" ends the pump with it.
        on_handled: called with a count after some messages were handled.
    """

    def __init__(self, path: str, incarnation: int) -> None:
        self.table: Mapping[str, Handler] = {}
        self.answers = Answers(path, incarnation)
        self.on_error: OnError = _raise
        self.on_handled: Callable[[int], None] | None = None
        self._path = path
        self._incarnation = incarnation
        self._queue: deque[Work | Job] = deque()
        self._queued = 0
        self._finished = 0
        self._present: Iterator[Any] = iter(())
        self.teller = ""
        self._present_count = 0
        self._since: float | None = None
        self._turn_ends = 0.0
        self._lone: Sender | None = None
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
        idle = waiter is not None and not waiter.done()
        if waiter is not None and idle and count == 1 and len(runs) == 1:
            self._at_once(waiter, sender, runs[0])
            return
        self._queue.extend([Work(sender, run) for run in runs])
        self._queued += count
        if waiter is not None and idle:
            waiter.set_result(None)

    def take_turn(self, work: Callable[[], Awaitable[None]]) -> asyncio.Future[None]:
        """Run `work` when its turn comes, as one message; done when it is over. What it raises ends the pump."""
        job = Job(work, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        self._queued += 1
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        return job.done

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
            if self._queue:
                work = self._queue.popleft()
                if isinstance(work, Job):
                    await self._job(work)
                else:
                    self._queued -= len(work.run.items)
                    await self._work(work)
            else:
                await self._idle()

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
        begun = None if waiter.cancelled() or not waiter.done() else waiter.result()
        if begun is not None:
            lone, self._lone = self._lone, None
            try:
                await go_on(begun, cancelled)
            finally:
                if lone is not None:
                    self._finish(lone, 1, 1)
        elif cancelled is not None:
            raise cancelled

    def _at_once(self, waiter: asyncio.Future[Begun | None], sender: Sender, run: Run) -> None:
        """In the reader's callback, but with the pump's task and context."""
        task = self._task
        assert task is not None
        lone = sender if run.mode & ASK else None
        work = self._lone_ask(lone, run) if lone else self._work(Work(sender, run))
        try:
            stands = first_step(work, task, self._context)
        except Exception as error:  # noqa: BLE001 (the pump ends with it, as if it had been raised there)
            waiter.set_exception(error)
            stands = None
        if isinstance(stands, Begun):
            self._lone = lone
            waiter.set_result(stands)
        elif lone:
            self._finish(lone, 1, 1)

    async def _job(self, job: Job) -> None:
        self._queued -= 1
        self._present_count, self._since = 1, time.monotonic()
        try:
            await job.work()
        finally:
            self._finished += 1
            self._present_count, self._since = 0, None
            if not job.done.done():
                job.done.set_result(None)
        if self.on_handled is not None:
            self.on_handled(1)

    async def _work(self, work: Work) -> None:
        sender, run = work.sender, work.run
        self.teller = sender.path
        count = len(run.items)
        self._present, self._present_count = iter(run.items), count
        self._turn_ends = time.monotonic() + TURN
        handler = self.table.get(run.tag)
        try:
            if run.mode & ASK:
                await self._asked(sender, run, handler)
            elif handler is None:
                self.answers.lost(sender, run.tag, count, "no handler for this type")
            elif run.mode == PLAIN:
                await self._told(sender, run, handler, shape_of(handler.type).read_plain)
            else:
                form, shape = run.mode, shape_of(handler.type)
                await self._told(sender, run, handler, lambda body: shape.read(form, body))
        finally:
            self._finish(sender, count, count - operator.length_hint(self._present))

    def _lone_ask(self, sender: Sender, run: Run) -> Coroutine[Any, Any, None]:
        """Without `_work` around it, for speed: who runs it calls `_finish`."""
        self._present_count = 1
        self._since = now = time.monotonic()
        return self._ask(sender, run, run.items[0], now, self.table.get(run.tag))

    def _finish(self, sender: Sender, count: int, handled: int) -> None:
        self._finished += handled
        self._present, self._present_count, self._since = iter(()), 0, None
        sender.handled(count, self._path, self._incarnation)
        if self.on_handled is not None:
            self.on_handled(handled)

    async def _told(self, sender: Sender, run: Run, handler: Handler, read: Callable[[Any], Any]) -> None:
        call, is_async, clock = handler.call, handler.is_async, time.monotonic
        for body in self._present:
            self._since = now = clock()
            if now > self._turn_ends:
                await self._turn()
            try:
                message = read(body)
            except ValueError as error:
                self.answers.lost(sender, run.tag, 1, f"not what was declared: {_line(error)}")
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
            await self._ask(sender, run, item, now, handler)

    async def _ask(self, sender: Sender, run: Run, item: Any, now: float, handler: Handler | None) -> None:
        answers = self.answers
        try:
            number, deadline, body = read_ask(item)
        except CodecError as error:
            answers.lost(sender, run.tag, 1, str(error))
            return
        if handler is None or deadline < now:
            answers.unhandled(sender, number, run.tag, expired=deadline < now)
            return
        try:
            message = shape_of(handler.type).read(run.mode & ~ASK, body)
        except ValueError as error:
            answers.invalid(sender, number, _line(error))
            return
        try:
            value = handler.call(message)
            if handler.is_async:
                value = await value
            answers.value(sender, number, handler, value)
        except Refused as error:
            answers.refused(sender, number, str(error))
        except Exception as error:  # noqa: BLE001 (user code)
            answers.raised(sender, number, error)
            self._failed(message, error)

    def _failed(self, message: Message, error: Exception) -> None:
        if self.on_error(message, error) == "raise":
            raise error

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        self._turn_ends = time.monotonic() + TURN


def _line(error: ValueError) -> str:
    return str(error).replace("\n", " ")[:300]


def _raise(message: Message, error: Exception) -> Literal["raise"]:
    return "raise"
