"""A BlockingSession has the main thread to itself."""

from __future__ import annotations

import pytest
from tests.system.host.conftest import Node


async def test_run_is_in_the_main_thread_with_signals_and_asyncio_run(node: Node) -> None:
    life = await node.life("Blocking", blocking=True)
    await life.ready()
    assert (await life.bye())["kind"] == "returned"
    assert (await life.asked("finish"))["value"] == '"t True"'
    assert await life.exit() == 0


@pytest.mark.parametrize("task", ["busy", "inbox"])
async def test_a_stop_is_raised_from_its_next_call_and_a_checkpoint_still_works(node: Node, task: str) -> None:
    life = await node.life("BlockingWaits", blocking=True, args={"task": task})
    await life.ready()
    life.stop("shutdown")
    assert (await life.bye())["kind"] == "shutdown"
    await life.asked("checkpoint", name="cleaned")
    await life.asked("checkpoint", name="on_stop")
    assert await life.exit() == 0


async def test_an_error_in_run_is_said_before_the_exit(node: Node) -> None:
    life = await node.life("BlockingRaises", blocking=True)
    await life.ready()
    assert (await life.bye())["what"] == "ValueError: t"
    assert await life.exit() == 70


async def test_a_busy_main_thread_does_not_age_the_loop_beside_it(node: Node) -> None:
    life = await node.life("BlockingWaits", blocking=True)
    await life.ready()
    while (await life.answer())["loop_age"]:
        pass


async def test_chaos_error_is_raised_in_its_main_thread(node: Node) -> None:
    life = await node.life("BlockingWaits", blocking=True)
    await life.ready()
    life.say("chaos", {"mode": "error"})
    assert (await life.bye())["kind"] == "error"
    assert await life.exit() == 70


async def test_chaos_await_forever_stops_its_progress_and_the_dump_shows_where(node: Node) -> None:
    life = await node.life("BlockingWaits", blocking=True)
    await life.ready()
    life.say("chaos", {"mode": "await-forever"})
    threads = ""
    while "in BlockingLife._pass" not in threads:
        life.heard.clear()
        life.say("dump", {"nonce": 5})
        threads = "\n".join((await life.message("dumped", nonce=5))["threads"])
    assert "in BlockingWaits.run" in threads
    before = (await life.answer())["facts"]["progress_at"]
    assert (await life.answer())["facts"]["progress_at"] == before
