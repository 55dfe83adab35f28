"""Texts for a program: handled when it is done with them, and not before it has read them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wakeful.rules import news
from wakeful_runtime.command import hearing as hearing_module
from wakeful_runtime.command.hearing import Hearing
from wakeful_runtime.command.texts import Texts
from wakeful_runtime.host.inbox import TEXT, Inbox, pack_text


class Store:
    """Has texts, and writes down what it is told of them."""

    def __init__(self, *texts: str, wants_reply: bool = False) -> None:
        self.rows: list[dict[str, Any]] = [
            {"id": each, "tag": TEXT, "body": pack_text(each, wants_reply=wants_reply), "sender": "s"} for each in texts
        ]
        self.told: list[tuple[str, Any, str | None]] = []

    async def request(self, op: str, **args: Any) -> dict[str, Any]:
        if op == "deliveries":
            return {"rows": [self.rows.pop(0)] if self.rows else []}
        if op != "in_hand":
            self.told.append((op, args.get("ids", args.get("id")), args.get("reply")))
        return {"go": True}


class Log:
    def warning(self, event: str, **fields: object) -> None:
        """Nobody looks at it."""


class Side:
    """A program's end of the pipe, and its host's."""

    def __init__(self, store: Store) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.store = store
        log = Log()
        birth, life = SimpleNamespace(incarnation=1, path="m/p"), SimpleNamespace(resumed=None)
        self.inbox = Inbox(cast("Any", birth), "r", cast("Any", store), cast("Any", log), fenced=print, ahead=True)
        stage = SimpleNamespace(inbox=self.inbox, log=log)
        none = cast("Any", None)
        self.hearing = Hearing(cast("Any", stage), cast("Any", life), none, none, None, None)
        self.texts = Texts(self.inbox, self.writer, self.hearing)

    async def until(self, what: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not what():  # noqa: ASYNC110 (the next turn of the loop, not a time)
                await asyncio.sleep(0)

    async def read(self) -> str:
        line = b""

        def more() -> bool:
            nonlocal line
            try:
                line += os.read(self.reader, 65536)
            except BlockingIOError:
                return False
            return line.endswith(b"\n")

        await self.until(more)
        return str(json.loads(line)["id"])


@pytest.fixture
def opened() -> Iterator[list[int]]:
    descriptors: list[int] = []
    yield descriptors
    for each in descriptors:
        os.close(each)


@asynccontextmanager
async def begun(opened: list[int], store: Store) -> AsyncGenerator[Side, None]:
    side = Side(store)
    opened.append(side.writer)
    task = asyncio.create_task(side.texts.hand_over())
    yield side
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await side.inbox.put_back()
    os.close(side.reader)


async def test_a_text_is_written_when_the_one_before_was_read_and_handled_when_the_next_one_was(
    opened: list[int],
) -> None:
    async with begun(opened, Store("a", "b", "c")) as side:
        assert await side.read() == "a"
        assert await side.read() == "b"
        await side.until(lambda: side.store.told)
        assert side.store.told == [("handled", ["a"], None)]
        assert side.inbox.in_hand() == ["b"]


async def test_what_is_in_the_pipe_is_no_part_of_a_checkpoint_and_is_given_back_at_the_end(opened: list[int]) -> None:
    async with begun(opened, Store("a", "b")) as side:
        assert await side.read() == "a"
        await side.until(lambda: side.inbox.in_hand() == ["a"] and not side.store.rows)
        await side.texts.end()
        assert side.store.told == [("put_back", "b", None)]
        assert side.inbox.in_hand() == ["a"]


async def test_texts_that_a_program_never_takes_are_not_handled_and_the_rest_is_not_fetched(opened: list[int]) -> None:
    store = Store("a", "b", "c")
    side = Side(store)
    opened.append(side.writer)
    os.close(side.reader)
    await side.texts.hand_over()
    assert (len(store.rows), side.inbox.in_hand(), store.told) == (2, [], [])
    await side.texts.end()
    assert store.told == [("put_back", "a", None)]


async def test_a_text_longer_than_the_pipe_arrives_whole(opened: list[int]) -> None:
    long = "x" * 20_000
    async with begun(opened, Store(long, "b")) as side:
        assert await side.read() == long
        assert await side.read() == "b"


async def test_a_reply_counts_after_a_checkpoint_and_the_texts_that_followed(opened: list[int]) -> None:
    async with begun(opened, Store("a", "b", "c", wants_reply=True)) as side:
        assert await side.read() == "a"
        await side.until(lambda: side.inbox.in_hand() == ["a"])
        side.inbox.handled(["a"])
        assert await side.read() == "b"
        assert await side.read() == "c"
        assert side.store.told == []
        side.hearing.take(news.Reply("a", "yes"))
        await side.until(lambda: side.store.told)
        assert side.store.told == [("handled", ["a"], "yes")]


async def test_of_too_many_unanswered_texts_the_oldest_is_closed_though_a_checkpoint_has_handled_it(
    opened: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing_module, "TEXTS", 1)
    async with begun(opened, Store("a", "b", wants_reply=True)) as side:
        assert await side.read() == "a"
        await side.until(lambda: side.inbox.in_hand() == ["a"])
        side.inbox.handled(["a"])
        assert await side.read() == "b"
        await side.until(lambda: side.store.told)
        assert side.store.told == [("handled", ["a"], None)]
