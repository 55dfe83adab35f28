"""An actor that counts, and a session that counts with it: `wakeful run examples/counter.py:tree`.

While it runs: `wakeful ps`, `wakeful kill counter`, `wakeful why counter`.
"""

from __future__ import annotations

import asyncio

from wakeful import Actor, Child, Gateway, Message, Monitor, Request, Session, handler


class Add(Message):
    """Add to the sum."""

    n: int


class Total(Message):
    """The sum."""

    n: int


class GetTotal(Request[Total]):
    """What is the sum?"""


class Counter(Actor):
    """Its sum is gone when its process dies: an actor begins again, a session resumes."""

    def __init__(self, *, start: int = 0) -> None:
        self.n = start

    @handler
    async def add(self, message: Add) -> None:
        self.n += message.n

    @handler
    def total(self, message: GetTotal) -> Total:
        return Total(n=self.n)


class Counting(Session[int]):
    """Counts to `goal`, one step a second, and never loses its place."""

    async def run(self, goal: int) -> int:
        step = self.resumed.state if self.resumed else 0
        counter = self.actor("count/counter")
        while step < goal:
            counter.tell(Add(n=1))
            total = await counter.ask(GetTotal(), timeout=30)
            step += 1
            await self.checkpoint(f"step {step}", step)
            self.progress(done=step, total=goal, note=f"the counter says {total.n}")
            await asyncio.sleep(1)
        return step


tree = Gateway(
    Monitor(
        "count",
        Child("counter", Counter, args={"start": 5}),
        Child("counting", Counting, args={"goal": 600}),
    ),
)
