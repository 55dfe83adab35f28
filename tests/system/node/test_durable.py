"""Durable messages: acknowledged when committed, delivered until handled, applied once to checkpointed state."""

from __future__ import annotations

import asyncio

from tests.system.node.conftest import Harness
from tests.system.node.people import DEADLY, Keeper, Seen, Send, Sender

from wakeful import AskError, Child, Gateway, Heartbeat, Monitor, Ref
from wakeful_runtime import connect

QUICK = Heartbeat(every=0.3, timeout=2.0)


def tree() -> Gateway:
    return Gateway(Monitor("m", Child("s", Sender, heartbeat=QUICK), Child("k", Keeper, task="x", heartbeat=QUICK)))


async def seen(ref: Ref, count: int) -> list[int]:
    """What the keeper has seen, once that is `count` notes; asked again while lives come and go."""
    for _ in range(400):
        try:
            notes: list[int] = await ref.ask(Seen(), timeout=5)
        except AskError:
            notes = []
        if len(notes) >= count:
            return notes
        await asyncio.sleep(0.05)
    raise AssertionError(f"{count} notes were not seen: {notes}")


async def test_a_durable_message_is_applied_once_though_its_recipient_is_killed_again(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, tree())
    async with connect(harness.directory.root) as node:
        sender, keeper = node.actor("m/s"), node.actor("m/k")
        await asyncio.to_thread(harness.until_state, "m/k", "running")
        for number in range(4):
            await sender.ask(Send(to="m/k", first=100 + 25 * number, count=25), timeout=20)
            await asyncio.to_thread(harness.kill, "m/k")
            await asyncio.to_thread(harness.until_event, "m/k", "restarted", count=number + 1)
        assert await seen(keeper, 100) == list(range(100, 200))


async def test_a_durable_message_waits_for_a_recipient_that_is_stopped(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, tree())
    async with connect(harness.directory.root) as node:
        await asyncio.to_thread(harness.until_state, "m/k", "running")
        await asyncio.to_thread(harness.call, "stop", path="m/k")
        await asyncio.to_thread(harness.until_state, "m/k", "done")
        await node.actor("m/s").ask(Send(to="m/k", first=0, count=3), timeout=20)
        await asyncio.to_thread(harness.call, "restart", path="m/k")
        assert await seen(node.actor("m/k"), 3) == [0, 1, 2]


async def test_a_message_whose_handler_raises_three_times_is_a_dead_letter(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, tree())
    async with connect(harness.directory.root) as node:
        await asyncio.to_thread(harness.until_state, "m/k", "running")
        await node.actor("m/s").ask(Send(to="m/k", first=-1, count=2), timeout=20)
        letter = await asyncio.to_thread(harness.until_event, "m/k", "deadletter")
        assert "poisonous" in letter["why"]
        assert await seen(node.actor("m/k"), 1) == [0]
        assert harness.row("m/k")["incarnation"] == 1


async def test_a_crash_between_commit_and_acknowledgement_applies_a_message_once(harness: Harness) -> None:
    await asyncio.to_thread(harness.start, tree())
    async with connect(harness.directory.root) as node:
        await asyncio.to_thread(harness.until_state, "m/k", "running")
        await node.actor("m/s").ask(Send(to="m/k", first=DEADLY - 1, count=3), timeout=20)
        await asyncio.to_thread(harness.until_event, "m/k", "restarted")
        assert await seen(node.actor("m/k"), 3) == [DEADLY - 1, DEADLY, DEADLY + 1]
        assert harness.row("m/k")["incarnation"] == 2
