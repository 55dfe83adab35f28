"""The control thread answers for a process that is busy, stuck or gone silent."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest
from tests.system.host.conftest import Life, Node

from wakeful_runtime.processes import descendants


async def silent_for(life: Life, seconds: float) -> bool:
    """Whether a probe stays unanswered so long."""
    nonce = life.probe()
    try:
        await asyncio.wait_for(life.until(lambda: heard(life, "answer", nonce), "answer"), seconds)
    except TimeoutError:
        return True
    return False


def heard(life: Life, kind: str, nonce: int) -> dict[str, Any] | None:
    return next((body for _, each, body in life.heard if each == kind and body.get("nonce") == nonce), None)


async def dumped(life: Life) -> tuple[str, str]:
    life.say("dump", {"nonce": 99})
    body = await life.message("dumped", nonce=99)
    return "\n".join(body["tasks"]), "\n".join(body["threads"])


async def test_a_healthy_loop_has_no_age(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    while (await life.answer())["loop_age"]:
        pass


async def test_a_blocked_loop_is_answered_for_and_its_age_grows(node: Node) -> None:
    life = await node.life("BlocksLoop")
    await life.ready()
    first = await life.answer()
    while first["loop_age"] < 0.05:
        first = await life.answer()
    second = await life.answer()
    assert second["loop_age"] > first["loop_age"] > 0


async def test_p13_a_held_gil_is_silent_and_sigurg_still_dumps_the_line(node: Node) -> None:
    life = await node.life("HoldsGil")
    await life.ready()
    while not await silent_for(life, 0.5):
        pass
    file = node.directory.evidence / "boss~HoldsGil#1.dump"
    os.kill(life.pid, signal.SIGURG)
    await life.until(lambda: "people.py" in file.read_text(), "dump")
    assert "in run" in file.read_text()


async def test_a_blocking_lease_is_told_before_the_block_begins(node: Node) -> None:
    life = await node.life("Leases")
    await life.go()
    event = await life.message("event", event="lease")
    assert event["lease"]["what"] == "a long C call"
    assert event["facts"]["lease"]["blocking"] is True
    assert await silent_for(life, 0.3)


async def test_a_dump_shows_the_line_an_await_hangs_at(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    while "in Waits.waits_here" not in (tasks := (await dumped(life))[0]):
        life.heard.clear()
    first = tasks.split("\ntask ")[0]
    assert first.startswith("task run")
    assert "people.py" in first


async def test_a_dump_shows_the_line_a_blocked_loop_stands_at(node: Node) -> None:
    life = await node.life("BlocksLoop")
    await life.ready()
    while (await life.answer())["loop_age"] < 0.05:
        pass
    _, threads = await dumped(life)
    assert "in BlocksLoop.run" in threads


async def test_a_control_message_with_a_wrong_token_is_dropped(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    right, life.token = life.token, "0" * 32
    life.stop()
    life.token = right
    assert (await life.answer())["facts"]["state"] == "running"


async def test_an_unknown_order_or_a_bad_one_does_not_silence_the_control_thread(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    life.say("stop", {"reason": {"kind": "no such kind"}})
    life.say("dance", {})
    life.say("call", {"nonce": 3, "verb": "dance"})
    assert (await life.message("called", nonce=3))["ok"] is False
    assert (await life.answer())["facts"]["ready"] is True


async def test_a_life_says_hello_to_a_new_supervisor_and_is_not_restarted(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    node.server.close()
    life.heard.clear()
    node.open_server()
    hello = await life.message("hello")
    assert (hello["pid"], hello["ready"]) == (life.pid, True)
    while await silent_for(life, 1.0):  # a probe may be lost with the old connection; monitors send the next
        pass


@pytest.mark.parametrize(
    ("mode", "status"), [("kill", -signal.SIGKILL), ("orphan", -signal.SIGKILL), ("error", 70)], ids=str
)
async def test_chaos_ends_a_life(node: Node, mode: str, status: int) -> None:
    before = set(descendants(os.getpid()))
    life = await node.life("Waits")
    await life.ready()
    life.say("chaos", {"mode": mode})
    assert await life.exit() == status
    if mode == "error":
        reason = await life.bye()
        assert (reason["kind"], reason["what"]) == ("error", "ChaosError: chaos: error")
        assert "in waits_here" in reason["detail"], "it was raised at the user's line"
    if mode == "orphan":
        left = [pid for pid in descendants(os.getpid()) if pid not in before and pid != life.pid]
        sessions = [os.getsid(pid) for pid in left]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert len(set(sessions)) == 2, "two descendants, each in a session of its own, outlive it"


async def test_chaos_await_forever_hangs_at_the_users_line_and_a_cancel_still_ends_it(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    life.say("chaos", {"mode": "await-forever"})
    while "in Waits.waits_here" not in (await dumped(life))[0]:
        life.heard.clear()
    life.say("cancel", {"reason": {"kind": "no_progress"}})
    assert (await life.bye())["kind"] == "no_progress"


async def test_chaos_loop_block_and_gil(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    life.say("chaos", {"mode": "loop-block"})
    while (await life.answer())["loop_age"] < 0.05:
        pass
    _, threads = await dumped(life)
    assert "in block_loop" in threads
    other = await node.life("Waits", name="Other")
    await other.ready()
    other.say("chaos", {"mode": "gil"})
    while not await silent_for(other, 0.5):
        pass
    os.kill(other.pid, signal.SIGURG)
    file = node.directory.evidence / "boss~Other#1.dump"
    await other.until(lambda: "in hold_gil" in file.read_text(), "dump")
    assert await silent_for(other, 0.3), "the signal did not end the hang"


async def test_chaos_stop_stops_the_process(node: Node) -> None:
    life = await node.life("Waits")
    await life.ready()
    life.say("chaos", {"mode": "stop"})
    while not await silent_for(life, 0.3):
        pass
    os.kill(life.pid, signal.SIGCONT)
    await life.answer()
