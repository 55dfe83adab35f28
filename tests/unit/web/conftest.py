"""The application without a network and without a node: what it asks is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.web.address import Names
from wakeful_runtime.web.app import application
from wakeful_runtime.web.token import Door, ensure_token

URL = "http://127.0.0.1:8717"


class PlayedNode:
    """Answers from a table, remembers what it was asked, and has a journal that grows."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"ps": [], "sessions_result": {"status": "ok", "outcome": "ok", "result": 5}}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.waiting: asyncio.Event | None = None
        self.given_up = 0
        self.journal: list[dict[str, Any]] = []
        self.trouble: Exception | None = None

    async def call(self, verb: str, args: dict[str, Any]) -> Any:
        self.asked.append((verb, args))
        if self.waiting is not None:
            try:
                await self.waiting.wait()
            except asyncio.CancelledError:
                self.given_up += 1
                raise
        answer = self.answers.get(verb, [])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def grow(self, count: int = 1) -> None:
        for _ in range(count):
            seq = len(self.journal) + 1
            row = {"seq": seq, "at": "2026-12-01T22:00:00.000Z", "event": "checkpoint", "path": "a", "incarnation": 1}
            self.journal.append(row)

    async def until_asked(self, times: int) -> None:
        while len(self.asked) < times:  # noqa: ASYNC110 (no event is worth it: each look is one turn of the loop)
            await asyncio.sleep(0)

    async def page(self, after: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        if self.trouble is not None:
            raise self.trouble
        return [row for row in self.journal if row["seq"] > after][:limit], len(self.journal)


@pytest.fixture
def node() -> PlayedNode:
    return PlayedNode()


@pytest.fixture
def directory(tmp_path: Path) -> NodeDirectory:
    return NodeDirectory(tmp_path / "n").create()


@pytest.fixture
def stopping() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def app(node: PlayedNode, directory: NodeDirectory, stopping: asyncio.Event) -> ASGIApp:
    return application(
        names=Names("127.0.0.1", 8717),
        door=Door(directory),
        url=URL,
        call=node.call,
        journal=lambda path: node.page,
        stopping=stopping,
    )


@pytest.fixture
async def web(app: ASGIApp, directory: NodeDirectory) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has the token."""
    headers = {"Authorization": f"Bearer {ensure_token(directory)}"}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers) as client:
        yield client
