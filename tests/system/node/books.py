"""What must not change while parts of a node die: who is healthy, and what was acknowledged."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from tests.system.node.people import Steps

from wakeful import Fatal, Session


class Bookkeeper(Session[Steps]):
    """Counts on; writes each number to `book` once its checkpoint is acknowledged: no number may come twice."""

    async def run(self, task: str, book: str, pause: float = 0.02) -> None:
        state = self.resumed.state if self.resumed else Steps()
        while True:
            await asyncio.sleep(pause)
            state = Steps(done=state.done + 1)
            await self.checkpoint("counted", state)
            note(Path(book), f"{state.done} {self.incarnation}")


def look(flag: Path) -> None:
    if not flag.exists():
        raise Fatal("nobody has raised the flag")


def note(book: Path, line: str) -> None:
    with book.open("a") as file:
        file.write(f"{line}\n")


class Waits(Session[None]):
    """Needs a person first: there is no `flag`. Then it writes down its life and waits."""

    async def run(self, task: str, flag: str) -> None:
        look(Path(flag))
        note(Path(flag), f"{self.incarnation}")
        await self.checkpoint("raised", None)
        await asyncio.sleep(3600)


class Lingers(Session[None]):
    """Returns 7, and its process stays for as long as the runtime lets it."""

    async def run(self, task: str) -> int:
        threading.Thread(target=time.sleep, args=(60,), name="user's own").start()
        return 7
