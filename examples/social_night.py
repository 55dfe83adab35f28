"""An engagement agent's night: fifty topics, a draft for each, queued before an editor for the morning.

    wakeful run examples/social_night.py:tree     under a node
    python examples/social_night.py --runs 20     the same agent alone and under Wakeful, from the same seed

The night of eight hours takes some seconds here, so the heartbeats are a thousand times closer than they would be.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from nights.compare import compare
from nights.visit import draft, drafted, keywords, read
from pydantic import BaseModel

from wakeful import Child, Gateway, Heartbeat, Session

TOPICS = 50
WATCH = Heartbeat(every=0.5, timeout=1.5, progress=2.0, startup=20.0)
"""For a real night: `Heartbeat.preset("social_monitoring")`."""


class Night(BaseModel):
    """How far the night is."""

    queued: list[str] = []


class Engage(Session[Night]):
    """Reads what people say of each topic, writes a draft, queues it; nothing is published without an editor."""

    async def run(self, task: str, town: str) -> int:
        night = self.resumed.state if self.resumed else Night()
        for topic in range(len(night.queued), TOPICS):
            words = keywords(await read(town, topic, task))
            text = f"on topic {topic}: {', '.join(words)}"
            await self.once(f"draft {topic}", draft, town, task, text, verify=drafted)
            night.queued.append(text)
            await self.checkpoint("queued", night)
            self.progress(done=topic + 1, total=TOPICS)
        return len(night.queued)

    async def postcondition(self, result: int) -> bool | str:
        return result == TOPICS or f"{result} of {TOPICS} topics"


def grow(town: str) -> Gateway:
    """The tree of a night."""
    agent = Child("engage", Engage, args={"town": town}, heartbeat=WATCH, run_timeout="8h")
    return Gateway(agents=[agent], max_running=20)


tree = grow("http://127.0.0.1:8000")


def main() -> int:
    """Play it; 0 if everything was done under Wakeful."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", nargs=2, metavar=("RUN", "TOWN"), help="one run, as a plain process")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.3)
    given = parser.parse_args()
    if given.alone:
        asyncio.run(Engage().run(*given.alone))  # outside of a node it only logs
        return 0
    told = compare(__file__, grow, seed=given.seed, rate=given.rate, pages=TOPICS, runs=given.runs, limit=10.0)
    _, figures = asyncio.run(told)
    return 0 if figures.done == figures.runs and not figures.untold else 1


if __name__ == "__main__":
    sys.exit(main())
