"""Actors and sessions the host's tests run, each with one way to behave."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from typing import Any

from wakeful.actor import Actor
from wakeful.blocking import BlockingSession
from wakeful.errors import Fatal, Refused, RetryAfter, Stopped
from wakeful.exits import ExitReason
from wakeful.handlers import handler
from wakeful.message import Message, Request
from wakeful.session import Session


class Add(Message):
    n: int


class GetTotal(Request[int]):
    pass


class Break(Request[int]):
    text: str


class Hang(Message):
    pass


class No(Request[int]):
    pass


class Slow(Request[int]):
    pass


class Counter(Actor):
    def __init__(self, *, start: int = 0) -> None:
        self.n = start

    @handler
    async def add(self, message: Add) -> None:
        self.n += message.n

    @handler
    def total(self, message: GetTotal) -> int:
        return self.n

    @handler
    async def broken(self, message: Break) -> int:
        raise ValueError(message.text)

    @handler
    async def refuse(self, message: No) -> int:
        raise Refused("not today")

    @handler
    async def hang(self, message: Hang) -> None:
        await asyncio.Event().wait()

    @handler
    async def slow(self, message: Slow) -> int:
        await asyncio.sleep(0.5)
        return 7

    async def on_stop(self, reason: ExitReason) -> None:
        await self.checkpoint("stopped", {"n": self.n, "why": reason.kind})


class Quick(Session[Any]):
    async def run(self, task: str) -> str:
        await self.checkpoint("half", {"task": task})
        self.progress(1, 2, "half")
        return task.upper()


class Unmet(Quick):
    async def postcondition(self, result: Any) -> bool | str:
        return "half of it is missing"


class Waits(Session[Any]):
    n = 0

    async def run(self, task: str) -> None:
        try:
            await self.waits_here()
        finally:
            await self.checkpoint("cleaned", task)

    async def waits_here(self) -> None:
        await asyncio.Event().wait()

    async def on_stop(self, reason: ExitReason) -> None:
        await self.checkpoint("on_stop", reason.kind)

    @handler
    async def add(self, message: Add) -> None:
        self.n += message.n

    @handler
    async def total(self, message: GetTotal) -> int:
        return self.n

    @handler
    async def broken(self, message: Break) -> int:
        raise ValueError(message.text)


class Raises(Session[Any]):
    async def run(self, task: str) -> None:
        match task:
            case "fatal":
                raise Fatal("the password was revoked")
            case "retry":
                raise RetryAfter("15m", "asked to slow down")
            case "exit":
                sys.exit(3)
            case "cancelled":
                raise asyncio.CancelledError
            case _:
                raise ValueError(task)


class StartFails(Session[Any]):
    async def on_start(self) -> None:
        raise OSError("no such browser")

    async def run(self, task: str) -> None: ...


class SlowStart(Session[Any]):
    async def on_start(self) -> None:
        await asyncio.Event().wait()

    async def run(self, task: str) -> None: ...


class Deaf(Session[Any]):
    async def run(self, task: str) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


class BlocksLoop(Session[Any]):
    async def run(self, task: str) -> None:
        await asyncio.sleep(0)
        while True:
            time.sleep(0.01)  # noqa: ASYNC251 - this is the mistake


class HoldsGil(Session[Any]):
    async def run(self, task: str) -> None:
        await asyncio.sleep(0.2)
        re.match(r"(a+)+$", "a" * 64 + "b")


class Leases(Session[Any]):
    async def run(self, task: str) -> None:
        with self.lease(60, "a long C call", blocking=True):
            re.match(r"(a+)+$", "a" * 64 + "b")


class Fenced(Session[Any]):
    async def run(self, task: str) -> None:
        try:
            await self.checkpoint("fenced")
        finally:
            print("user code ran after the fence", flush=True)


class Spends(Session[Any]):
    async def run(self, task: str) -> None:
        try:
            await self.spend(tokens=60)
            await self.spend(tokens=60)
        finally:
            await self.checkpoint("spent")


class ReadsMail(Session[Any]):
    async def run(self, task: str) -> str:
        async for mail in self.inbox:
            await mail.reply(mail.text.upper())
            if mail.text == "end":
                break
        return "read"


class LeavesThread(Session[Any]):
    async def run(self, task: str) -> None:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
        await asyncio.sleep(0.05)


class Blocking(BlockingSession[Any]):
    def run(self, task: str) -> str:
        got: list[int] = []
        signal.signal(signal.SIGUSR2, lambda number, _: got.append(number))
        signal.raise_signal(signal.SIGUSR2)
        assert asyncio.run(self._inner()) == "ran"
        assert subprocess.run(["true"], check=True).returncode == 0
        self.checkpoint("half", {"got": got})
        self.progress(1, 1)
        return f"{task} {got == [signal.SIGUSR2]}"

    async def _inner(self) -> str:
        return "ran"


class BlockingWaits(BlockingSession[Any]):
    def run(self, task: str) -> None:
        try:
            if task == "inbox":
                for _ in self.inbox:
                    pass
            while True:
                time.sleep(0.01)
                self.progress(note="here")
        except Stopped:
            self.checkpoint("cleaned")
            raise

    def on_stop(self, reason: ExitReason) -> None:
        self.checkpoint("on_stop", reason.kind)

    @handler
    def total(self, message: GetTotal) -> int:
        return 42


class BlockingRaises(BlockingSession[Any]):
    def run(self, task: str) -> None:
        raise ValueError(task)
