"""Sessions that are started on demand; imported by the node's processes as a user's module would be."""

from __future__ import annotations

import asyncio
from typing import Any

from wakeful import Session


class Patient(Session[dict[str, str]]):
    """Waits to be told to end; makes one checkpoint first."""

    async def run(self, task: str) -> str:
        await self.checkpoint("began", {"task": task})
        await asyncio.Event().wait()
        return task


class Quick(Session[None]):
    async def run(self, task: str, pause: float = 0.0) -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"task": task, "run_id": self.run_id}
