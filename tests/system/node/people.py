"""Actors and sessions the node tests run; imported by the node's processes as a user's module would be."""

from __future__ import annotations

import asyncio
import os
import signal
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


def note(file: Path, line: str) -> None:
    with file.open("a") as out:
        out.write(line)


class Walk(Session[Steps]):
    """Makes `steps` steps of `pause` seconds, a checkpoint after each; writes each step to `track` when it is done."""

    async def run(self, task: str, steps: int = 1_000_000, pause: float = 0.02, track: str = "") -> int:
        state = self.resumed.state if self.resumed else Steps()
        while state.done < steps:
            await asyncio.sleep(pause)
            state = Steps(done=state.done + 1)
            if track:
                note(Path(track), f"{state.done} {self.incarnation}\n")
            await self.checkpoint("step", state)
            self.progress(done=state.done, total=steps)
        return state.done


class StopsPolitely(Session[dict[str, str]]):
    async def run(self, task: str) -> None:
        await asyncio.sleep(3600)

    async def on_stop(self, reason: ExitReason) -> None:
        await self.checkpoint("stopped", {"kind": reason.kind})


class Hopeless(Session[None]):
    async def run(self, task: str) -> None:
        raise RuntimeError(f"{task} can't be done")


class Doomed(Session[None]):
    async def run(self, task: str) -> None:
        raise Fatal("the account is closed")


def publish(track: str) -> dict[str, int]:
    """Happens, and its process dies before that is written down."""
    note(Path(track), "published\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


class Publisher(Session[None]):
    async def run(self, task: str, track: str) -> dict[str, int]:
        return await self.once("publish", publish, track)


def was_published(track: str) -> dict[str, int] | None:
    """What the outside world knows of it."""
    return {"id": 1} if Path(track).exists() else None


class CarefulPublisher(Session[None]):
    async def run(self, task: str, track: str) -> dict[str, int]:
        return await self.once("publish", publish, track, verify=was_published)


class Note(Message):
    n: int


DEADLY = 13
"""The note whose handler dies after its checkpoint, before it could acknowledge anything."""


class Send(Request[int]):
    """Have the sender post `count` notes to `to`."""

    to: str
    first: int
    count: int


class Sender(Actor):
    @handler
    async def send(self, message: Send) -> int:
        ref = self.actor(message.to)
        for number in range(message.first, message.first + message.count):
            await ref.tell(Note(n=number), durable=True)
        return message.count


class Seen(Request[list[int]]): ...


class Keeper(Session[list[int]]):
    """Remembers each note in its checkpoint, which commits with the note being handled."""

    def __init__(self) -> None:
        self.notes: list[int] = []

    async def run(self, task: str) -> None:
        await asyncio.sleep(3600)

    async def on_start(self) -> None:
        self.notes = list(self.resumed.state) if self.resumed else []

    @handler
    async def note(self, message: Note) -> None:
        if message.n < 0:
            raise ValueError("a poisonous note")
        self.notes.append(message.n)
        await self.checkpoint("notes", self.notes)
        if message.n == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)

    @handler
    def seen(self, message: Seen) -> list[int]:
        return self.notes
