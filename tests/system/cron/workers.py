"""Sessions that jobs start in tests; children import them as a user's module."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from wakeful import Session


class Quick(Session[None]):
    """Says when it began."""

    async def run(self, task: str) -> float:
        return time.time()


class Slow(Session[None]):
    """Goes on until it is stopped."""

    async def run(self, task: str) -> None:
        await asyncio.sleep(3600)


class Broken(Session[None]):
    """Fails at once; nothing is tried again."""

    async def run(self, task: str) -> None:
        raise ValueError(task)


class Ledger(Session[None]):
    """Writes down in a file when its work began."""

    async def run(self, task: str) -> None:
        note(Path(task), str(time.time()))


class Signed(Session[None]):
    """Signs with its run's id in a file of the test's."""

    async def run(self, task: str) -> None:
        note(Path(task), self.run_id)


def note(file: Path, line: str) -> None:
    """A line in a file of the test's."""
    with file.open("a") as out:
        out.write(f"{line}\n")
