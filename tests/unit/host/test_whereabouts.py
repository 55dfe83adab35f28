"""The line of the user's a life is at, seen from another thread, whatever it is at."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from wakeful_runtime.host.whereabouts import is_own, whereabouts


def line_of(function: Callable[..., Any], words: str) -> str:
    """`file:line in function` of the line that says so."""
    lines, first = inspect.getsourcelines(function)
    number = next(n for n, line in enumerate(lines, first) if f"# {words}" in line)
    return f"{__file__}:{number} in {function.__qualname__}"


async def from_beside(work: asyncio.Task[Any]) -> str:
    """What another thread sees once the loop waits."""

    def look() -> str:
        while (seen := whereabouts(work)).endswith(" in from_beside"):
            pass
        return seen

    return await asyncio.to_thread(look)


async def awaits() -> None:
    await asyncio.sleep(100)  # awaits


async def gathers() -> None:
    await asyncio.gather(awaits(), awaits())  # gathers


async def leased() -> None:
    async with asyncio.timeout(100):
        await awaits()


async def queued() -> None:
    await asyncio.Queue[int]().get()  # queued


async def threaded() -> None:
    await asyncio.to_thread(time.sleep, 0.3)  # threaded


@pytest.mark.parametrize(
    ("work", "function", "words"),
    [
        (awaits, awaits, "awaits"),
        (gathers, gathers, "gathers"),
        (leased, awaits, "awaits"),
        (queued, queued, "queued"),
        (threaded, threaded, "threaded"),
    ],
)
async def test_a_run_that_waits_is_at_its_innermost_await(
    work: Callable[[], Any], function: Callable[[], Any], words: str
) -> None:
    task: asyncio.Task[Any] = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    assert await from_beside(task) == line_of(function, words)
    task.cancel()
    await asyncio.wait([task])


def computes(stop: threading.Event) -> None:
    while not stop.is_set():  # computes
        pass


async def test_a_run_that_computes_is_where_it_computes() -> None:
    stop = threading.Event()
    seen: list[str] = []

    def look() -> None:
        while not seen or not seen[-1]:
            seen.append(whereabouts(None))
        stop.set()

    looking = asyncio.to_thread(look)
    task = asyncio.create_task(looking)
    await asyncio.sleep(0)
    computes(stop)
    await task
    assert seen[-1] == line_of(computes, "computes")


async def test_a_run_that_is_over_is_nowhere() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    assert not (await from_beside(task))


def test_what_is_the_users_own_is_told_by_its_name() -> None:
    assert is_own("/home/me/agents.py")
    assert not is_own(asyncio.__file__)
    assert not is_own(pytest.__file__)
    assert not is_own("<string>")
    assert not is_own(whereabouts.__code__.co_filename)
