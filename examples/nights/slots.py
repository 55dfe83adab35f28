"""The same posts at the same slots: a bare agent under a plain cron loop, and jobs of a node's own scheduler."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nights.town import Town
from wakeful import Gateway
from wakeful_runtime import Node
from wakeful_runtime.clients.asyncclient import AsyncClient

GAP_S = 15.0
"""Four slots a day, and a day is a minute."""

LIMIT_S = 12.0
"""The quarter of an hour within which a post must be out."""

ROOM_S = 2.0
"""Before the first slot, and after the last one."""


@dataclass(frozen=True)
class Calendar:
    """So many slots a poster, from `opens` (wall time) on."""

    opens: float
    slots: int
    posters: tuple[str, ...]

    @classmethod
    def soon(cls, slots: int, posters: tuple[str, ...]) -> Calendar:
        """From the next slot on for which there is room."""
        return cls(((time.time() + ROOM_S) // GAP_S + 1) * GAP_S, slots, posters)

    def at(self, slot: int) -> float:
        """When it is due, wall time."""
        return self.opens + slot * GAP_S

    def run(self, poster: str, slot: int) -> str:
        """The name of a run, the same whoever makes it up."""
        return f"{poster}/{stamp(self.at(slot))}"

    def place(self, run: str) -> str:
        """What doesn't depend on when the calendar opened: troubles are drawn from that."""
        poster, _, when = run.partition("/")
        at = datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        return f"{poster}/{round((at - self.opens) / GAP_S)}"


def stamp(at: float) -> str:
    """As it stands at the end of the id of a job's run."""
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}"


@dataclass
class Posted:
    """What came of the slots.

    Attributes:
        twice: slots whose post is out more than once.
        fired: slots that the schedule started exactly once.
        untold: slots without a post in time of which nobody was told why.
    """

    name: str
    slots: int
    fired: int = 0
    in_time: int = 0
    twice: int = 0
    untold: int = 0
    slowest: float = 0.0
    restarts: int = 0
    whys: list[str] = field(default_factory=list[str])

    @property
    def kept(self) -> bool:
        """Whether all of it was done once, in time."""
        return self.in_time == self.fired == self.slots and not self.twice and not self.untold

    def __str__(self) -> str:
        share = f"{self.in_time} of {self.slots} posted in time ({self.in_time / max(1, self.slots):.0%})"
        return (
            f"{self.name:13} {share:34} started once {self.fired:3}   restarts {self.restarts:3}   "
            f"posted twice {self.twice}   failed in silence {self.untold}   slowest {self.slowest:.1f} s"
        )


async def alone(script: str, town: Town, calendar: Calendar) -> Posted:
    """Cron: a process a slot, ended after the quarter of an hour; nobody looks at it before the morning."""

    async def one(poster: str, slot: int) -> None:
        await asyncio.sleep(max(0.0, calendar.at(slot) - time.time()))
        run = calendar.run(poster, slot)
        command = [sys.executable, script, "--alone", run, town.url]
        process = await asyncio.create_subprocess_exec(*command, stderr=DEVNULL, start_new_session=True)
        try:
            async with asyncio.timeout(calendar.at(slot) + LIMIT_S - time.time()):
                await process.wait()
        except TimeoutError:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # with its browser
            await process.wait()

    slots = [(poster, slot) for slot in range(calendar.slots) for poster in calendar.posters]
    await asyncio.gather(*[one(poster, slot) for poster, slot in slots])
    return counted("alone", town, calendar, [{"run": calendar.run(*each), "outcome": None} for each in slots])


async def under_wakeful(node: AsyncClient, town: Town, calendar: Calendar) -> Posted:
    """The jobs of the node's tree, started by its scheduler."""
    await asyncio.sleep(calendar.at(calendar.slots - 1) + ROOM_S - time.time())
    rows = await _settled(node, calendar)
    restarts = sum(row.get("restarts") or 0 for row in await node.sessions_list(limit=10_000))
    figures = counted("with Wakeful", town, calendar, rows)
    figures.restarts = restarts
    return figures


async def _settled(node: AsyncClient, calendar: Calendar) -> list[dict[str, Any]]:
    """What the node says of each of the calendar's times, once all of them are over, or a little later."""
    until = time.time() + LIMIT_S + ROOM_S
    while True:
        told = await node.cron("runs", limit=10_000)
        rows = [{**row, "run": f"{row['job']}/{row['id'].rpartition('-')[2]}"} for row in told]
        rows = [row for row in rows if 0 <= int(calendar.place(row["run"]).partition("/")[2]) < calendar.slots]
        over = len(rows) >= calendar.slots * len(calendar.posters) and all(row["outcome"] for row in rows)
        if over or time.time() > until:
            return rows
        await asyncio.sleep(0.2)


def counted(name: str, town: Town, calendar: Calendar, rows: list[dict[str, Any]]) -> Posted:
    """What is really out there, against the calendar; `rows` say what was started, and why nothing came of it."""
    figures = Posted(name, calendar.slots * len(calendar.posters))
    for poster in calendar.posters:
        for slot in range(calendar.slots):
            run = calendar.run(poster, slot)
            posts = [at - calendar.at(slot) for at, _ in town.posts.get(run, [])]
            started = [row for row in rows if row["run"] == run]
            figures.fired += len(started) == 1
            figures.twice += len(posts) > 1
            if posts and posts[0] <= LIMIT_S:
                figures.in_time += 1
                figures.slowest = max(figures.slowest, posts[0])
                continue
            whys = [f"{row['outcome']}: {row['why']}" for row in started if row["outcome"] and row.get("why")]
            figures.untold += not whys
            figures.whys += [f"{calendar.place(run)}: {why}" for why in whys]
    return figures


async def compare(
    script: str,
    tree: Callable[[str, tuple[str, ...]], Gateway],
    *,
    seed: int,
    rate: float,
    pages: int,
    slots: int,
    posters: int,
) -> list[Posted]:
    """Both, side by side in two towns from the same seed; printed."""
    print(f"{slots} slots of {posters} posters; {rate:.0%} of the posts meet trouble, seed {seed}", flush=True)
    who = tuple(f"poster{number}" for number in range(posters))
    with Town(seed, rate, pages) as theirs, Town(seed, rate, pages) as ours:
        async with Node(tree(ours.url, who)) as node:
            calendar = Calendar.soon(slots, who)
            theirs.same = ours.same = calendar.place
            found = list(await asyncio.gather(alone(script, theirs, calendar), under_wakeful(node, ours, calendar)))
    for figures in found:
        print(figures, *figures.whys, sep="\n", flush=True)
    return found
