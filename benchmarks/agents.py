"""The session the node benchmarks run: it does nothing, answers, and hangs when asked to."""

from __future__ import annotations

import asyncio
import ctypes
import time

from wakeful import Message, Request, Session, handler

FOR_EVER = 3600.0


class Ping(Request[int]):
    """The incarnation of the life that answers."""


class Step(Request[int]):
    """Commit a checkpoint: the failures before it no longer count."""


class Hang(Message):
    """Block the loop, or hold the GIL."""

    gil: bool


class Idle(Session[dict[str, int]]):
    """Waits for ever."""

    async def run(self, task: str) -> None:
        await asyncio.sleep(FOR_EVER)

    @handler
    def ping(self, message: Ping) -> int:
        return self.incarnation

    @handler
    async def step(self, message: Step) -> int:
        return await self.checkpoint("step", {"incarnation": self.incarnation})

    @handler
    def hang(self, message: Hang) -> None:
        if message.gil:
            ctypes.PyDLL(None).sleep(int(FOR_EVER))
        time.sleep(FOR_EVER)
