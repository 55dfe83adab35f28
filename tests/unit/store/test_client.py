from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from wakeful.errors import CodecError, Fenced, MailboxFull, NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.journal import Journal
from wakeful_runtime.store import client as client_module
from wakeful_runtime.store.client import StoreClient, StoreRefused
from wakeful_runtime.store.protocol import Kind, Reply, Request, pack_reply, unpack_request


class Line:
    """A store at the other end of a function."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self.asked: list[Request] = []
        self.gate: asyncio.Event | None = None
        self.closed = False
        self.on_word: Callable[[], None] = lambda: None

    async def request(self, payload: bytes, timeout: float | None = None) -> bytes:
        request = unpack_request(payload)
        self.asked.append(request)
        await (asyncio.sleep(0) if self.gate is None else self.gate.wait())
        return pack_reply(request.id, self.answer(request))

    def close(self) -> None:
        self.closed = True


def client(line: Line, **more: Any) -> StoreClient:
    return StoreClient(NodeDirectory("/nowhere"), "a#1", lane=line, **more)


def no(code: str, **facts: Any) -> Reply:
    return Reply("no", {"code": code, "why": "because", "facts": facts})


@pytest.mark.parametrize(
    ("code", "error"), [("fenced", Fenced), ("full", MailboxFull), ("bad", CodecError), ("finished", StoreRefused)]
)
async def test_each_no_has_its_error(code: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="because"):
        await client(Line(lambda _: no(code))).request("run", path="a")


async def test_a_refusal_says_its_code_and_facts() -> None:
    with pytest.raises(StoreRefused) as refused:
        await client(Line(lambda _: no("stale", last=7))).request("begin_life")
    assert (refused.value.code, refused.value.why, refused.value.facts) == ("stale", "because", {"last": 7})


async def test_a_store_that_cannot_commit_now_is_asked_again_by_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_S", 0.0)
    kinds: Iterator[Kind] = iter(("wait", "wait", "ok"))
    line = Line(lambda _: Reply(next(kinds), {"why": "disk full", "seq": 3}))
    assert (await client(line).request("checkpoint", run_id="r"))["seq"] == 3
    assert len({request.id for request in line.asked}) == 1
    assert len(line.asked) == 3


async def test_a_store_that_is_away_too_long_is_a_node_error_that_says_why() -> None:
    line = Line(lambda _: Reply("wait", {"code": "away", "why": "the disk is full"}))
    with pytest.raises(NodeError, match="the disk is full"):
        await client(line).request("run", timeout=0.05, path="a")
    line.gate = asyncio.Event()
    with pytest.raises(NodeError, match="did not answer"):
        await client(line).request("run", timeout=0.01, path="a")


async def test_requests_about_one_run_go_in_order_and_others_overtake() -> None:
    line = Line(lambda _: Reply("ok", {}))
    line.gate = asyncio.Event()
    asking = client(line)
    tasks = [
        asyncio.create_task(asking.request(op, run_id=run_id, n=n))
        for n, (op, run_id) in enumerate([("checkpoint", "r"), ("checkpoint", "r"), ("checkpoint", "s"), ("run", "r")])
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    assert [request.arguments["n"] for request in line.asked] == [0, 2, 3]
    line.gate.set()
    await asyncio.gather(*tasks)
    assert [request.arguments["n"] for request in line.asked] == [0, 2, 3, 1]


async def test_a_request_given_up_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(lambda _: Reply("ok", {}))
    line.gate = asyncio.Event()
    asking = client(line)
    first = asyncio.create_task(asking.request("checkpoint", run_id="r"))
    second = asyncio.create_task(asking.request("checkpoint", run_id="r"))
    await asyncio.sleep(0)
    first.cancel()
    line.gate.set()
    assert await second == {}
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_the_waiting_hook_is_entered_for_as_long_as_the_store_takes() -> None:
    inside: list[bool] = []

    @contextmanager
    def waiting() -> Iterator[None]:
        inside.append(True)
        yield
        inside.append(False)

    line = Line(lambda _: Reply("ok", {}))
    await client(line, waiting=waiting).request("run", path="a")
    assert inside == [True, False]


async def test_how_long_the_store_has_been_away_is_known_and_forgotten() -> None:
    line = Line(lambda _: Reply("ok", {}))
    line.gate = asyncio.Event()
    asking = client(line)
    assert asking.away_for() == 0.0
    task = asyncio.create_task(asking.request("run", path="a"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert asking.away_for() > 0.0
    line.gate.set()
    await task
    assert asking.away_for() == 0.0


async def test_closing_gives_the_journal_its_time_and_closes_the_lane() -> None:
    line = Line(lambda _: Reply("ok", {"stored": 1}))
    asking = client(line)
    asking.journal([{"id": "e1"}])
    await asking.close()
    assert [request.op for request in line.asked] == ["journal"]
    assert line.closed


class Shelf:
    """Where a journal's entries go; refuses those called bad, and all while it is away."""

    def __init__(self) -> None:
        self.away = asyncio.Event()
        self.away.set()
        self.stored: list[dict[str, Any]] = []

    async def send(self, entries: list[dict[str, Any]]) -> None:
        await self.away.wait()
        if any(entry.get("event") == "bad" for entry in entries):
            raise CodecError("bad")
        self.stored += entries


async def test_entries_are_sent_in_order_in_batches() -> None:
    shelf = Shelf()
    journal = Journal(shelf.send)
    journal.add({"id": str(number)} for number in range(500))
    assert await journal.flush(5)
    assert [entry["id"] for entry in shelf.stored] == [str(number) for number in range(500)]


async def test_while_the_store_is_away_the_oldest_go_and_a_gap_tells_how_many() -> None:
    shelf = Shelf()
    shelf.away.clear()
    journal = Journal(shelf.send, bound=10)
    journal.add({"id": str(number), "path": "p"} for number in range(25))
    assert journal.depth == 10
    assert not await journal.flush(0.01)
    shelf.away.set()
    assert await journal.flush(5)
    gap = next(entry for entry in shelf.stored if entry.get("event") == "journal_gap")
    assert (gap["id"], gap["path"], gap["fields"]) == ("0.gap", "p", {"lost": 15})
    assert [entry["id"] for entry in shelf.stored if entry is not gap] == [str(number) for number in range(15, 25)]


async def test_an_entry_that_cannot_be_stored_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    journal = Journal(shelf.send)
    journal.add({"id": str(number), "event": "bad" if number == 3 else "good"} for number in range(9))
    assert await journal.flush(5)
    assert [entry["id"] for entry in shelf.stored] == ["0", "1", "2", "4", "5", "6", "7", "8"]
    assert "can't be stored" in caplog.text


async def test_entries_from_another_thread_are_stored_too() -> None:
    shelf = Shelf()
    journal = Journal(shelf.send)
    journal.add([{"id": "here"}])
    await asyncio.to_thread(journal.add, [{"id": "there"}])
    assert await journal.flush(5)
    assert {entry["id"] for entry in shelf.stored} == {"here", "there"}


async def test_what_is_left_when_closing_is_said_to_be_lost(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    shelf.away.clear()
    journal = Journal(shelf.send)
    journal.add([{"id": "1"}, {"id": "2"}])
    await journal.close(0.01)
    assert "2 journal entries were not stored" in caplog.text
