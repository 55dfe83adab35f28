"""Actors and sessions the node tests run; imported by the node's processes as a user's module would be."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import BaseModel

from wakeful import Actor, ExitReason, Fatal, Message, Request, Session, handler


class Add(Message):
    n: int


class GetTotal(Request[int]): ...


class Boom(Request[int]): ...


class Die(Message): ...


class Slow(Request[int]):
    seconds: float


class Counter(Actor):
    def __init__(self, *, start: int = 0) -> None:
        self.n = start

    @handler
    def add(self, message: Add) -> None:
        self.n += message.n

    @handler
    def total(self, message: GetTotal) -> int:
        return self.n

    @handler
    def boom(self, message: Boom) -> int:
        raise ValueError("boom")

    @handler
    async def slow(self, message: Slow) -> int:
        await asyncio.sleep(message.seconds)
        return self.n


class Steps(BaseModel):
    done: int = 0


class Walk(Session[Steps]):
    """Makes `steps` steps of `pause` seconds, a checkpoint after each; writes each step to `track` when it is done."""

    async def run(self, task: str, steps: int = 1_000_000, pause: float = 0.02, track: str = "") -> int:
        state = self.resumed.state if self.resumed else Steps()
        while state.done < steps:
            await asyncio.sleep(pause)
            state = Steps(done=state.done + 1)
            if track:
                with Path(track).open("a") as file:
                    file.write(f"{state.done} {self.incarnation}\n")
            await self.checkpoint("step", state)
            self.progress(done=state.done, total=steps)
        return state.done


class StopsPolitely(Session):
    async def run(self, task: str) -> None:
        await asyncio.sleep(3600)

    async def on_stop(self, reason: ExitReason) -> None:
        await self.checkpoint("stopped", {"kind": reason.kind})


class Hopeless(Session):
    async def run(self, task: str) -> None:
        raise RuntimeError(f"{task} can't be done")


class Doomed(Session):
    async def run(self, task: str) -> None:
        raise Fatal("the account is closed")
