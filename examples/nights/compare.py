"""The same agent, from the same seed, alone and under Wakeful."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nights.town import Town
from wakeful import Gateway
from wakeful.errors import NodeError
from wakeful_runtime import Node
from wakeful_runtime.clients.asyncclient import AsyncClient

AT_ONCE = 6

BEGINS_S = 60.0
"""How long a busy machine may take to start a process."""


@dataclass
class Figures:
    """What came of so many runs.

    Attributes:
        restarts: lives after the first ones.
        twice: runs that published, or drafted, something more than once.
        untold: runs that are not done, and nobody was told why.
    """

    name: str
    runs: int
    done: int = 0
    restarts: int = 0
    twice: int = 0
    untold: int = 0
    whys: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        share = f"{self.done} of {self.runs} done ({self.done / max(1, self.runs):.0%})"
        return (
            f"{self.name:13} {share:24} restarts {self.restarts:3}   posted twice {self.twice}   "
            f"failed in silence {self.untold}"
        )


def names(runs: int, who: str) -> list[str]:
    """The runs, the same for everybody but for who tries them."""
    return [f"run{number}@{who}" for number in range(runs)]


async def alone(script: str, town: Town, runs: int, limit: float) -> Figures:
    """Each run a plain process under a plain loop. In the morning it is found: nothing of it for `limit` seconds."""
    figures, gate = Figures("alone", runs), asyncio.Semaphore(AT_ONCE)

    async def one(run: str) -> None:
        async with gate:
            process = await asyncio.create_subprocess_exec(
                sys.executable, script, "--alone", run, town.url, stderr=subprocess.DEVNULL
            )
            waited = asyncio.create_task(process.wait())
            begins = time.monotonic() + BEGINS_S
            while not waited.done() and time.monotonic() - town.heard.get(run, begins) < limit:
                await asyncio.wait({waited}, timeout=0.2)
            if not waited.done():
                process.kill()
            done = await waited == 0
        figures.done += done
        figures.untold += not done
        figures.twice += town.twice(run)

    await asyncio.gather(*[one(run) for run in names(runs, "alone")])
    return figures


async def under_wakeful(tree: Callable[[str], Gateway], town: Town, runs: int, limit: float) -> Figures:
    """Each run a session of a node."""
    figures, gate = Figures("with Wakeful", runs), asyncio.Semaphore(AT_ONCE)
    async with Node(tree(town.url)) as node:

        async def one(run: str) -> None:
            async with gate:
                label = run.replace("@", "-")
                key = (await node.sessions_spawn(task=run, label=label)).key
                told = await _outcome(node, key, limit)
            figures.done += told.get("outcome") == "ok"
            if told.get("outcome") != "ok":
                why = str(told.get("why") or "")
                figures.whys.append(f"{run}: {told.get('status')} {told.get('outcome')} {why}")
                figures.untold += not why
            lives = int((await node.session_status(key)).get("lives") or 1)
            figures.restarts += lives - 1
            figures.twice += town.twice(run)

        await asyncio.gather(*[one(run) for run in names(runs, "wakeful")])
    return figures


async def _outcome(node: AsyncClient, key: str, limit: float) -> dict[str, object]:
    until = time.monotonic() + limit
    told: dict[str, object] = {}
    while time.monotonic() < until:
        try:
            told = await node.sessions_result(key, timeout_seconds=min(5.0, max(0.1, until - time.monotonic())))
        except NodeError:
            await asyncio.sleep(0.2)
            continue
        if told.get("outcome"):
            break
    return told


async def compare(
    script: str, tree: Callable[[str], Gateway], *, seed: int, rate: float, pages: int, runs: int, limit: float
) -> list[Figures]:
    """Both, one after the other, in one town; printed as they come."""
    with Town(seed, rate, pages) as town:
        print(f"{runs} runs, something happens to {rate:.0%} of them, seed {seed}", flush=True)
        found: list[Figures] = []
        for played in (alone(script, town, runs, limit), under_wakeful(tree, town, runs, 6 * limit)):
            figures = await played
            print(figures, *figures.whys, sep="\n", flush=True)
            found.append(figures)
    return found
