"""Sessions the web's tests start; imported by the node's processes as a user's module would be."""

from __future__ import annotations

import asyncio

from wakeful import Session


class Busy(Session[int]):
    """Fills the journal: a checkpoint every few milliseconds, without end."""

    async def run(self, task: str = "", pause: float = 0.02) -> int:
        step = 0
        while True:
            step += 1
            await self.checkpoint(f"step {step}", step)
            await asyncio.sleep(pause)


class Quick(Session[None]):
    """Over at once."""

    async def run(self, task: str) -> dict[str, str]:
        return {"task": task}
