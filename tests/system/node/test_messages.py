"""Refs from outside a node: every ask ends in exactly one of reply, timeout, death."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.system.node.conftest import Harness
from tests.system.node.people import Add, Boom, Counter, GetTotal, Slow, Walk

from wakeful import ActorDead, AskTimeout, Child, Gateway, HandlerFailed, Heartbeat, Monitor, Ref
from wakeful_runtime import connect

QUICK = Heartbeat(every=0.3, timeout=2.0)


def counting() -> Gateway:
    return Gateway(
        Child("direct", Counter, heartbeat=QUICK),
        Monitor(
            "m",
            Child("c", Counter, args={"start": 5}, heartbeat=QUICK),
            Child("w", Walk, task="x", heartbeat=QUICK),
        ),
    )


async def eventually_answered(ref: Ref) -> int:
    """Its answer; a life that ends with the request in hand is asked no more than ten times."""
    for _ in range(10):
        with contextlib.suppress(ActorDead):
            return await ref.ask(GetTotal(), timeout=10)
    raise AssertionError("ten lives ended with the request in hand")


async def test_tell_and_ask_reach_actors_under_a_monitor_and_under_the_gateway(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, counting())
    async with connect(harness.directory.root) as node:
        for path, start in (("m/c", 5), ("direct", 0)):
            ref = node.actor(path)
            for _ in range(100):
                ref.tell(Add(n=1))
            assert await ref.ask(GetTotal()) == start + 100


async def test_a_handler_that_raises_answers_first_and_then_the_actor_is_restarted(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, counting())
    async with connect(harness.directory.root) as node:
        with pytest.raises(HandlerFailed) as failed:
            await node.actor("m/c").ask(Boom())
        assert failed.value.kind == "ValueError"
        assert await eventually_answered(node.actor("m/c")) == 5


async def test_an_undeclared_type_is_unhandled_and_ends_nothing(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, counting())
    async with connect(harness.directory.root) as node:
        with pytest.raises(HandlerFailed) as failed:
            await node.actor("m/w").ask(GetTotal())
        assert failed.value.kind == "Unhandled"
        assert harness.row("m/w")["incarnation"] == 1


async def test_the_death_of_the_life_that_has_the_request_is_told(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, counting())
    async with connect(harness.directory.root) as node:
        ref = node.actor("m/c")
        assert await ref.ask(GetTotal()) == 5
        asked = asyncio.ensure_future(ref.ask(Slow(seconds=30), timeout=30))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(harness.kill, "m/c")
        with pytest.raises(ActorDead):
            await asyncio.wait_for(asked, 10)


async def test_an_ask_to_an_actor_that_is_being_restarted_waits_for_its_next_life(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, counting())
    async with connect(harness.directory.root) as node:
        await asyncio.to_thread(harness.until_state, "m/c", "running")
        await asyncio.to_thread(harness.kill, "m/c")
        assert await node.actor("m/c").ask(GetTotal(), timeout=10) == 5


async def test_an_ask_that_takes_too_long_times_out(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, counting())
    async with connect(harness.directory.root) as node:
        with pytest.raises(AskTimeout):
            await node.actor("m/c").ask(Slow(seconds=5), timeout=0.3)
