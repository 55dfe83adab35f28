"""Four posts a day, each at its time, each once: through a browser that hangs, in a town that loses answers.

    wakeful run examples/timed_posting.py:tree     under a node, at 9, 12, 17 and 20 o'clock
    python examples/timed_posting.py --runs 20     the same agent alone and under Wakeful, from the same seed

A quarter of an hour, the time a post may take, is some seconds here.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys

from nights.browser import Browser, launch
from nights.compare import compare
from nights.visit import keywords, publish, published, read
from pydantic import BaseModel

from wakeful import Child, Gateway, Heartbeat, Job, ResourceLost, Session

PAGES = 4
WATCH = Heartbeat(every=0.5, timeout=1.5, progress=4.0, startup=20.0)
"""For real: `Heartbeat.preset("posting")`."""


class Slot(BaseModel):
    """How far the post is."""

    words: list[str] = []


class Post(Session[Slot]):
    """Looks around, writes, looks at it in the browser, publishes once."""

    async def run(self, task: str, town: str) -> str:
        slot = self.resumed.state if self.resumed else Slot()
        for page in range(PAGES):
            slot.words += keywords(await read(town, page, task))
        await self.checkpoint("looked around", slot)
        text = f"{task}: {' '.join(sorted(set(slot.words)))}"
        hangs = random.Random(task.partition("@")[0]).random() < 0.3

        async def opened() -> Browser:
            nonlocal hangs
            browser, hangs = await launch(2 if hangs else 0), False  # the next one is a new one
            return browser

        async with self.resource(
            "browser", open=opened, probe=Browser.ping, close=Browser.close, every=0.3, timeout=0.7
        ) as browser:
            for _ in range(3):
                try:
                    async with browser.use() as window:
                        await window.show(text)
                        await window.show("and again")
                    break
                except ResourceLost:
                    continue  # it was killed and opened anew; the session goes on
        return await self.once("publish", publish, town, task, text, verify=published)


def grow(town: str) -> Gateway:
    """The tree, with its four times a day."""
    return Gateway(
        agents=[Child("poster", Post, args={"town": town}, heartbeat=WATCH)],
        schedule=[Job("post", "0 9,12,17,20 * * *", "poster", task="of the day", misfire="run_once", timeout="15m")],
        max_running=20,
        timezone="UTC",
    )


tree = grow("http://127.0.0.1:8000")


def main() -> int:
    """Play it; 0 if everything was posted once under Wakeful."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", nargs=2, metavar=("RUN", "TOWN"), help="one run, as a plain process")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.15)
    given = parser.parse_args()
    if given.alone:
        asyncio.run(Post().run(*given.alone))  # outside of a node it only logs
        return 0
    told = compare(__file__, grow, seed=given.seed, rate=given.rate, pages=PAGES, runs=given.runs, limit=10.0)
    _, figures = asyncio.run(told)
    return 0 if figures.done == figures.runs and not figures.twice and not figures.untold else 1


if __name__ == "__main__":
    sys.exit(main())
