"""A process outside the node that speaks to its actors: it dials, and nobody can dial it."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from wakeful.message import Message, Request
from wakeful_runtime.client import Client
from wakeful_runtime.directory import NodeDirectory, default_directory
from wakeful_runtime.transport.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Awaitable

R = TypeVar("R")


class Outsider:
    """The courier of refs that a client hands out; opened with the first message."""

    def __init__(self, directory: Path | str | None) -> None:
        self._directory = NodeDirectory(directory or default_directory())
        self._mailbox: Mailbox | None = None
        self._opening: asyncio.Task[None] | None = None

    def _lane(self) -> Mailbox:
        if self._mailbox is None:
            path = f"client-{os.getpid()}-{secrets.token_hex(4)}"
            self._mailbox = Mailbox(self._directory, path, 1, bind=False)
            self._mailbox.watch = self._watch
            self._opening = asyncio.get_running_loop().create_task(self._mailbox.open())
        return self._mailbox

    async def _opened(self) -> Mailbox:
        lane = self._lane()
        if self._opening is not None:
            await self._opening
        return lane

    def tell(self, to: str, message: Message) -> None:
        self._lane().tell(to, message)

    async def tell_durable(self, to: str, message: Message) -> None:
        lane = await self._opened()
        await lane.tell_durable(to, message)

    async def drain(self, to: str) -> None:
        lane = await self._opened()
        await lane.drain(to)

    async def ask(self, to: str, request: Request[R], timeout: float) -> R:
        lane = await self._opened()
        return await lane.ask(to, request, timeout)

    def _watch(self, path: str, incarnation: int) -> None:
        """An ask is outstanding: see whether that life is over."""
        work: Awaitable[None] = self._look(path, incarnation)
        asyncio.ensure_future(work)

    async def _look(self, path: str, incarnation: int) -> None:
        alive = await asyncio.to_thread(self._lives, path, incarnation)
        if not alive and self._mailbox is not None:
            self._mailbox.dead(path, incarnation)

    def _lives(self, path: str, incarnation: int) -> bool:
        with Client(self._directory.root) as client:
            return bool(client.call("lives", {"path": path, "incarnation": incarnation}))

    async def close(self) -> None:
        """Let go of the lane."""
        if self._opening is not None:
            await self._opening
        if self._mailbox is not None:
            self._mailbox.close()
