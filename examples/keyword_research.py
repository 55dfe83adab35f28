"""A night of keyword research: a hundred pages a run, ranked into a report, in a town where things go wrong.

    wakeful run examples/keyword_research.py:tree     under a node
    python examples/keyword_research.py --runs 20     the same agent alone and under Wakeful, from the same seed

An hour takes about a second here, so the heartbeats are a thousand times closer than they would be.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter

from nights.compare import compare
from nights.visit import keywords, read
from pydantic import BaseModel

from wakeful import Child, Gateway, Heartbeat, Session

PAGES = 100
WATCH = Heartbeat(every=0.5, timeout=1.5, progress=2.0, startup=20.0)
"""For a night of eight hours: `Heartbeat.preset("research")`."""


class Notes(BaseModel):
    """What is known so far."""

    words: dict[int, list[str]] = {}


class Research(Session[Notes]):
    """Reads all pages, ranks their words."""

    async def run(self, task: str, town: str) -> list[str]:
        notes = self.resumed.state if self.resumed else Notes()
        for page in range(PAGES):
            if page in notes.words:
                continue
            notes.words[page] = keywords(await read(town, page, task))
            if page % 5 == 0:
                await self.checkpoint("read", notes)
            self.progress(done=page + 1, total=PAGES)
        ranked = Counter(word for words in notes.words.values() for word in words)
        return [word for word, _ in ranked.most_common(5)]

    async def postcondition(self, result: list[str]) -> bool | str:
        return len(result) == 5 or f"only {len(result)} keywords"


def grow(town: str) -> Gateway:
    """The tree of a night."""
    return Gateway(agents=[Child("researcher", Research, args={"town": town}, heartbeat=WATCH)], max_running=20)


tree = grow("http://127.0.0.1:8000")


def main() -> int:
    """Play it; 0 if everything was done under Wakeful."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", nargs=2, metavar=("RUN", "TOWN"), help="one run, as a plain process")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.3)
    given = parser.parse_args()
    if given.alone:
        asyncio.run(Research().run(*given.alone))  # outside of a node it only logs
        return 0
    told = compare(__file__, grow, seed=given.seed, rate=given.rate, pages=PAGES, runs=given.runs, limit=10.0)
    _, figures = asyncio.run(told)
    return 0 if figures.done == figures.runs else 1


if __name__ == "__main__":
    sys.exit(main())
