"""Sessions the scenes play with; imported by the node's processes as a user's module would be."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from typing import Any

from pydantic import BaseModel

from wakeful import BlockingSession, Message, Session


class Steps(BaseModel):
    done: int = 0


def leave_family() -> None:
    """Three grandchildren that are hard to find: a session of its own, forked twice, without environment."""
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen(["sleep", "3600"], start_new_session=True, **quiet)
    twice = ["/bin/sh", "-c", "(exec sleep 3600) & exit"]
    subprocess.run(twice, start_new_session=True, check=True, **quiet)
    subprocess.run(["/usr/bin/env", "-i", *twice], start_new_session=True, check=True, **quiet)


class Walk(Session[Steps]):
    """A step every `pause` seconds, a checkpoint after each; with `family`, grandchildren are left about."""

    async def run(self, task: str, pause: float = 0.05, family: bool = False) -> None:
        state = self.resumed.state if self.resumed else Steps()
        if family:
            leave_family()
        while True:
            await asyncio.sleep(pause)  # where it rests
            state = Steps(done=state.done + 1)
            await self.checkpoint("step", state)
            self.progress(done=state.done)


class Parcel(Message):
    number: int


class Sends(Session[Steps]):
    """As `Walk`, with a durable message in place of the checkpoint."""

    async def run(self, task: str, to: str, pause: float = 0.05) -> None:
        number = 0
        while True:
            await asyncio.sleep(pause)
            number += 1
            await self.actor(to).tell(Parcel(number=number), durable=True)
            self.progress(done=number)


class Strides(BlockingSession[Steps]):
    """As `Walk`, in plain code."""

    def run(self, task: str, pause: float = 0.05, family: bool = False) -> None:
        state = self.resumed.state if self.resumed else Steps()
        if family:
            leave_family()
        while True:
            time.sleep(pause)
            state = Steps(done=state.done + 1)
            self.checkpoint("step", state)
            self.progress(done=state.done)


class StallsWhenResumed(Session[Steps]):
    """Its first life makes a checkpoint; every later one comes up and gets nowhere."""

    async def run(self, task: str) -> None:
        if self.resumed is None:
            await self.checkpoint("step", Steps(done=1))
        with self.lease(600, "wait for nothing"):
            await asyncio.sleep(600)


class Ticks(Session[Any]):
    """A timer, log lines and a thread that works are its only signs of life."""

    async def run(self, task: str) -> None:
        await self.checkpoint("began")
        threading.Thread(target=self.chatter, daemon=True).start()
        ticking = asyncio.create_task(self.tick())
        await asyncio.Event().wait()
        ticking.cancel()

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            self.log.info("still here")

    def chatter(self) -> None:
        while True:
            time.sleep(0.05)
            print("still here", flush=True)


class Silent(Session[Any]):
    """One silent call under a lease, longer than any limit of its heartbeat."""

    async def run(self, task: str, seconds: float) -> str:
        with self.lease(seconds + 30, "a slow tool"):
            await asyncio.sleep(seconds)
        return "done"


class WaitsForStore(Session[Any]):
    """As a session whose answer of the store got lost for good would."""

    async def run(self, task: str) -> None:
        await self.checkpoint("began")
        with self.life.waiting("store"):
            await asyncio.Event().wait()


class WaitsForMail(Session[Any]):
    async def run(self, task: str) -> str:
        async for mail in self.inbox:
            return mail.text
        return ""


class Parent(Session[Any]):
    """Waits for a child that takes its time."""

    async def run(self, task: str, seconds: float) -> str:
        child = await self.spawn(Silent, "be silent", seconds)
        return str(await child.result())


class WaitsForResource(Session[Any]):
    """A resource that takes its time to open."""

    async def run(self, task: str, seconds: float) -> str:
        async def launch() -> str:
            await asyncio.sleep(seconds)
            return "open"

        async def probe(_: str) -> None: ...

        async def shut(_: str) -> None: ...

        resource = self.resource("slow", open=launch, probe=probe, close=shut, every=60, timeout=30)
        async with resource as slow, slow.use() as found:
            return found


class Computes(BlockingSession[Any]):
    """Pure Python, never a call of Wakeful's."""

    def run(self, task: str, seconds: float) -> int:
        until, rounds = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            rounds += 1
        return rounds
