"""Asks: exactly one of reply, AskTimeout, ActorDead, HandlerFailed, Refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.system.conftest import Eventually
from tests.system.lane.conftest import Lanes
from tests.system.lane.words import (
    Add,
    Ask,
    Block,
    Break,
    Echo,
    GetTotal,
    Lie,
    Refuse,
    Sleep,
    Total,
    Unknown,
    Who,
)

from wakeful.errors import ActorDead, AskError, AskTimeout, HandlerFailed, MailboxFull, Refused
from wakeful.message import Request
from wakeful_runtime.transport.mailbox import Mailbox
from wakeful_runtime.transport.outbox import OUTBOX


async def echo(message: Echo) -> str:
    return message.text


async def sleep(message: Sleep) -> int:
    await asyncio.sleep(message.seconds)
    return 1


def shatter(message: Break) -> int:
    raise ValueError(message.text)


def _is(life: int) -> Callable[[Who], int]:
    return lambda message: life


def _see_nothing(seconds: float) -> None:
    """ZeroMQ's own threads go on, this loop doesn't."""
    time.sleep(seconds)


def refuse(message: Refuse) -> int:
    raise Refused(message.why)


async def test_a_request_is_answered_with_its_declared_type(lanes: Lanes) -> None:
    await lanes.open("b", 1, (GetTotal, lambda _: Total(n=5)), (Echo, echo))
    client = await lanes.open("client", bind=False)
    assert await client.ask("b", GetTotal(), 10.0) == Total(n=5)
    assert await client.ask("b", Echo(text="é"), 10.0) == "é"


async def test_many_asks_at_once_get_their_own_replies(lanes: Lanes) -> None:
    await lanes.open("b", 1, (Echo, echo))
    client = await lanes.open("a")
    replies = await asyncio.gather(*(client.ask("b", Echo(text=str(n)), 30.0) for n in range(3_000)))
    assert replies == [str(n) for n in range(3_000)]


async def test_no_reply_in_time_is_an_ask_timeout_and_a_late_reply_changes_nothing(
    lanes: Lanes, eventually: Eventually
) -> None:
    receiver = await lanes.open("b", 1, (Sleep, sleep), (Echo, echo))
    client = await lanes.open("a")
    before = time.monotonic()
    with pytest.raises(AskTimeout, match="Sleep"):
        await client.ask("b", Sleep(seconds=0.4), 0.1)
    assert time.monotonic() - before >= 0.1
    assert await client.ask("b", Echo(text="x"), 10.0) == "x"
    assert receiver.handled == 2


async def test_an_ask_timeout_is_a_timeout_error(lanes: Lanes) -> None:
    client = await lanes.open("a")
    with pytest.raises(TimeoutError):
        await client.ask("nobody", Echo(text="x"), 0.02)


async def test_expired_requests_are_not_handled(lanes: Lanes, eventually: Eventually) -> None:
    free = asyncio.Event()

    async def add(message: Add) -> None:
        await free.wait()

    texts: list[str] = []

    def note(message: Echo) -> str:
        texts.append(message.text)
        return ""

    receiver = await lanes.open("b", 1, (Add, add), (Echo, note))
    client = await lanes.open("a")
    client.tell("b", Add(n=1))
    with pytest.raises(AskTimeout):
        await client.ask("b", Echo(text="late"), 0.05)
    free.set()
    await client.ask("b", Echo(text="in time"), 10.0)
    assert texts == ["in time"]
    assert receiver.expired == 1


async def test_a_handlers_error_reaches_the_asker_before_it_ends_the_life(lanes: Lanes) -> None:
    receiver = await lanes.open("b", 1, (Break, shatter))
    client = await lanes.open("a")
    with pytest.raises(HandlerFailed) as caught:
        await client.ask("b", Break(text="no luck"), 10.0)
    assert (caught.value.kind, caught.value.message) == ("ValueError", "no luck")
    assert "shatter" in caught.value.traceback
    with pytest.raises(ValueError, match="no luck"):
        async with asyncio.timeout(10):
            await lanes.pump(receiver)


async def test_refused_is_an_answer_and_ends_nothing(lanes: Lanes) -> None:
    receiver = await lanes.open("b", 1, (Refuse, refuse), (Echo, echo))
    client = await lanes.open("a")
    with pytest.raises(Refused, match="not today"):
        await client.ask("b", Refuse(why="not today"), 10.0)
    assert await client.ask("b", Echo(text="x"), 10.0) == "x"
    assert not lanes.pump(receiver).done()


async def test_an_undeclared_request_is_answered_with_unhandled(lanes: Lanes) -> None:
    await lanes.open("b", 1, (Echo, echo))
    client = await lanes.open("a")
    with pytest.raises(HandlerFailed) as caught:
        await client.ask("b", GetTotal(), 10.0)
    assert caught.value.kind == "Unhandled"


async def test_a_reply_that_is_not_what_was_declared_is_the_handlers_failure(lanes: Lanes) -> None:
    receiver = await lanes.open("b", 1, (Lie, lambda _: "no int"))
    receiver.on_error = lambda message, error: "continue"
    client = await lanes.open("a")
    with pytest.raises(HandlerFailed) as caught:
        await client.ask("b", Lie(), 10.0)
    assert caught.value.kind == "CodecError"


class WideAdd(Request[int]):
    """Of the same tag as a narrower one at the receiver."""

    n: int
    more: str = ""


async def test_a_request_of_another_shape_is_answered_as_invalid(lanes: Lanes) -> None:
    class Narrow(Request[int]):
        n: int

    Narrow.__qualname__ = "WideAdd"
    await lanes.open("b", 1, (Narrow, lambda message: message.n))
    client = await lanes.open("a")
    with pytest.raises(HandlerFailed) as caught:
        await client.ask("b", WideAdd(n=1, more="?"), 10.0)
    assert caught.value.kind == "ValidationError"


async def test_an_ask_to_oneself_raises_at_once(lanes: Lanes) -> None:
    mailbox = await lanes.open("a", 1, (Echo, echo))
    with pytest.raises(AskError, match="itself"):
        await mailbox.ask("a", Echo(text="x"), 10.0)


async def test_asks_from_handlers_of_two_actors_in_a_row_work(lanes: Lanes) -> None:
    middle = await lanes.open("middle", 1)

    async def relay(message: Ask) -> str:
        return await middle.ask(message.whom, Echo(text=message.text), 10.0) + "!"

    from tests.system.lane.tables import handlers

    middle.serve(handlers((Ask, relay)))
    await lanes.open("last", 1, (Echo, echo))
    client = await lanes.open("a")
    assert await client.ask("middle", Ask(whom="last", text="x"), 10.0) == "x!"


async def test_asks_outstanding_are_bounded(lanes: Lanes) -> None:
    client = await lanes.open("a")
    asked: list[Any] = []
    with pytest.raises(MailboxFull):
        while True:
            asked.append(client.ask("nobody", GetTotal(), 0.01))
    assert len(asked) == OUTBOX
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(error, AskTimeout) for error in ended)
    with pytest.raises(MailboxFull):  # what expired still waits to be sent
        client.ask("nobody", GetTotal(), 0.01)


async def test_an_ask_that_is_cancelled_leaves_nothing(lanes: Lanes, eventually: Eventually) -> None:
    await lanes.open("b", 1, (Sleep, sleep), (Echo, echo))
    client = await lanes.open("a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.ask("b", Sleep(seconds=0.2), 10.0)
    assert await client.ask("b", Echo(text="x"), 10.0) == "x"


async def test_closing_ends_the_asks_under_way(lanes: Lanes) -> None:
    client = await lanes.open("a")
    asked = asyncio.ensure_future(client.ask("nobody", Echo(text="x"), 30.0))
    await asyncio.sleep(0)
    await lanes.close(client)
    with pytest.raises(AskError, match="closed"):
        await asked


async def test_a_killed_life_ends_its_asks_with_actor_dead_when_its_supervisor_says_so(
    lanes: Lanes, eventually: Eventually
) -> None:
    watched: list[tuple[str, int]] = []
    process = await lanes.start("b", 4)
    client = await lanes.open("a")
    client.watch = lambda path, incarnation: watched.append((path, incarnation))
    asked = asyncio.ensure_future(client.ask("b", Sleep(seconds=600), 60.0))
    others = [asyncio.ensure_future(client.ask("b", Echo(text=str(n)), 60.0)) for n in range(20)]
    await eventually(lambda: ("b", 4) in watched)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    client.dead("b", 4)
    for one in (asked, *others):
        with pytest.raises(ActorDead, match="life 4"):
            await one


async def test_an_ask_in_flight_to_a_killed_life_dies_when_the_next_one_is_met(lanes: Lanes) -> None:
    process = await lanes.start("b", 1)
    client = await lanes.open("a")
    assert await client.ask("b", Who(), 10.0) == 1
    asked = asyncio.ensure_future(client.ask("b", Sleep(seconds=600), 60.0))
    await asyncio.sleep(0.1)
    await lanes.kill(process)
    await lanes.start("b", 2)
    with pytest.raises(ActorDead):
        async with asyncio.timeout(20):
            await asked
    assert await client.ask("b", Who(), 10.0) == 2


async def test_an_ask_to_a_path_being_restarted_waits_for_its_next_life(lanes: Lanes) -> None:
    process = await lanes.start("b", 1)
    client = await lanes.open("a")
    assert await client.ask("b", Who(), 10.0) == 1
    await lanes.kill(process)
    client.dead("b", 1)
    asked = asyncio.ensure_future(client.ask("b", Who(), 30.0))
    await asyncio.sleep(0.05)
    assert not asked.done()
    await lanes.start("b", 2)
    assert await asked == 2


async def test_what_a_dead_life_had_unconsumed_is_counted_and_told(lanes: Lanes, eventually: Eventually) -> None:
    letters: list[Any] = []
    process = await lanes.start("b", 1)
    client = await lanes.open("a")
    client.on_dead_letter = letters.append
    assert await client.ask("b", Who(), 10.0) == 1
    os.kill(process.pid, signal.SIGSTOP)
    for n in range(20):
        client.tell("b", Add(n=n))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await lanes.kill(process)
    client.dead("b", 1)
    assert 20 <= client.lost <= 21
    assert letters[0]["to"] == "b"
    assert letters[0]["incarnation"] == 1


async def test_messages_told_while_nobody_lives_go_to_the_next_life_in_order(lanes: Lanes) -> None:
    process = await lanes.start("b", 1)
    client = await lanes.open("a")
    for _ in range(3_000):
        client.tell("b", Add(n=1))
    assert (await client.ask("b", GetTotal(), 20.0)).n == 3_000
    await lanes.kill(process)
    client.dead("b", 1)
    for n in range(3_000):
        client.tell("b", Add(n=n % 7))
    await lanes.start("b", 2)
    assert (await client.ask("b", GetTotal(), 30.0)).n == sum(n % 7 for n in range(3_000))
    assert client.lost <= 1024  # what life 1 had consumed without saying so yet


async def test_an_ask_ends_exactly_once_while_lives_come_and_go(lanes: Lanes) -> None:
    client = await lanes.open("a")
    endings: list[object] = []

    async def ask_all(mailbox: Mailbox, until: asyncio.Event) -> None:
        n = 0
        while not until.is_set():
            n += 1
            try:
                endings.append(await mailbox.ask("b", Echo(text=str(n)), 20.0) == str(n))
            except ActorDead:
                endings.append("dead")

    over = asyncio.Event()
    asking = [asyncio.create_task(ask_all(client, over)) for _ in range(5)]
    for life in range(1, 4):
        process = await lanes.start("b", life)
        await asyncio.sleep(0.1)
        await lanes.kill(process)
        client.dead("b", life)
    await lanes.start("b", 9)
    over.set()
    async with asyncio.timeout(30):
        await asyncio.gather(*asking)
    assert set(endings) <= {True, "dead"}
    assert True in endings


async def test_what_was_sent_to_a_life_just_dead_does_not_cut_its_sender_off_from_the_next(lanes: Lanes) -> None:
    client = await lanes.open("a")
    for life in range(1, 31):
        receiver = await lanes.open("b", life, (Who, _is(life)))
        for _ in range(5):
            with contextlib.suppress(ActorDead):  # the one that was sent before this loop saw the old connection break
                assert await client.ask("b", Who(), 10.0) == life
            await asyncio.sleep(0.004)
        await lanes.close(receiver)
        _see_nothing(0.01)
        late = asyncio.ensure_future(client.ask("b", Who(), 10.0))
        late.add_done_callback(asyncio.Future.exception)


async def test_an_actor_that_blocks_its_loop_delays_but_loses_nothing(lanes: Lanes) -> None:
    await lanes.start("b", 1)
    client = await lanes.open("a")
    blocked = asyncio.ensure_future(client.ask("b", Block(seconds=0.3), 20.0))
    for n in range(500):
        client.tell("b", Add(n=n))
    assert await blocked == 1
    assert (await client.ask("b", GetTotal(), 20.0)).n == sum(range(500))


async def test_an_unknown_told_message_does_not_disturb_asks(lanes: Lanes) -> None:
    await lanes.open("b", 1, (Echo, echo))
    client = await lanes.open("a")
    client.tell("b", Unknown())
    assert await client.ask("b", Echo(text="x"), 10.0) == "x"
