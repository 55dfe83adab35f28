"""Four posts a day, each at its time, each once: through a browser that hangs, in a town that loses answers.

    wakeful run examples/timed_posting.py:tree     under a node, at 9, 12, 17 and 20 o'clock
    python examples/timed_posting.py --slots 8     the same work under plain cron, and as jobs of Wakeful's scheduler

A day is a minute here, with its four slots a quarter of it apart; a minute of work, or of waiting, is about a second.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from nights.browser import Browser, launch
from nights.slots import LIMIT_S, compare
from nights.visit import keywords, publish, published, read
from pydantic import BaseModel

from wakeful import Child, Gateway, Heartbeat, Job, ResourceLost, Session

PAGES, WINDOWS = 3, 2
TRIES = 4
WATCH = Heartbeat(every=0.5, timeout=1.5, progress=2.0, startup=20.0)
"""For real: `Heartbeat.preset("posting")`."""


class Slot(BaseModel):
    """How far the post is."""

    words: list[list[str]] = []


class Post(Session[Slot]):
    """Looks around, writes, looks at it in the browser, publishes once."""

    async def run(self, task: str, town: str) -> str:
        run = f"{task}/{self.run_id.rpartition('-')[2]}"  # whose post it is, and of which of its times
        slot = self.resumed.state if self.resumed else Slot()
        for page in range(len(slot.words), PAGES):
            slot.words.append(keywords(await read(town, page, run)))
            await self.checkpoint("looked around", slot)
        async with self.resource(
            "browser", open=launch, probe=Browser.ping, close=Browser.close, every=0.3, timeout=1.0
        ) as browser:
            for window in range(PAGES, PAGES + WINDOWS):
                for _ in range(TRIES):
                    try:
                        async with browser.use() as live:
                            await live.show(f"{town}/window/{window}?run={run}")
                        break
                    except ResourceLost:
                        continue  # it was killed and opened anew; the session goes on
                else:
                    raise RuntimeError(f"no browser survives window {window}")
        return await self.once("publish", publish, town, run, text(run, slot.words), verify=published)


async def bare(run: str, town: str) -> None:
    """The same work, as people write it before they have Wakeful."""
    words = [keywords(await read(town, page, run)) for page in range(PAGES)]
    browser = await launch()
    for window in range(PAGES, PAGES + WINDOWS):
        await browser.show(f"{town}/window/{window}?run={run}")
    await browser.close()
    publish(town, run, text(run, words))


def text(run: str, words: list[list[str]]) -> str:
    """What is published."""
    return f"{run}: {' '.join(sorted({word for page in words for word in page}))}"


def grow(town: str) -> Gateway:
    """The tree, with its four times a day."""
    return Gateway(
        agents=[Child("poster", Post, args={"town": town}, heartbeat=WATCH)],
        schedule=[Job("post", "0 9,12,17,20 * * *", "poster", task="of the day", misfire="run_once", timeout="15m")],
        timezone="UTC",
    )


def crowd(town: str, posters: tuple[str, ...]) -> Gateway:
    """The same for several posters, in days of a minute."""
    return Gateway(
        agents=[Child("poster", Post, args={"town": town}, heartbeat=WATCH)],
        schedule=[
            Job(poster, "0,15,30,45 * * * * *", "poster", task=poster, misfire="run_once", timeout=LIMIT_S)
            for poster in posters
        ],
        timezone="UTC",
    )


tree = grow("http://127.0.0.1:8000")


def main() -> int:
    """Play it; 0 if everything was posted once, in time, under Wakeful."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", nargs=2, metavar=("RUN", "TOWN"), help="one post, as a plain process")
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--posters", type=int, default=3)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--rate", type=float, default=0.15)
    given = parser.parse_args()
    if given.alone:
        asyncio.run(bare(*given.alone))
        return 0
    how = {"pages": PAGES + WINDOWS, "slots": given.slots, "posters": given.posters}
    told = compare(__file__, crowd, seed=given.seed, rate=given.rate, **how)
    _, posted = asyncio.run(told)
    return 0 if posted.kept else 1


if __name__ == "__main__":
    sys.exit(main())
