"""Handlers of a hosted actor, and of a session between the awaits of its run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.system.host import people
from tests.system.host.conftest import Life, Node

from wakeful.errors import HandlerFailed, Refused
from wakeful_runtime.transport.mailbox import Mailbox


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Mailbox]:
    mailbox = node.mailbox()
    await mailbox.open()
    yield mailbox
    mailbox.close()


async def hangs(life: Life, client: Mailbox) -> None:
    client.tell(life.path, people.Hang())
    while (await life.answer())["facts"]["in_hand_since"] is None:
        pass


async def test_an_actor_answers_in_order_and_its_facts_count(node: Node, client: Mailbox) -> None:
    life = await node.life("Counter", args={"start": 5})
    await life.ready()
    for n in range(10):
        client.tell(life.path, people.Add(n=n))
    assert await client.ask(life.path, people.GetTotal(), 10.0) == 50
    facts = (await life.answer())["facts"]
    assert (facts["handled"], facts["depth"], facts["in_hand_since"]) == (11, 0, None)


async def test_a_handler_that_raises_ends_an_actor_and_the_asker_hears_first(node: Node, client: Mailbox) -> None:
    life = await node.life("Counter")
    await life.ready()
    with pytest.raises(HandlerFailed) as caught:
        await client.ask(life.path, people.Break(text="no"), 10.0)
    assert (caught.value.kind, caught.value.message) == ("ValueError", "no")
    assert (await life.bye())["what"] == "ValueError: no"
    assert await life.exit() == 70


async def test_a_refusal_is_an_answer_and_ends_nothing(node: Node, client: Mailbox) -> None:
    life = await node.life("Counter")
    await life.ready()
    with pytest.raises(Refused, match="not today"):
        await client.ask(life.path, people.No(), 10.0)
    assert await client.ask(life.path, people.GetTotal(), 10.0) == 0


async def test_in_a_session_handlers_run_beside_run_and_a_failure_is_journalled(node: Node, client: Mailbox) -> None:
    life = await node.life("Waits")
    await life.ready()
    client.tell(life.path, people.Add(n=3))
    with pytest.raises(HandlerFailed):
        await client.ask(life.path, people.Break(text="no"), 10.0)
    assert await client.ask(life.path, people.GetTotal(), 10.0) == 3
    row = await life.asked("journal", event="handler_failed")
    assert row["fields"] == {"message": "Break", "error": "ValueError: no"}


async def test_a_blocking_sessions_mailbox_works_beside_its_busy_main_thread(node: Node, client: Mailbox) -> None:
    life = await node.life("BlockingWaits", blocking=True)
    await life.ready()
    assert await client.ask(life.path, people.GetTotal(), 10.0) == 42


async def test_an_actor_that_is_stopped_runs_on_stop(node: Node, client: Mailbox) -> None:
    life = await node.life("Counter", args={"start": 2})
    await life.ready()
    life.stop("shutdown")
    assert (await life.bye())["kind"] == "shutdown"
    await life.asked("checkpoint", name="stopped")


async def test_a_stopped_actor_finishes_the_message_in_hand_first(node: Node, client: Mailbox) -> None:
    life = await node.life("Counter")
    await life.ready()
    slow = asyncio.ensure_future(client.ask(life.path, people.Slow(), 10.0))
    while (await life.answer())["facts"]["in_hand_since"] is None:
        pass
    life.stop(deadline=10.0)
    assert await slow == 7
    assert (await life.bye())["kind"] == "stop"


async def test_a_hanging_handler_does_not_keep_on_stop_from_running(node: Node, client: Mailbox) -> None:
    life = await node.life("Counter")
    await life.ready()
    await hangs(life, client)
    life.stop(deadline=0.6)
    await life.asked("checkpoint", name="stopped")
    assert (await life.bye())["kind"] == "stop"


async def test_a_dump_shows_the_line_a_handler_hangs_at(node: Node, client: Mailbox) -> None:
    life = await node.life("Counter")
    await life.ready()
    await hangs(life, client)
    life.say("dump", {"nonce": 1})
    tasks = "\n".join((await life.message("dumped", nonce=1))["tasks"])
    assert "in Counter.hang" in tasks
    assert "people.py" in tasks


async def test_chaos_error_ends_an_actor(node: Node) -> None:
    life = await node.life("Counter")
    await life.ready()
    life.say("chaos", {"mode": "error"})
    assert (await life.bye())["what"] == "ChaosError: chaos: error"
