"""Told messages: order, bounds, credit, and that two actors can't lock each other up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.system.conftest import Eventually
from tests.system.lane.conftest import Lanes
from tests.system.lane.words import Add, Big, Echo, GetTotal, Total, Unknown

from wakeful.errors import CodecError, MailboxFull, Refused
from wakeful_runtime.transport.mailbox import Mailbox
from wakeful_runtime.transport.outbox import OUTBOX
from wakeful_runtime.transport.sender import MAX_WINDOW


async def tell_all(mailbox: Mailbox, to: str, count: int) -> None:
    for n in range(count):
        try:
            mailbox.tell(to, Add(n=n))
        except MailboxFull:
            await mailbox.drain(to)
            mailbox.tell(to, Add(n=n))


async def test_messages_of_a_pair_arrive_in_order_and_none_is_lost(lanes: Lanes, eventually: Eventually) -> None:
    seen: list[int] = []
    await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)))
    sender = await lanes.open("a")
    await tell_all(sender, "b", 30_000)
    await eventually(lambda: len(seen) == 30_000)
    assert seen == list(range(30_000))


async def test_tells_and_asks_of_a_pair_keep_their_order(lanes: Lanes) -> None:
    seen: list[str] = []
    total = 0

    async def add(message: Add) -> None:
        nonlocal total
        total += message.n
        seen.append("add")

    def get(_: GetTotal) -> Total:
        seen.append("get")
        return Total(n=total)

    await lanes.open("b", 1, (Add, add), (GetTotal, get))
    sender = await lanes.open("a")
    asked = []
    for n in range(500):
        sender.tell("b", Add(n=1))
        sender.tell("b", Add(n=1, text="x" * (5000 if n % 50 == 0 else 5)))
        asked.append(sender.ask("b", GetTotal(), 20.0))
    assert [reply.n for reply in await asyncio.gather(*asked)] == list(range(2, 1002, 2))
    assert seen == ["add", "add", "get"] * 500


async def test_messages_told_before_the_receiver_exists_are_delivered(lanes: Lanes, eventually: Eventually) -> None:
    sender = await lanes.open("a")
    sender.tell("b", Add(n=7))
    await asyncio.sleep(0)
    seen: list[int] = []
    await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)))
    await eventually(lambda: seen == [7])


async def test_an_actor_may_tell_itself(lanes: Lanes, eventually: Eventually) -> None:
    seen: list[int] = []
    mailbox = await lanes.open("a", 1, (Add, lambda message: seen.append(message.n)))
    mailbox.tell("a", Add(n=1))
    await eventually(lambda: seen == [1])


async def test_mailbox_full_at_the_bound_and_not_before(lanes: Lanes) -> None:
    sender = await lanes.open("a")
    for n in range(OUTBOX):
        sender.tell("nobody", Add(n=n))
    with pytest.raises(MailboxFull, match="drain"):
        sender.tell("nobody", Add(n=1))
    with pytest.raises(MailboxFull):
        sender.tell("nobody", Unknown())


async def test_a_blocked_receiver_takes_no_more_than_its_window(lanes: Lanes, eventually: Eventually) -> None:
    free = asyncio.Event()
    seen: list[int] = []

    async def add(message: Add) -> None:
        await free.wait()
        seen.append(message.n)

    receiver = await lanes.open("b", 1, (Add, add))
    sender = await lanes.open("a")
    told = 0
    with pytest.raises(MailboxFull):
        while True:
            sender.tell("b", Add(n=told))
            told += 1
            if told % 1000 == 0:
                await asyncio.sleep(0.001)
    assert OUTBOX <= told <= OUTBOX + MAX_WINDOW
    assert receiver.depth <= MAX_WINDOW
    drained = asyncio.create_task(sender.drain("b"))
    await asyncio.sleep(0)
    assert not drained.done()
    free.set()
    async with asyncio.timeout(15):
        await drained
    sender.tell("b", Add(n=told))
    await eventually(lambda: len(seen) == told + 1)
    assert seen == list(range(told + 1))


async def test_drain_returns_at_once_while_there_is_room(lanes: Lanes) -> None:
    sender = await lanes.open("a")
    await sender.drain("b")
    sender.tell("b", Add(n=1))
    await sender.drain("b")


async def test_two_actors_that_flood_each_other_never_deadlock_and_lose_nothing(
    lanes: Lanes, eventually: Eventually
) -> None:
    flood = 20_000
    seen: dict[str, list[int]] = {"a": [], "b": []}
    mailboxes: dict[str, Mailbox] = {}
    refused = 0

    def answering(me: str, other: str) -> Any:
        async def add(message: Add) -> None:
            nonlocal refused
            if message.text == "answer":
                seen[me].append(message.n)
                return
            try:
                mailboxes[me].tell(other, Add(n=message.n, text="answer"))
            except MailboxFull:
                refused += 1

        return add

    for me, other in (("a", "b"), ("b", "a")):
        mailboxes[me] = await lanes.open(me, 1, (Add, answering(me, other)))
    async with asyncio.timeout(60):
        await asyncio.gather(tell_all(mailboxes["a"], "b", flood), tell_all(mailboxes["b"], "a", flood))
        await eventually(lambda: len(seen["a"]) + len(seen["b"]) + refused == 2 * flood)
    for numbers in seen.values():
        assert numbers == sorted(numbers)
    assert mailboxes["a"].lost == mailboxes["b"].lost == 0


async def test_a_slow_handler_does_not_stop_replies_and_credit(lanes: Lanes, eventually: Eventually) -> None:
    free = asyncio.Event()

    async def wait(message: Add) -> None:
        await free.wait()

    seen: list[int] = []
    slow = await lanes.open("slow", 1, (Add, wait))
    await lanes.open("b", 1, (Echo, lambda message: message.text), (Add, lambda message: seen.append(message.n)))
    client = await lanes.open("client")
    client.tell("slow", Add(n=1))
    await eventually(lambda: slow.in_hand_since is not None)
    assert await slow.ask("b", Echo(text="hi"), 10.0) == "hi"
    await tell_all(slow, "b", 5_000)
    await eventually(lambda: len(seen) == 5_000)
    assert slow.in_hand_since is not None
    free.set()
    await eventually(lambda: slow.in_hand_since is None)


async def test_the_loop_gets_its_turns_while_messages_pour_in(lanes: Lanes, eventually: Eventually) -> None:
    seen = 0

    def add(message: Add) -> None:
        nonlocal seen
        seen += 1

    await lanes.open("b", 1, (Add, add))
    sender = await lanes.open("a")
    turns = 0

    async def ticker() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    ticking = asyncio.create_task(ticker())
    await tell_all(sender, "b", 40_000)
    await eventually(lambda: seen == 40_000)
    ticking.cancel()
    assert turns > 5


async def test_what_cant_travel_is_refused_at_the_caller_and_nothing_is_left_behind(
    lanes: Lanes, eventually: Eventually
) -> None:
    seen: list[int] = []
    await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)))
    sender = await lanes.open("a")
    sender.tell("b", Add(n=1))
    with pytest.raises(CodecError):
        sender.tell("b", Add(n=2, text="\ud800"))
    with pytest.raises(CodecError):
        sender.tell("b", Big(data=b"x" * (17 * 2**20)))
    with pytest.raises(CodecError):
        sender.tell("b", "no message")  # type: ignore[arg-type]
    sender.tell("b", Add(n=3))
    await eventually(lambda: seen == [1, 3])


async def test_a_large_message_travels(lanes: Lanes, eventually: Eventually) -> None:
    sizes: list[int] = []
    await lanes.open("b", 1, (Big, lambda message: sizes.append(len(message.data))))
    sender = await lanes.open("a")
    for size in (5_000, 70_000, 15 * 2**20, 1):
        sender.tell("b", Big(data=b"x" * size))
    await eventually(lambda: sizes == [5_000, 70_000, 15 * 2**20, 1])


async def test_a_message_without_a_handler_is_a_dead_letter(lanes: Lanes, eventually: Eventually) -> None:
    letters: list[Mapping[str, Any]] = []
    seen: list[int] = []
    receiver = await lanes.open("b", 1, (Add, lambda message: seen.append(message.n)))
    receiver.on_dead_letter = letters.append
    sender = await lanes.open("a")
    sender.tell("b", Unknown())
    sender.tell("b", Add(n=1))
    await eventually(lambda: seen == [1])
    assert receiver.dead_letters == 1
    assert letters[0]["tag"] == "Unknown"
    assert letters[0]["sender"] == "a"


async def test_a_handler_that_refuses_a_told_message_ends_nothing(lanes: Lanes, eventually: Eventually) -> None:
    seen: list[int] = []

    def add(message: Add) -> None:
        seen.append(message.n)
        raise Refused("no")

    receiver = await lanes.open("b", 1, (Add, add))
    sender = await lanes.open("a")
    sender.tell("b", Add(n=1))
    sender.tell("b", Add(n=2))
    await eventually(lambda: seen == [1, 2])
    assert not lanes.pump(receiver).done()


@pytest.mark.parametrize("count", [1, 5])
async def test_a_handlers_error_ends_the_pump_or_not_as_the_hook_says(
    lanes: Lanes, eventually: Eventually, count: int
) -> None:
    def add(message: Add) -> None:
        raise ValueError(f"bad {message.n}")

    errors: list[str] = []
    receiver = await lanes.open("b", 1, (Add, add))
    receiver.on_error = lambda message, error: errors.append(str(error)) or "continue"  # type: ignore[func-returns-value]
    sender = await lanes.open("a")
    for n in range(count):
        sender.tell("b", Add(n=n))
    await eventually(lambda: len(errors) == count)
    receiver.on_error = lambda message, error: "raise"
    sender.tell("b", Add(n=9))
    with pytest.raises(ValueError, match="bad 9"):
        async with asyncio.timeout(15):
            await lanes.pump(receiver)


async def test_a_lone_message_is_handled_as_by_the_pumps_task(lanes: Lanes, eventually: Eventually) -> None:
    """Also in the reader's callback, `asyncio.timeout` works, and one handler runs at a time."""
    seen: list[str] = []
    tasks: set[object] = set()

    async def add(message: Add) -> None:
        tasks.add(asyncio.current_task())
        seen.append(f"in {message.n}")
        try:
            async with asyncio.timeout(0.02):
                await asyncio.sleep(30)
        except TimeoutError:
            seen.append(f"out {message.n}")
        tasks.add(asyncio.current_task())

    await lanes.open("b", 1, (Add, add))
    sender = await lanes.open("a")
    sender.tell("b", Add(n=1))
    await eventually(lambda: seen == ["in 1", "out 1"])
    sender.tell("b", Add(n=2))
    await eventually(lambda: len(seen) == 3)
    sender.tell("b", Add(n=3))
    await eventually(lambda: len(seen) == 6)
    assert seen == ["in 1", "out 1", "in 2", "out 2", "in 3", "out 3"]
    assert len(tasks) == 1


async def test_a_cancelled_pump_cancels_the_handler_it_is_in(lanes: Lanes, eventually: Eventually) -> None:
    seen: list[str] = []

    async def add(message: Add) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    receiver = await lanes.open("b", 1, (Add, add))
    sender = await lanes.open("a")
    sender.tell("b", Add(n=1))
    await eventually(lambda: receiver.in_hand_since is not None)
    pump = lanes.pump(receiver)
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    assert seen == ["cancelled"]
    assert pump.cancelled()
