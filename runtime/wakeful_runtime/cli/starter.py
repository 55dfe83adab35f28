"""What `wakeful init` writes."""

from __future__ import annotations

STARTER = '''"""Agents that are kept alive: `wakeful check agents.py:tree`, then `wakeful run agents.py:tree`."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from wakeful import Child, Gateway, Heartbeat, Monitor, Session


class Notes(BaseModel):
    """What the agent remembers: any type pydantic knows. Give every field a default."""

    done: dict[str, str] = {}


class Reader(Session[Notes]):
    """One long job. When its process dies or hangs, the next life goes on after the last checkpoint."""

    async def run(self, task: str) -> Notes:
        notes = self.resumed.state if self.resumed and self.resumed.state else Notes()
        pages = [f"{task}, page {number}" for number in range(1, 61)]
        for number, page in enumerate(pages, 1):
            if page in notes.done:
                continue
            # A lease is a promise: silence is fine for 60 s; if this takes longer, the life is ended and resumed.
            with self.lease(60, page):
                notes.done[page] = await read(page)
            await self.checkpoint(f"page-{number}", notes)  # on disk when it returns
            self.progress(number, len(pages))
        return notes  # the result: `wakeful why papers`, `node.result(...)`


async def read(page: str) -> str:
    """Replace this by what your agent does: a model call, a page, a tool."""
    await asyncio.sleep(1)
    return f"read {page}"


tree = Gateway(
    # A monitor watches its children: a dead one is seen at once, a hung one within `every + timeout`.
    Monitor(
        "readers",
        Child(
            "papers",
            Reader,
            task="actor systems",
            heartbeat=Heartbeat(every="10s", timeout="10s", progress="10m"),
            # run_timeout="4h",           # over all its lives
            # restart="permanent",        # begin a new run when one is done; default: "transient"
        ),
        # Any program in any language is a child too (from wakeful import Command):
        # Child("crawler", Command("node", "agent.js", alive="notify"), task="actor systems"),
        failures_in_a_row=3,  # the third failure without progress waits for you: `wakeful review`
    ),
    # What `wakeful spawn --agent reader --task "…"` and schedules may start:
    agents=[Child("reader", Reader)],
    # schedule=[Job("nightly", "0 3 * * *", "reader", task="the day's papers")],   # from wakeful import Job
    # alerts=["env:ALERT_URL"],   # told when something waits for a person
)
'''
