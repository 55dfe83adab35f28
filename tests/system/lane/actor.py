"""A life in a process of its own: python -m tests.system.lane.actor DIR PATH INCARNATION; says "ready" when it is."""

from __future__ import annotations

import asyncio
import sys
import time

from tests.system.lane import words
from tests.system.lane.tables import handlers

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.mailbox import Mailbox


async def live(root: str, path: str, incarnation: int) -> None:
    """Serve until killed."""
    total = 0

    async def add(message: words.Add) -> None:
        nonlocal total
        total += message.n

    def get_total(_: words.GetTotal) -> words.Total:
        return words.Total(n=total)

    async def echo(message: words.Echo) -> str:
        return message.text

    async def sleep(message: words.Sleep) -> int:
        await asyncio.sleep(message.seconds)
        return 1

    def block(message: words.Block) -> int:
        time.sleep(message.seconds)
        return 1

    mailbox = Mailbox(NodeDirectory(root), path, incarnation)
    await mailbox.open()
    mailbox.serve(
        handlers(
            (words.Add, add),
            (words.GetTotal, get_total),
            (words.Echo, echo),
            (words.Sleep, sleep),
            (words.Block, block),
            (words.Who, lambda _: incarnation),
        )
    )
    print("ready", flush=True)
    await mailbox.pump()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], sys.argv[2], int(sys.argv[3])))
