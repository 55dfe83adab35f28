"""The request lane: every request is answered, whatever becomes of the server meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.request import RequestClient, RequestServer

Reply = Callable[[bytes], bytes | None]


class Server:
    """A server in a thread; `reply` returns None for what it leaves unanswered."""

    def __init__(self, directory: NodeDirectory, reply: Reply) -> None:
        self.taken: list[bytes] = []
        self._reply = reply
        self._server = RequestServer(directory.mailbox("store"))
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    async def end(self) -> None:
        self._ended = True
        self._server.wake()
        await asyncio.to_thread(self._thread.join, 10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._ended:
            for client, (number, payload) in self._server.recv_all():
                self.taken.append(payload)
                reply = self._reply(payload)
                if reply is not None:
                    self._server.send(client, [number, reply])
        self._server.close()


@pytest.fixture
async def client(node_directory: NodeDirectory) -> AsyncIterator[RequestClient]:
    client = RequestClient(node_directory.mailbox("store"), b"client#1")
    yield client
    client.close()


async def test_requests_at_once_get_their_own_answers(node_directory: NodeDirectory, client: RequestClient) -> None:
    server = Server(node_directory, lambda payload: payload[::-1])
    payloads = [b"%d." % n for n in range(500)]
    assert await asyncio.gather(*(client.request(each, 20.0) for each in payloads)) == [each[::-1] for each in payloads]
    await server.end()


async def test_a_request_waits_for_a_server_that_is_away(node_directory: NodeDirectory, client: RequestClient) -> None:
    asked = asyncio.ensure_future(client.request(b"x", None))
    await asyncio.sleep(0.05)
    assert not asked.done()
    server = Server(node_directory, lambda payload: payload)
    assert await asyncio.wait_for(asked, 15) == b"x"
    await server.end()


async def test_what_a_server_left_unanswered_is_sent_again_to_the_next_one(
    node_directory: NodeDirectory, client: RequestClient
) -> None:
    first = Server(node_directory, lambda payload: None if payload == b"hard" else payload)
    asked = asyncio.ensure_future(client.request(b"hard", None))
    assert await client.request(b"easy", 10.0) == b"easy"
    await first.end()
    second = Server(node_directory, lambda payload: payload)
    assert await asyncio.wait_for(asked, 15) == b"hard"
    assert await client.request(b"easy", 10.0) == b"easy"
    await second.end()


async def test_no_answer_in_time_is_a_node_error_and_a_late_one_changes_nothing(
    node_directory: NodeDirectory, client: RequestClient
) -> None:
    free = threading.Event()

    def slowly(payload: bytes) -> bytes:
        if payload == b"slow":
            free.wait(10)
        return payload

    server = Server(node_directory, slowly)
    with pytest.raises(NodeError, match="within"):
        await client.request(b"slow", 0.05)
    free.set()
    assert await client.request(b"fast", 10.0) == b"fast"
    await server.end()


async def test_closing_a_client_fails_what_waits(node_directory: NodeDirectory) -> None:
    client = RequestClient(node_directory.mailbox("store"), b"client#2")
    asked = asyncio.ensure_future(client.request(b"x", None))
    await asyncio.sleep(0)
    client.close()
    with pytest.raises(NodeError, match="closed"):
        await asked


async def test_recv_all_returns_nothing_at_its_timeout(node_directory: NodeDirectory) -> None:
    server = RequestServer(node_directory.mailbox("store"))
    assert await asyncio.to_thread(server.recv_all, 0.01) == []
    server.close()
