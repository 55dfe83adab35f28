"""What the node benchmarks run: a session that does nothing, answers, and hangs when asked to; an actor that counts."""

from __future__ import annotations

import asyncio
import ctypes
import time

from wakeful import Actor, Message, Request, Session, handler

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


class Work(Message):
    """A message of some 100 bytes, to be counted."""

    seq: int
    symbol: str
    price: float
    size: int
    live: bool


class Took(Request[list[float]]):
    """Of the messages since the last one who asked: how many, in how many seconds, with how much CPU time."""


class Busy(Actor):
    """Counts."""

    def __init__(self) -> None:
        self._seen = 0
        self._began = (0.0, 0.0)

    @handler
    async def work(self, message: Work) -> None:
        if self._seen == 0:
            self._began = time.perf_counter(), time.process_time()
        self._seen += 1

    @handler
    def took(self, message: Took) -> list[float]:
        seen, self._seen = self._seen, 0
        return [seen, time.perf_counter() - self._began[0], time.process_time() - self._began[1]]
