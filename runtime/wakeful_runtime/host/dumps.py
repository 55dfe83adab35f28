"""Where a process stands: its tasks with their await chains, and its threads.

Code object and line number only: no source is read (it may be on a hung disk), no local variable is shown (they hold
secrets). The chains follow private attributes of CPython; `tests/unit/host` holds one test for each way to wait.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future as ThreadFuture
from concurrent.futures.thread import _WorkItem  # its frame tells which thread works for a task
from functools import partial
from itertools import islice
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, cast

from wakeful_runtime.transport.begun import go_on

TASKS = 200
"""Tasks shown at most: 8,600 of them would stop the loop for 78 ms (facts measured before building)."""

DEPTH = 64
"""Lines shown of one chain or stack at most."""

AnyTask = asyncio.Task[Any]
_GOES_ON = go_on.__code__
_RUN = cast(Any, _WorkItem).run.__code__
_LINKS: dict[type, str] = {CoroutineType: "cr_await", GeneratorType: "gi_yieldfrom", AsyncGeneratorType: "ag_await"}
_FRAMES: dict[type, str] = {CoroutineType: "cr_frame", GeneratorType: "gi_frame", AsyncGeneratorType: "ag_frame"}
_SUSPENDED = tuple(_LINKS)
_FUTURE: type = asyncio.Future
_THREAD_FUTURE: type = ThreadFuture


def tasks(loop: asyncio.AbstractEventLoop | None, first: AnyTask | None = None) -> list[str]:
    """One text a task, its chain with the innermost line last; `first` and what it waits for come first.

    May be called from any thread, also while the loop is blocked.
    """
    if loop is None:
        return []
    everything = asyncio.all_tasks(loop)
    found = _some(everything, first)
    waiters = {id(end): task for task in found if (end := _end(task.get_coro())) is not None}
    parents = {task: parent for task in found if (parent := _parent(task, waiters)) is not None}
    children: dict[AnyTask, list[AnyTask]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    order = _in_order(found, first, parents, children)
    texts = [_task_text(task, parents.get(task), children.get(task, [])) for task in order]
    if len(everything) > len(order):
        texts.append(f"and {len(everything) - len(order)} more tasks")
    return texts


def threads() -> list[str]:
    """One text a thread, its innermost line last; the calling thread is left out."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    own = threading.get_ident()
    frames = sys._current_frames().items()
    return ["\n".join([f"thread {names.get(ident, ident)}", *_stack(frame)]) for ident, frame in frames if ident != own]


def chain(awaitable: object) -> list[str]:
    """The lines an awaitable is suspended at, outermost first."""
    lines: list[str] = []
    for item in steps(awaitable):
        if isinstance(item, _SUSPENDED):
            frame = frame_of(item)
            if frame is not None:
                lines.append(_line(frame))
        elif isinstance(item, asyncio.Task):
            lines.append(f"  in task {item.get_name()}")
        else:
            lines.append(f"  waits for a {type(item).__name__}")
            lines += _worker(item)
    return lines[:DEPTH]


def _some(everything: set[AnyTask], first: AnyTask | None) -> list[AnyTask]:
    """A bounded number of them: `first`, what its gather waits for, then any."""
    if len(everything) <= TASKS:
        return list(everything)
    gathered: list[AnyTask] = []
    if first is not None:
        inner = getattr(_end(first.get_coro()), "_children", [])
        gathered = [first, *(each for each in islice(inner, TASKS) if each in everything)]
    return list(islice(dict.fromkeys([*gathered, *everything]), TASKS))


def _in_order(
    found: Iterable[AnyTask],
    first: AnyTask | None,
    parents: dict[AnyTask, AnyTask],
    children: dict[AnyTask, list[AnyTask]],
) -> list[AnyTask]:
    """Depth first, from `first`, then from every task nobody waits for."""
    roots = sorted((task for task in found if task not in parents), key=lambda task: task is not first)
    order: dict[AnyTask, None] = {}
    waiting = [*reversed(list(found)), *reversed(roots)]
    if first is not None:
        waiting.append(first)
    while waiting:
        task = waiting.pop()
        if task not in order:
            order[task] = None
            waiting += reversed(children.get(task, []))
    return list(order)


def _task_text(task: AnyTask, parent: AnyTask | None, children: list[AnyTask]) -> str:
    head = f"task {task.get_name()}" + (f", awaited by {parent.get_name()}" if parent else "")
    lines = [head, *chain(task.get_coro())]
    if children:
        names = ", ".join(child.get_name() for child in children[:10])
        lines.append(f"  waits for {len(children)} task(s): {names}{', …' if len(children) > 10 else ''}")
    return "\n".join(lines)


def steps(awaitable: object) -> Iterator[object]:
    """Everything on the way from an awaitable to the future it is suspended on."""
    seen: set[int] = set()
    item: object = awaitable
    while item is not None and id(item) not in seen and len(seen) < 4 * DEPTH:
        seen.add(id(item))
        if isinstance(item, (*_LINKS, _FUTURE)):
            yield item
        item = _next(item)


def _next(item: object) -> object:
    frame = frame_of(item)
    if frame is not None and frame.f_code is _GOES_ON:
        begun: object = frame.f_locals.get("work")  # a handler the mailbox began in its reader
        return begun
    for kind, name in _LINKS.items():
        if isinstance(item, kind):
            return getattr(item, name)
    if isinstance(item, _FUTURE):
        return getattr(item, "_coro", None)  # of a task; a plain future is the end
    # async_generator_asend, coroutine_wrapper and FutureIter have no attributes
    held: list[object] = gc.get_referents(item)
    return next((each for each in held if isinstance(each, (*_LINKS, _FUTURE))), None)


def _end(awaitable: object) -> object:
    """The future an awaitable is suspended on, a gather or a plain future; None when a task's chain is running."""
    last = [None, *steps(awaitable)][-1]
    return last if last is not None and isinstance(last, _FUTURE) else None


def _parent(task: AnyTask, waiters: dict[int, AnyTask]) -> AnyTask | None:
    """The task that waits for this one through a gather, a wait, a shield or a TaskGroup."""
    for callback in _callbacks(task):
        for held in _held(callback):
            parent = waiters.get(id(held))
            if parent is None and isinstance(held, asyncio.TaskGroup):
                parent = getattr(held, "_parent_task", None)
            if parent is not None and parent is not task:
                return parent
    return waiters.get(id(task))


def _callbacks(future: object) -> list[Callable[..., object]]:
    return [callback for callback, _ in getattr(future, "_callbacks", None) or ()]


def _held(callback: object) -> Iterator[object]:
    """What a callback was made with: bound self, partial arguments, closure cells."""
    if isinstance(callback, partial):
        yield from callback.args
        callback = callback.func
    bound = getattr(callback, "__self__", None)
    if bound is not None:
        yield bound
    for cell in getattr(callback, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a cell that isn't filled yet
            continue


def _worker(future: object) -> list[str]:
    """For a future of `to_thread`: the stack of the thread that works for it."""
    held = [each for callback in _callbacks(future) for each in _held(callback)]
    source = next((each for each in held if isinstance(each, _THREAD_FUTURE)), None)
    if source is None:
        return []
    for frame in sys._current_frames().values():
        at: FrameType | None = frame
        while at is not None:
            if at.f_code is _RUN and at.f_locals["self"].future is source:
                return ["  in a thread:", *_stack(frame)]
            at = at.f_back
    return ["  queued for a thread"]


def frame_of(item: object) -> FrameType | None:
    """Where a coroutine or a generator is suspended; None for anything else, and for one that has ended."""
    frame: FrameType | None = None
    for kind, name in _FRAMES.items():
        if isinstance(item, kind):
            frame = getattr(item, name)
    return frame


def _stack(frame: FrameType | None) -> list[str]:
    lines: list[str] = []
    while frame is not None and len(lines) < DEPTH:
        lines.append(_line(frame))
        frame = frame.f_back
    return lines[::-1]


def _line(frame: FrameType) -> str:
    code = frame.f_code
    return f"  {code.co_filename}:{frame.f_lineno} in {code.co_qualname}"
