"""Handlers are checked when the class is made; each test is a rule of the public contract."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from wakeful import Actor, HandlerFailed, Message, Refused, Request, Session, SpecError, handler, testing
from wakeful.errors import ActorDead
from wakeful.handlers import handlers_of
from wakeful.message import reply_of, tag_of


class Add(Message):
    n: int


class Take(Message):
    n: int


class Total(Message):
    n: int


class GetTotal(Request[Total]): ...


class Ping(Request[None]): ...


class Counter(Actor):
    def __init__(self, *, start: int = 0) -> None:
        self.n = start

    @handler
    async def add(self, message: Add) -> None:
        if message.n < 0:
            raise ValueError("negative")
        self.n += message.n

    @handler
    def total(self, message: GetTotal) -> Total:
        return Total(n=self.n)

    @handler
    def ping(self, message: Ping) -> None:
        raise Refused("not now")


async def test_the_annotation_of_the_parameter_chooses_the_handler() -> None:
    async with testing.actor(Counter, start=5) as ref:
        ref.tell(Add(n=3))
        assert await ref.ask(GetTotal()) == Total(n=8)


async def test_the_decorator_leaves_the_function_as_it_is() -> None:
    counter = Counter(start=1)
    await counter.add(Add(n=2))
    assert counter.total(GetTotal()) == Total(n=3)


def test_the_table_says_what_a_runtime_needs() -> None:
    table = handlers_of(Counter)
    assert set(table) == {"Add", "GetTotal", "Ping"}
    assert (table["Add"].name, table["Add"].is_async, table["Add"].reply) == ("add", True, None)
    assert table["GetTotal"].type is GetTotal
    assert table["GetTotal"].reply_type is Total
    assert table["Ping"].reply_type is type(None)


def test_a_union_of_messages_is_handled_by_one_method() -> None:
    class Both(Actor):
        @handler
        def either(self, message: Add | Take) -> None: ...

    assert set(handlers_of(Both)) == {"Add", "Take"}


def test_a_handler_without_a_parameter_is_refused() -> None:
    with pytest.raises(SpecError, match=r"Bad\.add: must have one parameter"):

        class Bad(Actor):
            @handler
            def add(self) -> None: ...


def test_a_handler_with_two_parameters_is_refused() -> None:
    with pytest.raises(SpecError, match="one parameter"):

        class Bad(Actor):
            @handler
            def add(self, message: Add, more: int = 0) -> None: ...


def test_a_handler_without_an_annotation_is_refused() -> None:
    with pytest.raises(SpecError, match="needs the message's type"):

        class Bad(Actor):
            @handler
            def add(self, message):  # type: ignore[no-untyped-def]
                ...


@pytest.mark.parametrize("kind", [int, Any, Message, Add | int])
def test_a_handler_of_something_else_than_messages_is_refused(kind: Any) -> None:
    def add(self: Any, message: Any) -> None: ...

    add.__annotations__["message"] = kind
    with pytest.raises(SpecError, match="no subclass of Message"):
        type("Bad", (Actor,), {"add": handler(add), "__module__": __name__})


def test_an_annotation_that_is_not_there_is_refused() -> None:
    with pytest.raises(SpecError, match="Nowhere"):

        class Bad(Actor):
            @handler
            def add(self, message: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def test_two_handlers_of_one_type_are_refused() -> None:
    with pytest.raises(SpecError, match="one handler a type"):

        class Bad(Actor):
            @handler
            def first(self, message: Add) -> None: ...

            @handler
            def second(self, message: Add | Take) -> None: ...


@pytest.mark.parametrize("annotation", ["missing", int, None, Total | None])
def test_a_request_is_answered_by_what_it_asks_for(annotation: Any) -> None:
    def total(self: Any, message: Any) -> Any: ...

    total.__annotations__ = {"message": GetTotal} | ({} if annotation == "missing" else {"return": annotation})
    with pytest.raises(SpecError, match="-> Total"):
        type("Bad", (Actor,), {"total": handler(total), "__module__": __name__})


def test_a_request_that_does_not_say_what_answers_it_is_refused() -> None:
    class Vague(Request): ...  # type: ignore[type-arg]

    with pytest.raises(SpecError, match=r"Request\[…\]"):

        class Bad(Actor):
            @handler
            def vague(self, message: Vague) -> int:
                return 1


def test_a_handler_is_a_plain_method() -> None:
    with pytest.raises(SpecError, match="staticmethod"):

        class Bad(Actor):
            @handler
            @staticmethod
            def add(message: Add) -> None: ...


def test_a_handler_that_yields_is_refused() -> None:
    with pytest.raises(SpecError, match="generator"):

        class Bad(Actor):
            @handler
            def add(self, message: Add) -> Any:
                yield 1


def test_a_name_every_actor_has_is_refused() -> None:
    with pytest.raises(SpecError, match="choose another name"):

        class Bad(Actor):
            @handler
            def progress(self, message: Add) -> None: ...  # type: ignore[override]


def test_an_overriding_method_stays_the_handler() -> None:
    class Louder(Counter):
        async def add(self, message: Add) -> None:
            self.n += 10 * message.n

    assert handlers_of(Louder).keys() == handlers_of(Counter).keys()


def test_two_classes_of_one_name_need_a_tag() -> None:
    first, second = Add, type("Add", (Message,), {"__module__": "elsewhere", "__qualname__": "Add"})

    def one(self: Any, message: Any) -> None: ...
    def two(self: Any, message: Any) -> None: ...

    one.__annotations__["message"], two.__annotations__["message"] = first, second
    with pytest.raises(SpecError, match="tag: ClassVar"):
        type("Bad", (Actor,), {"one": handler(one), "two": handler(two), "__module__": __name__})


def test_a_class_may_choose_its_tag() -> None:
    class Tagged(Message):
        tag: ClassVar[str] = "billing.Add"

    class Below(Tagged): ...

    class WithField(Message):
        tag: str

    assert (tag_of(Tagged), tag_of(Below), tag_of(WithField)) == ("billing.Add", "Below", "WithField")


def test_the_reply_type_is_found_through_subclasses() -> None:
    class Again(GetTotal): ...

    assert reply_of(Again) is Total
    assert reply_of(Add) is None


async def test_an_exception_reaches_the_asker_first_and_ends_the_life() -> None:
    class Fragile(Actor):
        @handler
        def total(self, message: GetTotal) -> Total:
            raise ValueError("broken")

    async with testing.actor(Fragile) as ref:
        with pytest.raises(HandlerFailed) as failed:
            await ref.ask(GetTotal())
        assert (failed.value.kind, failed.value.message) == ("ValueError", "broken")
        assert "raise ValueError" in failed.value.traceback
        with pytest.raises(ActorDead):
            await ref.ask(GetTotal())


async def test_an_exception_in_a_told_message_is_not_lost() -> None:
    with pytest.raises(ValueError, match="negative"):
        async with testing.actor(Counter) as ref:
            ref.tell(Add(n=-1))


async def test_refused_is_an_answer_and_ends_nothing() -> None:
    async with testing.actor(Counter) as ref:
        with pytest.raises(Refused, match="not now"):
            await ref.ask(Ping())
        assert await ref.ask(GetTotal()) == Total(n=0)


async def test_an_undeclared_type_is_answered_and_ends_nothing() -> None:
    class Other(Request[int]): ...

    async with testing.actor(Counter) as ref:
        ref.tell(Take(n=1))
        with pytest.raises(HandlerFailed) as failed:
            await ref.ask(Other())
        assert failed.value.kind == "Unhandled"
        assert await ref.ask(GetTotal()) == Total(n=0)


async def test_a_wrong_answer_is_the_handlers_failure() -> None:
    class Liar(Actor):
        @handler
        def total(self, message: GetTotal) -> Total:
            return 3  # type: ignore[return-value]

    async with testing.actor(Liar) as ref:
        with pytest.raises(HandlerFailed):
            await ref.ask(GetTotal())


async def test_an_exception_in_a_sessions_handler_does_not_end_it() -> None:
    class Talker(Session[None]):
        async def run(self) -> None:
            await self.inbox.__anext__()

        @handler
        def total(self, message: GetTotal) -> Total:
            raise ValueError("broken")

    class Sleeper(Talker):
        async def run(self) -> None:
            import asyncio

            await asyncio.sleep(1e6)

    async with testing.actor(Sleeper) as ref:
        for _ in range(2):
            with pytest.raises(HandlerFailed, match="broken"):
                await ref.ask(GetTotal())
