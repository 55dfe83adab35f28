"""What must not change while parts of a node die: who is healthy, and what was acknowledged."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.system.node.people import Steps

from wakeful import Session


class Bookkeeper(Session[Steps]):
    """Counts on; writes each number to `book` once its checkpoint is acknowledged: no number may come twice."""

    async def run(self, task: str, book: str, pause: float = 0.02) -> None:
        state = self.resumed.state if self.resumed else Steps()
        while True:
            await asyncio.sleep(pause)
            state = Steps(done=state.done + 1)
            await self.checkpoint("counted", state)
            note(Path(book), f"{state.done} {self.incarnation}")


def note(book: Path, line: str) -> None:
    with book.open("a") as file:
        file.write(f"{line}\n")
