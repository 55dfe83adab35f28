"""Handlers that are started outside their task, in the reader's callback, and finished in it."""

from __future__ import annotations

import asyncio
import contextvars
import types
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Begun:
    """A coroutine that was started and waits for something.

    Attributes:
        waits_for: what its first step yielded.
    """

    work: Coroutine[Any, Any, Any]
    waits_for: Any


@dataclass(slots=True)
class Ended:
    """A coroutine whose first step was its last."""

    value: Any


def first_step(work: Coroutine[Any, Any, Any], task: asyncio.Task[Any], context: contextvars.Context) -> Begun | Ended:
    """Start a coroutine now, from a callback, as if `task` did it: `asyncio.timeout` in it finds that task.

    Raises:
        Exception: what the coroutine raised.
    """
    loop = task.get_loop()
    asyncio._enter_task(loop, task)
    try:
        return Begun(work, context.run(work.send, None))
    except StopIteration as done:
        return Ended(done.value)
    finally:
        asyncio._leave_task(loop, task)


@types.coroutine
def go_on(begun: Begun, thrown: BaseException | None = None) -> Generator[Any, Any, Any]:
    """Finish it, in the task it was started for; its value. `thrown` is raised in it first."""
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
        except StopIteration as done:
            return done.value
