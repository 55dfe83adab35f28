"""What type checkers know; mypy and pyright, both strict, read this file. Nothing in it is run but the imports."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

import wakeful
from wakeful import (
    Actor,
    BlockingRef,
    BlockingSession,
    Checkpoint,
    ExitReason,
    Mail,
    Message,
    Ref,
    Request,
    Session,
    handler,
    testing,
)
from wakeful.children import BlockingChildRun, ChildRun


class Add(Message):
    n: int


class Total(Message):
    n: int


class GetTotal(Request[Total]): ...


class Names(Request[list[str]]): ...


class Ping(Request[None]): ...


class Counter(Actor):
    def __init__(self, *, start: int = 0) -> None:
        self.n = start

    @handler
    async def add(self, message: Add) -> None:
        self.n += message.n

    @handler
    def total(self, message: GetTotal) -> Total:
        return Total(n=self.n)

    async def on_stop(self, reason: ExitReason) -> None: ...


class Notes(BaseModel):
    done: dict[str, str] = {}


async def publish(done: dict[str, str]) -> int:
    return len(done)


def count(done: dict[str, str], least: int = 0) -> str:
    return str(len(done) + least)


class Page(Session[None]):
    async def run(self, url: str, depth: int = 1) -> Notes:
        return Notes()


class Click(BlockingSession[Notes]):
    def run(self, url: str) -> int:
        assert_type(self.resumed, Checkpoint[Notes] | None)
        assert_type(self.once("count", count, {"a": "b"}), str)
        assert_type(self.spawn(Page, "u"), BlockingChildRun[Notes])
        assert_type(self.spawn(Click, "u").result(), int)
        assert_type(self.ref, BlockingRef)
        assert_type(self.actor("a").ask(GetTotal()), Total)
        assert_type(self.checkpoint("a", Notes()), int)
        for mail in self.inbox:
            mail.reply(mail.text)
        with self.lease("5m", "x") as lease:
            lease.extend(5)
        return 1


class Research(Session[Notes]):
    async def run(self, task: str) -> Notes:
        assert_type(self.resumed, Checkpoint[Notes] | None)
        notes = self.resumed.state if self.resumed else Notes()
        assert_type(notes, Notes)
        assert_type(self.previous, ExitReason | None)
        assert_type(await self.once("publish", publish, notes.done, verify=count), int)
        assert_type(await self.once("count", count, notes.done), str)
        assert_type(await self.once("count", count, notes.done, unknown="skip"), str | None)
        assert_type(await self.once("publish", publish, notes.done, unknown="skip", scope="node"), int | None)
        child = await self.spawn(Page, "https://example.org", depth=2)
        assert_type(child, ChildRun[Notes])
        assert_type(await child.result(timeout="1h"), Notes)
        assert_type(await (await self.spawn(Click, "u")).result(), int)
        assert_type(await self.checkpoint("scraped", notes), int)
        assert_type(self.time_left, float | None)
        async with self.lease(60, "x", blocking=True), self.resource("b", open=opened, probe=probed) as browser:
            assert_type(browser.restarts, int)
        async with self.resource("b", open=Notes, probe=probed) as browser, browser.use() as live:
            assert_type(live, Notes)
        async for mail in self.inbox:
            assert_type(mail, Mail)
            assert_type(mail.message, Message | None)
            await mail.reply(mail.text)
        return notes


class Plain(BlockingSession[Notes]):
    def run(self, task: str) -> None:
        with self.resource("b", open=Notes, probe=lambda notes: notes.done) as browser, browser.use() as live:
            assert_type(live, Notes)


async def opened() -> Notes:
    return Notes()


async def probed(notes: Notes) -> bool:
    return bool(notes.done)


async def refs(ref: Ref) -> None:
    assert_type(await ref.ask(GetTotal()), Total)
    assert_type(await ref.ask(Names(), timeout=0.5), list[str])
    assert_type(await ref.ask(Ping(), timeout="2m"), None)
    ref.tell(Add(n=1))
    await ref.tell(Add(n=1), durable=True)
    await ref.drain()


async def played() -> None:
    async with testing.actor(Counter, start=5) as ref:
        assert_type(ref, Ref)
    life = await testing.live(Research, task="x", crash_at="scraped")
    life = await testing.live(Research, task="x", resumed=life)
    assert_type(life, testing.PlayedLife)


def currents() -> None:
    assert_type(wakeful.current(), Session[Any])
    assert_type(wakeful.current(Research), Research)
    with wakeful.current().lease(5, "x"):
        wakeful.current().progress(done=1, total=2, note="x")


class Wrong(Session[Notes]):
    """Mistakes that type checkers find; an ignore that isn't needed is an error."""

    async def run(self, task: str) -> None:
        await self.checkpoint("a", {"done": {}})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await self.actor("a").ask(Add(n=1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await self.spawn(Page, 5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
        await self.once("a", publish, 5)  # type: ignore[arg-type]  # pyright: ignore
