"""Messages and refs."""

from __future__ import annotations

import asyncio
import pickle
import time
from typing import ClassVar

import pytest
from pydantic import TypeAdapter, ValidationError

from wakeful import (
    Actor,
    AskError,
    AskTimeout,
    BlockingRef,
    MailboxFull,
    Message,
    NodeError,
    Ref,
    Request,
    handler,
    testing,
)
from wakeful.errors import ActorDead


class Note(Message):
    text: str = ""


class Introduce(Message):
    who: Ref


class Slow(Request[int]): ...


class Askself(Request[str]): ...


class Echo(Actor):
    def __init__(self) -> None:
        self.heard: list[str] = []

    @handler
    def note(self, message: Note) -> None:
        self.heard.append(message.text)

    @handler
    def introduce(self, message: Introduce) -> None:
        message.who.tell(Note(text=f"hello from {self.path}"))

    @handler
    async def slow(self, message: Slow) -> int:
        await asyncio.sleep(60)
        return len(self.heard)

    @handler
    async def askself(self, message: Askself) -> str:
        began = time.monotonic()
        try:
            await self.ref.ask(Slow(), timeout=3600)
        except AskError as error:
            assert time.monotonic() - began < 1
            return type(error).__name__
        return "no error"


def test_a_message_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Note(text="a").text = "b"  # type: ignore[misc]


def test_a_message_has_no_undeclared_fields() -> None:
    with pytest.raises(ValidationError):
        Note(text="a", more=1)  # type: ignore[call-arg]


def test_a_ref_is_a_value() -> None:
    assert Ref("research/weekly") == Ref("research/weekly")
    assert len({Ref("a"), Ref("a"), Ref("b")}) == 2
    assert Ref("research/weekly").path == "research/weekly"
    assert pickle.loads(pickle.dumps(Ref("a"))) == Ref("a")


@pytest.mark.parametrize("path", ["", "/", "a/", "../etc", "a b", "a/../b", "é"])
def test_a_ref_has_a_path(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Ref(path)


def test_a_ref_travels_in_a_message() -> None:
    message = Introduce(who=Ref("research/weekly"))
    assert message.model_dump() == {"who": "research/weekly"}
    assert Introduce.model_validate_json(message.model_dump_json()) == message
    assert TypeAdapter(Introduce).json_schema()["properties"]["who"]["type"] == "string"
    with pytest.raises(ValidationError):
        Introduce.model_validate({"who": 5})
    with pytest.raises(ValidationError):
        Introduce.model_validate({"who": "not a path!"})


def test_a_blocking_ref_may_travel_too() -> None:
    def call(work: object, *, interruptible: bool = False) -> object: ...

    message = Introduce.model_validate({"who": BlockingRef("a", call)})  # type: ignore[arg-type]
    assert type(message.who) is Ref
    assert message.who == BlockingRef("a", call)  # type: ignore[arg-type]


async def test_a_ref_from_a_message_is_carried_by_who_reads_it() -> None:
    async with testing.actor(Echo) as first, testing.actor(Echo) as second:
        first.tell(Introduce(who=Ref(second.path)))
        await first.drain()
        assert await second.ask(Slow(), timeout="2m") == 1


async def test_tell_keeps_the_order() -> None:
    class Listener(Actor):
        heard: ClassVar[list[str]] = []

        @handler
        async def note(self, message: Note) -> None:
            await asyncio.sleep(1)
            self.heard.append(message.text)

    async with testing.actor(Listener) as ref:
        for number in range(10):
            ref.tell(Note(text=str(number)))
        await ref.drain()
    assert Listener.heard == [str(number) for number in range(10)]


async def test_tell_raises_when_too_many_wait() -> None:
    async with testing.actor(Echo) as ref:
        with pytest.raises(MailboxFull, match="drain"):
            for _ in range(10_001):
                ref.tell(Note())
        await ref.drain()
        ref.tell(Note())


async def test_a_durable_tell_is_awaited() -> None:
    async with testing.actor(Echo) as ref:
        assert await ref.tell(Note(text="a"), durable=True) is None  # type: ignore[func-returns-value]
        assert await ref.ask(Slow(), timeout=100) == 1


async def test_ask_times_out_on_the_fake_clock() -> None:
    async with testing.actor(Echo) as ref:
        began = time.monotonic()
        with pytest.raises(AskTimeout) as timeout:
            await ref.ask(Slow())
        assert isinstance(timeout.value, TimeoutError)
        assert time.monotonic() - began < 1


async def test_an_ask_to_oneself_raises_at_once() -> None:
    async with testing.actor(Echo) as ref:
        assert await ref.ask(Askself()) == "AskError"


async def test_who_is_not_there_is_dead() -> None:
    async with testing.actor(Echo):
        with pytest.raises(ActorDead):
            await Echo_ref("nobody").ask(Slow())


def Echo_ref(path: str) -> Ref:  # noqa: N802
    from wakeful.testing.courier import FakeCourier, world

    return Ref(path, FakeCourier(world()))


async def test_outside_a_node_a_ref_only_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    Ref("a").tell(Note(text="hello"))
    await Ref("a").drain()
    assert "hello" in caplog.text
    with pytest.raises(NodeError, match="wakeful run"):
        await Ref("a").ask(Slow())
