"""The demo's session: read documents, remember their terms, rank them, publish a report once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import BaseModel, Field

from wakeful import Session
from wakeful_runtime.demo.fetch import FetchError, get, request
from wakeful_runtime.demo.terms import Counts, extract, rank

TRIES = 8
PATIENCE_S = 2.0
"""Seconds one attempt may take; the server's stalls last for ever."""
LEASE_S = 4.0


class Notes(BaseModel):
    """What a session remembers: the terms of each document it has read, and what it could not read."""

    done: dict[str, Counts] = Field(default_factory=dict[str, Counts])
    failed: dict[str, str] = Field(default_factory=dict[str, str])


class Research(Session[Notes]):
    """Reads its share of the documents and publishes their keywords."""

    async def run(self, task: str, base: str, documents: list[str]) -> dict[str, Any]:
        """Read, rank, publish.

        Args:
            task: the report's name.
            base: the server, `http://127.0.0.1:PORT`.
            documents: names of documents.
        """
        notes = self.resumed.state if self.resumed else Notes()
        for name in documents:
            if name in notes.done or name in notes.failed:
                continue
            try:
                notes.done[name] = extract(await self.read(f"{base}/documents/{name}"))
            except (OSError, TimeoutError) as error:
                notes.failed[name] = repr(error)
            await self.checkpoint("read", notes)
            self.progress(done=len(notes.done) + len(notes.failed), total=len(documents))
        report = {"keywords": rank(notes.done), "failed": notes.failed}
        await self.once("publish", publish, f"{base}/reports/{task}", report, verify=published)
        return {"documents": len(notes.done), "failed": len(notes.failed)}

    async def read(self, url: str) -> str:
        """One document, tried again after stalls, refusals and cut connections.

        Raises:
            OSError: it can't be had.
            TimeoutError: the last attempt stalled.
        """
        for attempt in range(1, TRIES + 1):
            pause = 0.2
            try:
                with self.lease(LEASE_S, f"fetch {url}"):
                    async with asyncio.timeout(PATIENCE_S):
                        return await get(url, life=f"{self.path}#{self.incarnation}")
            except FetchError as error:
                pause = error.retry_after or pause
                if attempt == TRIES:
                    raise
            except TimeoutError:
                if attempt == TRIES:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


async def publish(url: str, report: dict[str, Any]) -> bool:
    """Put the report on the server."""
    answer = await request(url, method="PUT", body=json.dumps(report).encode())
    if answer.status != 200:
        raise FetchError(f"HTTP {answer.status}")
    return True


async def published(url: str, report: dict[str, Any]) -> bool | None:
    """Whether this report is there already; None: it isn't."""
    answer = await request(url)
    return True if answer.status == 200 and json.loads(answer.body) == report else None
