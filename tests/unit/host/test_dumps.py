"""A dump shows the user's line for every way to wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import pytest

from wakeful_runtime.host import dumps

Hang = Callable[[], Awaitable[Any]]


async def hang_here() -> None:
    await asyncio.Event().wait()


async def nested() -> None:
    async def middle() -> None:
        await hang_here()

    await middle()


async def in_gather() -> None:
    await asyncio.gather(hang_here(), asyncio.sleep(0))


async def in_task_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(hang_here())


async def in_wait_for() -> None:
    await asyncio.wait_for(hang_here(), 100)


async def in_shield() -> None:
    await asyncio.shield(hang_here())


async def in_wait() -> None:
    await asyncio.wait([asyncio.ensure_future(hang_here())])


async def in_timeout() -> None:
    async with asyncio.timeout(100):
        await hang_here()


async def in_a_task() -> None:
    await asyncio.create_task(hang_here())


async def in_async_for() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        await hang_here()
        yield 2

    async for _ in source():
        pass


class Own:
    def __await__(self) -> Generator[Any, None, None]:
        return hang_here().__await__()


async def in_own_await() -> None:
    await Own()


@pytest.fixture
async def dump() -> AsyncIterator[Callable[[Hang], Awaitable[list[str]]]]:
    tasks: list[asyncio.Future[Any]] = []

    async def start(hang: Hang) -> list[str]:
        task = asyncio.ensure_future(hang())
        tasks.append(task)
        for _ in range(5):
            await asyncio.sleep(0)
        assert isinstance(task, asyncio.Task)
        return dumps.tasks(asyncio.get_running_loop(), task)

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_nested_awaits_show_every_line_innermost_last(dump: Callable[[Hang], Awaitable[list[str]]]) -> None:
    lines = (await dump(nested))[0].splitlines()
    names = [line.rsplit(" in ", 1)[-1] for line in lines if ".py:" in line]
    assert names[:4] == ["nested", "nested.<locals>.middle", "hang_here", "Event.wait"]
    assert f"{__file__}:{hang_here.__code__.co_firstlineno + 1} in hang_here" in "\n".join(lines)


@pytest.mark.parametrize(
    "hang",
    [in_gather, in_task_group, in_wait_for, in_shield, in_wait, in_timeout, in_a_task, in_async_for, in_own_await],
    ids=lambda hang: hang.__name__,
)
async def test_the_line_of_the_hang_is_in_the_tree_below_the_task_that_waits(
    dump: Callable[[Hang], Awaitable[list[str]]], hang: Hang
) -> None:
    texts = await dump(hang)
    assert f" in {hang.__name__}" in texts[0]
    if " in hang_here" not in texts[0]:
        assert " in hang_here" in texts[1]
        assert "awaited by" in texts[1]


async def test_a_lock_shows_who_waits_for_it(dump: Callable[[Hang], Awaitable[list[str]]]) -> None:
    lock = asyncio.Lock()
    await lock.acquire()

    async def wants_lock() -> None:
        async with lock:
            pass

    text = (await dump(wants_lock))[0]
    assert "wants_lock" in text
    assert "Lock.acquire" in text


async def test_a_queue_shows_who_waits_for_it(dump: Callable[[Hang], Awaitable[list[str]]]) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def wants_item() -> None:
        await queue.get()

    text = (await dump(wants_item))[0]
    assert "wants_item" in text
    assert "Queue.get" in text


async def test_to_thread_shows_the_line_of_the_thread_that_works_for_it(
    dump: Callable[[Hang], Awaitable[list[str]]],
) -> None:
    started, release = threading.Event(), threading.Event()

    def work_in_thread() -> None:
        started.set()
        release.wait(30)

    async def in_thread() -> None:
        await asyncio.to_thread(work_in_thread)

    try:
        await dump(in_thread)
        await asyncio.get_running_loop().run_in_executor(None, started.wait, 10)
        task = next(task for task in asyncio.all_tasks() if task.get_coro().__name__ == "in_thread")  # type: ignore[union-attr]
        text = dumps.tasks(asyncio.get_running_loop(), task)[0]
        assert "in a thread:" in text
        assert "work_in_thread" in text
    finally:
        release.set()


async def test_the_number_of_tasks_shown_is_bounded(
    dump: Callable[[Hang], Awaitable[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumps, "TASKS", 3)

    async def many() -> None:
        await asyncio.gather(*(hang_here() for _ in range(10)))

    texts = await dump(many)
    assert len(texts) == 4
    assert texts[-1].endswith("more tasks")
    assert "many" in texts[0]


async def test_no_local_value_is_shown(dump: Callable[[Hang], Awaitable[list[str]]]) -> None:
    async def keeps_a_secret(secret: str = "hunter2") -> None:
        await hang_here()
        print(secret)

    assert "hunter2" not in "\n".join(await dump(keeps_a_secret) + dumps.threads())


async def test_threads_show_their_stacks_innermost_last() -> None:
    started, release = threading.Event(), threading.Event()

    def stands_here() -> None:
        started.set()
        release.wait(30)

    thread = threading.Thread(target=stands_here, name="stander")
    thread.start()
    try:
        assert started.wait(10)
        text = next(text for text in dumps.threads() if text.startswith("thread stander"))
        names = [line.rsplit(" in ", 1)[-1] for line in text.splitlines()[1:]]
        assert any(name.endswith("stands_here") for name in names)
        assert "wait" in names[-1]
    finally:
        release.set()
        thread.join()
