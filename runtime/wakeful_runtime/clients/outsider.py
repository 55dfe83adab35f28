"""A process outside the node that speaks to its actors: it dials, and nobody can dial it."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import TypeVar

from wakeful.errors import NodeError
from wakeful.message import Message, Request
from wakeful_runtime.clients.client import Client
from wakeful_runtime.directory import NodeDirectory, default_directory
from wakeful_runtime.transport.mailbox import Mailbox

R = TypeVar("R")


class Outsider:
    """The courier of refs that a client hands out; opened before them."""

    def __init__(self, directory: Path | str | None) -> None:
        self._directory = NodeDirectory(directory or default_directory())
        self._lane = Mailbox(self._directory, f"client-{os.getpid()}-{secrets.token_hex(4)}", 1, bind=False)
        self._lane.watch = self._watch
        self._looks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """On the loop that will use it."""
        await self._lane.open()

    def tell(self, to: str, message: Message) -> None:
        self._lane.tell(to, message)

    async def tell_durable(self, to: str, message: Message) -> None:
        await self._lane.tell_durable(to, message)

    async def drain(self, to: str) -> None:
        await self._lane.drain(to)

    async def ask(self, to: str, request: Request[R], timeout: float) -> R:
        return await self._lane.ask(to, request, timeout)

    def _watch(self, path: str, incarnation: int) -> None:
        """An ask is outstanding: see whether that life is over."""
        look = asyncio.get_running_loop().create_task(self._look(path, incarnation))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _look(self, path: str, incarnation: int) -> None:
        if not await asyncio.to_thread(self._lives, path, incarnation):
            self._lane.dead(path, incarnation)

    def _lives(self, path: str, incarnation: int) -> bool:
        try:
            with Client(self._directory.root) as client:
                return bool(client.call("alive", {"path": path, "incarnation": incarnation}))
        except NodeError:
            return True  # nobody can tell now; the mailbox asks again

    async def close(self) -> None:
        """Let go of the lane."""
        for look in list(self._looks):
            look.cancel()
        self._lane.close()
