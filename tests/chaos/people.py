"""The sessions the monkey plays with; imported by the node's processes as a user's module would be."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

from pydantic import BaseModel
from tests.chaos.books import Book
from tests.chaos.ledger import ask

from wakeful import Message, Session, handler

EFFECT_EVERY = 4
SEND_EVERY = 3
"""Steps between two effects, and between two durable messages."""

FOLDER = "WAKEFUL_CHAOS_FOLDER"
"""Environment variable: where books, flags and the ledger's socket are."""


class Count(BaseModel):
    """What a session remembers.

    Attributes:
        seen: of each life of each sender, the last number applied.
        wrong: what came twice or out of order.
    """

    step: int = 0
    seen: dict[str, int] = {}
    wrong: list[str] = []


class Parcel(Message):
    """The `number`-th of a life of the sender's to this recipient."""

    sender: str
    life: int
    number: int


async def pay(ledger: str, session: str, key: str, incarnation: int) -> int:
    """An effect: it is done when the ledger has it, and its caller learns that some time later."""
    count = await ask(ledger, {"do": True, "session": session, "key": key, "incarnation": incarnation})
    await asyncio.sleep(random.uniform(0.0, 0.05))
    return count


async def paid(ledger: str, session: str, key: str, incarnation: int) -> int | None:
    """Whether it was done."""
    return await ask(ledger, {"do": False, "session": session, "key": key, "incarnation": incarnation}) or None


class Bee(Session[Count]):
    """Counts; each step is checkpointed, some with an effect or a durable message to a peer before."""

    async def on_start(self) -> None:
        self.folder = Path(os.environ[FOLDER])
        self.book = Book(self.folder, self.path)
        self.count = self.resumed.state if self.resumed else Count()
        self.sent: dict[str, int] = {}
        self.book.write("began", self.incarnation, self.count.step, str(os.getpid()))

    async def run(self, task: str, peers: list[str], pause: float) -> Count:
        while not (self.folder / "finish").exists():
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
            step = self.count.step + 1
            if not (self.folder / "quiet").exists():
                await self.act(step, peers)
            self.count.step = step
            await self.checkpoint("counted", self.count)
            self.book.write("checkpoint", self.incarnation, step)
            self.progress(done=step)
        return self.count

    async def act(self, step: int, peers: list[str]) -> None:
        if step % EFFECT_EVERY == 0:
            key = f"step-{step}"
            about = (str(self.folder / "ledger"), self.path, key, self.incarnation)
            if step % (2 * EFFECT_EVERY):
                await self.once(key, pay, *about, verify=paid)
                self.book.write("effect", self.incarnation, step, key)
            else:
                await self.once(key, pay, *about, unknown="skip")
        if step % SEND_EVERY == 0:
            to = peers[step // SEND_EVERY % len(peers)]
            number = self.sent[to] = self.sent.get(to, 0) + 1
            await self.actor(to).tell(Parcel(sender=self.path, life=self.incarnation, number=number), durable=True)
            self.book.write("sent", self.incarnation, step, f"{to}#{number}")

    @handler
    async def take(self, message: Parcel) -> None:
        source = f"{message.sender}#{message.life}"
        last = self.count.seen.get(source, 0)
        if message.number != last + 1:
            self.count.wrong.append(f"{source}#{message.number} after {last}")
        self.count.seen[source] = max(last, message.number)
        await self.checkpoint("parcel", self.count)
        self.book.write("applied", self.incarnation, self.count.step, f"{source}#{message.number}")
