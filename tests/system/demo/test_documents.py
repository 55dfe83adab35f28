"""The demo's server on loopback, met by the demo's client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from wakeful_runtime.demo.corpus import Corpus
from wakeful_runtime.demo.documents import Documents
from wakeful_runtime.demo.fetch import FetchError, get, request
from wakeful_runtime.demo.hostility import Trick, behaviour
from wakeful_runtime.demo.stage import Server

SEED = 7
LIFE = "research/ada#1"


@pytest.fixture
async def base() -> AsyncIterator[str]:
    documents = Documents(Corpus(), SEED)
    server = await asyncio.start_server(documents.handle, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


def tricked(trick: Trick) -> str:
    """A document whose first request is treated like this."""
    return next(name for name in Corpus().names(300) if behaviour(SEED, name, 1).trick == trick)


@pytest.mark.parametrize("trick", ["none", "slow"])
async def test_a_document_arrives_whole(base: str, trick: Trick) -> None:
    name = tricked(trick)
    assert await get(f"{base}/documents/{name}", life=LIFE) == Corpus().text(name)
    served = json.loads((await request(f"{base}/served")).body)
    assert served["served"] == [{"life": LIFE, "document": name}]
    assert served["tricks"] == {trick: 1}


@pytest.mark.parametrize(("trick", "words"), [("busy", "429"), ("error", "500"), ("cut", "cut after")])
async def test_a_trick_is_an_error_for_the_client(base: str, trick: Trick, words: str) -> None:
    with pytest.raises(FetchError, match=words) as caught:
        await get(f"{base}/documents/{tricked(trick)}", life=LIFE)
    assert (caught.value.retry_after > 0) == (trick == "busy")
    assert json.loads((await request(f"{base}/served")).body)["served"] == []


async def test_a_stall_is_up_to_the_clients_patience(base: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await get(f"{base}/documents/{tricked('stall')}", life=LIFE)


async def test_what_one_session_does_changes_nothing_for_another(base: str) -> None:
    name = tricked("error")
    for life in ("research/ada#1", "research/grace#1"):
        with pytest.raises(FetchError, match="500"):
            await get(f"{base}/documents/{name}", life=life)


async def test_a_report_is_kept_and_counted(base: str) -> None:
    assert (await request(f"{base}/reports/ada")).status == 404
    for _ in range(2):
        await request(f"{base}/reports/ada", method="PUT", body=b'{"a": 1}')
    assert (await request(f"{base}/reports/ada")).body == b'{"a": 1}'
    assert json.loads((await request(f"{base}/served")).body)["publications"] == {"ada": 2}


@pytest.mark.parametrize("path", ["/documents/../../etc/passwd", "/documents/nothing.py", "/", "/nothing/at/all"])
async def test_there_is_nothing_else_to_be_had(base: str, path: str) -> None:
    assert (await request(base + path)).status == 404


@pytest.mark.parametrize(
    "garbage", [b"", b"\r\n", b"\xff" * 70_000, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
async def test_garbage_costs_its_sender_the_connection_and_nobody_else(base: str, garbage: bytes) -> None:
    port = int(base.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(garbage)
    writer.write_eof()
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert (await request(f"{base}/served")).status == 200


def test_the_server_ends_with_whoever_started_it() -> None:
    with Server.started(SEED) as server:
        assert json.loads(server.report("ada")) == {}
        assert server.served()["served"] == []
    assert server.process.returncode == 0
