"""The server against those who take connections and give nothing for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from wakeful.plan import WebPlan
from wakeful_runtime.web import bodies, server
from wakeful_runtime.web.address import listen
from wakeful_runtime.web.problems import Problem, problem


async def app(scope: dict[str, object], receive: object, send: object) -> None:
    request = Request(scope, receive)  # type: ignore[arg-type]
    try:
        answer: Response = JSONResponse(await bodies.read_object(request))
    except Problem as found:
        answer = problem(found)
    await answer(scope, receive, send)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(application: ASGIApp) -> AsyncIterator[int]:
    """The port of a server in this process."""
    listener = listen(WebPlan(host="127.0.0.1", port=0))
    stopping = asyncio.Event()
    running = asyncio.create_task(server.WebServer(application).run_until(stopping, listener))
    try:
        yield listener.getsockname()[1]
    finally:
        stopping.set()
        async with asyncio.timeout(20):
            await running
        listener.close()


async def ask(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """All that comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n"


async def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADERS_S", 0.1)
    async with serving(app) as port:  # type: ignore[arg-type]
        assert await ask(port) == b""
        assert await ask(port, b"POST / HT") == b""
        with suppress(ConnectionError):
            assert await ask(port, *(b"X" for _ in range(100)), pause=0.05) == b""


async def test_a_body_that_does_not_come_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.1)
    async with serving(app) as port:  # type: ignore[arg-type]
        told = await ask(port, HEAD + b"\r\n{}")
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b"the body did not come within" in told


async def test_a_request_is_answered_and_the_next_one_on_the_same_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADERS_S", 5.0)
    async with serving(app) as port:  # type: ignore[arg-type]
        last = HEAD + b"Connection: close\r\n\r\n" + b'{"a": 222}'
        told = await ask(port, HEAD + b"\r\n" + b'{"a": 111}', last, pause=0.05)
        assert told.count(b"HTTP/1.1 200 OK") == 2
        assert told.endswith(b'{"a":222}')
