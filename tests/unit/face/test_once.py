"""`once`: at most once per run, whatever is killed."""

from __future__ import annotations

import asyncio
import functools
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from wakeful import BlockingSession, CodecError, Fatal, OutcomeUnknown, Session, SpecError, testing
from wakeful.effects import leaves_open
from wakeful.errors import ActorDead, Stopped


class Receipt(BaseModel):
    number: int


class World:
    """What the effects change."""

    def __init__(self) -> None:
        self.paid: list[int] = []
        self.raises: list[Exception] = []

    async def pay(self, amount: int) -> Receipt:
        if self.raises:
            raise self.raises.pop(0)
        self.paid.append(amount)
        return Receipt(number=len(self.paid))

    def pay_sync(self, amount: int) -> Receipt:
        self.paid.append(amount)
        return Receipt(number=len(self.paid))

    async def paid_already(self, amount: int) -> Receipt | None:
        return Receipt(number=self.paid.index(amount) + 1) if amount in self.paid else None


world = World()


@pytest.fixture(autouse=True)
def _empty_world() -> None:
    world.paid.clear()
    world.raises.clear()


class Payer(Session[None]):
    async def run(self, unknown: str = "review", verified: bool = False, scope: str = "run") -> Receipt | None:
        verify: Callable[..., Any] | None = world.paid_already if verified else None
        options: Any = {"unknown": unknown, "verify": verify, "scope": scope}
        receipt: Receipt | None = await self.once("pay", world.pay, 5, **options)
        again = await self.once("pay", world.pay, 5, **options)
        assert again == receipt
        return receipt


class Plain(BlockingSession[None]):
    def run(self) -> Receipt:
        first = self.once("pay", world.pay_sync, 5)
        assert self.once("pay", world.pay_sync, 5) == first
        return first


async def test_a_second_call_returns_the_stored_result_rebuilt_by_the_annotation() -> None:
    life = await testing.live(Payer)
    assert (life.result, world.paid) == (Receipt(number=1), [5])
    assert life.effects["pay"].status == "done"


async def test_it_holds_for_code_that_awaits_nothing() -> None:
    assert (await testing.live(Plain)).result == Receipt(number=1)
    assert world.paid == [5]


async def test_a_life_that_ended_within_asks_verify_first() -> None:
    life = await testing.live(Payer, verified=True, crash_at="pay")
    assert world.paid == [5]
    again = await testing.live(Payer, resumed=life)
    assert (again.result, world.paid) == (Receipt(number=1), [5])


async def test_what_verify_does_not_find_did_not_happen() -> None:
    life = await testing.live(Payer, verified=True, crash_at="pay")
    world.paid.clear()
    again = await testing.live(Payer, resumed=life)
    assert (again.result, world.paid) == (Receipt(number=1), [5])


async def test_unknown_goes_to_review_by_default() -> None:
    life = await testing.live(Payer, crash_at="pay")
    with pytest.raises(Fatal, match="wakeful settle payer pay") as raised:
        await testing.live(Payer, resumed=life)
    assert isinstance(raised.value, OutcomeUnknown)
    assert world.paid == [5]
    assert life.effects["pay"].status == "unknown"


async def test_unknown_may_be_skipped() -> None:
    life = await testing.live(Payer, unknown="skip", crash_at="pay")
    again = await testing.live(Payer, resumed=life)
    assert (again.result, world.paid, again.effects["pay"].status) == (None, [5], "skipped")


async def test_unknown_may_be_retried() -> None:
    life = await testing.live(Payer, unknown="retry", crash_at="pay")
    again = await testing.live(Payer, resumed=life)
    assert (again.result, world.paid) == (Receipt(number=2), [5, 5])


async def test_an_exception_means_it_did_not_happen() -> None:
    world.raises.append(ValueError("no money"))
    with pytest.raises(ValueError, match="no money"):
        await testing.live(Payer)

    class Again(Session[None]):
        async def run(self) -> Receipt:
            try:
                return await self.once("pay", world.pay, 5)
            except ValueError:
                return await self.once("pay", world.pay, 5)

    world.raises.append(ValueError("no money"))
    life = await testing.live(Again)
    assert (life.result, life.effects["pay"].status) == (Receipt(number=1), "done")


@pytest.mark.parametrize("error", [TimeoutError("slow"), ConnectionResetError(), OutcomeUnknown("who knows")])
async def test_a_timeout_or_a_lost_connection_leaves_it_unknown(error: Exception) -> None:
    world.raises.append(error)
    with pytest.raises(Fatal, match="unknown whether 'pay' happened"):
        await testing.live(Payer)


async def test_verify_is_asked_after_a_timeout_too() -> None:
    class Late(Session[None]):
        async def run(self) -> Receipt:
            async def late(amount: int) -> Receipt:
                world.paid.append(amount)
                raise TimeoutError

            return await self.once("pay", late, 7, verify=world.paid_already)

    assert (await testing.live(Late)).result == Receipt(number=1)


async def test_a_timeout_that_verify_knows_did_not_happen_is_raised() -> None:
    world.raises.append(TimeoutError("slow"))
    with pytest.raises(TimeoutError, match="slow"):
        await testing.live(Payer, verified=True)


async def test_giving_up_from_outside_leaves_it_unknown() -> None:
    async def slow() -> None:
        await asyncio.sleep(100)

    class Impatient(Session[None]):
        async def run(self) -> None:
            try:
                async with asyncio.timeout(1):
                    await self.once("slow", slow)
            except TimeoutError:
                await self.once("slow", slow)

    with pytest.raises(OutcomeUnknown):
        await testing.live(Impatient)


async def test_two_at_once_run_it_once() -> None:
    class Twice(Session[None]):
        async def run(self) -> list[int]:
            both = await asyncio.gather(*(self.once("pay", world.pay, 5) for _ in range(2)))
            return [each.number for each in both]

    assert (await testing.live(Twice)).result == [1, 1]


async def test_scope_node_is_once_ever() -> None:
    life = await testing.live(Payer, scope="node", crash_at="nothing")
    assert life.run.node_effects["pay"].status == "done"
    assert life.effects == {}


async def test_a_result_that_can_not_be_stored_is_unknown_not_done() -> None:
    class Bad(Session[None]):
        async def run(self) -> None:
            await self.once("bad", lambda: {1, 2})

    life = None
    with pytest.raises(CodecError, match="It has happened"):
        life = await testing.live(Bad)
    assert life is None


async def test_functions_of_every_make_are_taken() -> None:
    class Makes(Session[None]):
        async def run(self) -> list[Any]:
            return [
                await self.once("lambda", lambda n: n + 1, 1),
                await self.once("partial", functools.partial(int, "11"), 2),
                await self.once("method", world.pay_sync, 1),
                await self.once("awaiting lambda", lambda: world.pay(3)),
            ]

    with pytest.raises(CodecError):  # a lambda has no annotation to rebuild a Receipt by
        await testing.live(Makes)


@pytest.mark.parametrize("options", [{"unknown": "retyr"}, {"scope": "world"}])
async def test_a_wrong_word_is_told(options: Any) -> None:
    with pytest.raises(SpecError, match="write"):
        await testing.live(Payer, **options)


async def test_once_does_not_begin_while_stopping() -> None:
    tried: list[str] = []

    class Stopping(Session[None]):
        async def run(self) -> None:
            await asyncio.sleep(1e6)

        async def on_stop(self, reason: Any) -> None:
            await self.checkpoint("stopped")
            try:
                await self.once("pay", world.pay, 5)
            except Stopped:
                tried.append(reason.kind)

    async with testing.actor(Stopping):
        pass
    assert (tried, world.paid) == (["stop"], [])


class ReadTimeout(Exception):
    """As httpx and requests have them: derived from nothing common."""


@pytest.mark.parametrize(
    ("error", "open_"),
    [
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (BrokenPipeError(), True),
        (asyncio.IncompleteReadError(b"", 5), True),
        (ReadTimeout(), True),
        (ActorDead("x"), True),
        (urllib.error.URLError(TimeoutError()), True),
        (urllib.error.URLError(ConnectionRefusedError()), False),
        (ConnectionRefusedError(), False),
        (ValueError(), False),
        (KeyError("timeout"), False),
        (OSError(), False),
    ],
)
def test_which_exceptions_leave_it_open(error: Exception, open_: bool) -> None:
    assert leaves_open(error) is open_
