"""The journal as a stream: nothing missed, nothing twice, and no client that others have to wait for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp
from tests.unit.web.conftest import PlayedNode

from wakeful.errors import NodeError
from wakeful_runtime.web import journalstream
from wakeful_runtime.web.endpoint import Seats
from wakeful_runtime.web.journalstream import JournalStream


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (what is waited for is told nowhere)
            await asyncio.sleep(0.005)


class Reader:
    """A client of one stream, by hand: what it was sent, and it leaves when it is told to."""

    def __init__(self) -> None:
        self.text = ""
        self.status = 0
        self.ended = False
        self.slow: asyncio.Event | None = None
        self._left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        if self.slow is not None:
            await self.slow.wait()
        self.text += message["body"].decode()
        self.ended = not message["more_body"]

    def leave(self) -> None:
        self._left.set()

    async def until_has(self, entries: int) -> None:
        await until(lambda: len(self.seqs) > entries)

    @property
    def seqs(self) -> list[int]:
        """Of the entries it has, as their data says."""
        return [json.loads(line[6:])["seq"] for line in self.text.splitlines() if line.startswith("data: ")]

    @property
    def last_id(self) -> int:
        """What a browser would come back with."""
        return int([line[4:] for line in self.text.splitlines() if line.startswith("id: ")][-1])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journalstream, "LOOK_S", 0.005)


def begin(
    node: PlayedNode, after: int | None, stopping: asyncio.Event, seats: Seats | None = None
) -> tuple[Reader, asyncio.Task[None]]:
    reader = Reader()
    stream = JournalStream(node.page, after, stopping, seats or Seats(5, "streams are open"))
    return reader, asyncio.create_task(stream({"type": "http"}, reader.receive, reader.send))


async def test_one_who_comes_back_misses_nothing_and_gets_nothing_twice(
    node: PlayedNode, stopping: asyncio.Event
) -> None:
    node.grow(3)
    seen: list[int] = []
    after = 0
    for _ in range(5):
        reader, task = begin(node, after, stopping)
        node.grow(700)
        await reader.until_has(600)
        reader.leave()
        await task
        node.grow(2)
        seen += reader.seqs
        after = reader.last_id
        assert after == seen[-1]
    reader, task = begin(node, after, stopping)
    await until(lambda: seen + reader.seqs == [row["seq"] for row in node.journal])
    stopping.set()
    await task
    assert reader.ended


async def test_without_a_place_it_begins_now_and_says_where_that_is(node: PlayedNode, stopping: asyncio.Event) -> None:
    node.grow(3)
    reader, task = begin(node, None, stopping)
    await until(lambda: reader.text)
    assert reader.text == "retry: 1000\nid: 3\n\n"
    node.grow()
    await until(lambda: reader.seqs == [4])
    stopping.set()
    await task


async def test_a_place_in_another_journal_begins_this_one(node: PlayedNode, stopping: asyncio.Event) -> None:
    node.grow(3)
    reader, task = begin(node, 1_000_000, stopping)
    await until(lambda: reader.seqs == [1, 2, 3])
    stopping.set()
    await task


async def test_a_store_that_is_away_is_waited_for_with_heartbeats(
    node: PlayedNode, stopping: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journalstream, "HEARTBEAT_S", 0.02)
    node.grow()
    reader, task = begin(node, 0, stopping)
    await until(lambda: reader.seqs == [1])
    node.trouble = NodeError("the store is away")
    node.grow()
    heard = reader.text.count(": alive\n\n")
    await until(lambda: reader.text.count(": alive\n\n") > heard + 2)
    node.trouble = None
    await until(lambda: reader.seqs == [1, 2])
    stopping.set()
    await task


async def test_one_who_takes_nothing_is_left_and_holds_up_nobody(
    node: PlayedNode, stopping: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journalstream, "STALLED_S", 0.05)
    node.grow(5)
    seats = Seats(2, "streams are open")
    stalled, first = begin(node, 0, stopping, seats)
    stalled.slow = asyncio.Event()
    other, second = begin(node, 0, stopping, seats)
    await until(lambda: other.seqs == [1, 2, 3, 4, 5])
    async with asyncio.timeout(20):
        await first
    assert not stalled.ended
    third, task = begin(node, 0, stopping, seats)
    await until(lambda: len(third.seqs) == 5)
    stopping.set()
    await asyncio.gather(second, task)


async def test_so_many_streams_and_the_next_one_is_told_to_come_again(
    app: ASGIApp, web: httpx.AsyncClient, stopping: asyncio.Event
) -> None:
    stopping.set()
    for _ in range(journalstream.STREAMS + 1):  # each has ended before the next begins
        assert (await web.get("/v1/events", headers={"Accept": "text/event-stream"})).status_code == 200
    stopping.clear()
    open_ones = [
        asyncio.create_task(web.get("/v1/events", headers={"Accept": "text/event-stream"}))
        for _ in range(journalstream.STREAMS)
    ]
    refused = None
    async with asyncio.timeout(20):
        while refused is None or refused.status_code != 429:
            await asyncio.sleep(0.01)
            refused = await web.get("/v1/events", headers={"Accept": "text/event-stream"})
    assert refused.json()["error"] == "32 streams are open already; try again"
    stopping.set()
    assert {answer.status_code for answer in await asyncio.gather(*open_ones)} == {200}


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("after=x", {}),
        ("after=-1", {}),
        ("after=1&after=2", {}),
        ("after=9223372036854775808", {}),
        ("until=5", {}),
        ("limit=0", {}),
        ("", {"Last-Event-ID": "five"}),
        ("", {"Last-Event-ID": "٣"}),
    ],
)
async def test_a_place_that_is_none_is_refused(web: httpx.AsyncClient, query: str, headers: dict[str, str]) -> None:
    written = [(key.encode(), value.encode()) for key, value in headers.items()]
    answer = await web.get(f"/v1/events?{query}", headers=written)
    assert answer.status_code == 422, answer.text


async def test_who_does_not_ask_for_a_stream_gets_a_page(web: httpx.AsyncClient, node: PlayedNode) -> None:
    node.answers["events"] = [{"seq": 8}]
    answer = await web.get("/v1/events?after=5&limit=1&path=work", headers={"Last-Event-ID": "7"})
    assert answer.json() == [{"seq": 8}]
    assert node.asked == [("events", {"after": 7, "path": "work", "limit": 1})]
