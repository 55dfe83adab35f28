"""A research session that works through the night: `wakeful run examples/overnight.py:tree`.

It reads documents, remembers the terms of each, ranks them at the end and writes one report. Kill it, block it, pull
the plug: the next life goes on after the last document that was read, and the report is written once.

The documents are the sources of Python's own library, so that it runs without a network; put your own URLs in
`sources()`.
"""

from __future__ import annotations

import asyncio
import math
import re
import sysconfig
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

from pydantic import BaseModel

from wakeful import Child, ExitReason, Gateway, Heartbeat, Job, Monitor, Session

Counts = dict[str, int]


class Notes(BaseModel):
    """What the session remembers."""

    done: dict[str, Counts] = {}
    failed: dict[str, str] = {}


def sources() -> list[str]:
    """What to read."""
    return [file.as_uri() for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:120]]


def fetch(url: str) -> str:
    """A document's text."""
    with urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
    return body.decode("utf-8", "replace")


def terms(text: str) -> Counts:
    """The 60 most frequent words of a text."""
    return dict(Counter(re.findall(r"[a-z]{5,}", text.lower())).most_common(60))


def rank(documents: dict[str, Counts]) -> dict[str, list[str]]:
    """The five best keywords of each document: term frequency × inverse document frequency."""
    spread = Counter(word for counts in documents.values() for word in counts)
    ranked: dict[str, list[str]] = {}
    for url, counts in documents.items():
        score = {word: count * math.log(1 + len(documents) / spread[word]) for word, count in counts.items()}
        ranked[url] = sorted(score, key=lambda word: (-score[word], word))[:5]
    return ranked


def publish(report: str, keywords: dict[str, list[str]]) -> str:
    """Write the report; where it is."""
    draft = Path(f"{report}.draft")
    draft.write_text("\n".join(f"{url}: {', '.join(words)}" for url, words in sorted(keywords.items())))
    draft.replace(report)  # whole or not at all, so that `published` can tell
    return report


def published(report: str, keywords: dict[str, list[str]]) -> str | None:
    """Asked when a life ended while it was publishing: did it happen?"""
    return report if Path(report).exists() else None


class Research(Session[Notes]):
    """Reads, remembers, ranks, publishes."""

    async def run(self, task: str) -> Notes:
        notes = self.resumed.state if self.resumed else Notes()
        urls = sources()
        for url in urls:
            if url in notes.done or url in notes.failed:
                continue
            try:
                with self.lease(60, f"fetch {url}"):  # silence is fine for 60 s; after that the life is ended
                    async with asyncio.timeout(50):  # to give up on this page alone
                        notes.done[url] = terms(await asyncio.to_thread(fetch, url))
            except (TimeoutError, OSError) as error:
                notes.failed[url] = repr(error)
            await self.checkpoint("read", notes)  # durable when it returns
            self.progress(done=len(notes.done) + len(notes.failed), total=len(urls))
            await asyncio.sleep(0.2)  # be kind to whoever serves them
        report = str(self.directory / f"{task}.txt")
        await self.once("publish", publish, report, rank(notes.done), verify=published)  # once, whatever is killed
        self.log.info("published", report=report, read=len(notes.done), failed=len(notes.failed))
        return notes

    async def on_stop(self, reason: ExitReason) -> None:
        self.log.info("stopping", why=str(reason))


tree = Gateway(
    Monitor(
        "research",
        Child(
            "weekly",
            Research,
            task="keywords",
            run_timeout="4h",
            heartbeat=Heartbeat(every=5, timeout=5, progress="2m"),
        ),
    ),
    agents=[Child("researcher", Research, run_timeout="8h")],
    schedule=[Job("weekly report", "0 3 * * mon", "researcher", task="keywords")],
)
