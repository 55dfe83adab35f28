"""A dead-man's switch for the scheduler: silence is the alarm.

A hung or dead scheduler is found by its heartbeat, as every process of the node is. This finds the one that answers and
starts nothing, and the one that can't come up at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

from wakeful.errors import NodeError
from wakeful.rules.words import span

Body = dict[str, Any]

EVERY_S = 5.0
STILL_S = 30.0
"""A scheduler turns at least once in ten seconds, with jobs once a second."""

AWAY_S = 2.0
"""A store that leaves a request unanswered for longer is away; less is a request under way."""

SCHEDULER = "scheduler"
VERDICT = "stands_still"


class Store(Protocol):
    """What is asked of the store (`store.client.StoreClient`)."""

    async def request(self, op: str, *, timeout: float | None = None, **arguments: Any) -> dict[str, Any]: ...

    def away_for(self) -> float: ...


class DeadMan:
    """Looks whether the scheduler turns; opens an incident and ends its life if it doesn't, closes it when it does.

    Args:
        call: a verb of the scheduler's place: `beat` asks it, `kill` ends its life.
        clock: monotonic.

    Attributes:
        trouble: for `status`: empty while it turns.
    """

    def __init__(
        self,
        store: Store,
        call: Callable[[str], Awaitable[Any]],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._call = call
        self._clock = clock
        self._wall = wall
        self._turned_at = self._looked_at = clock()
        self._since: float | None = None
        self._written = False  # this standstill's incident
        self._closed = False  # all incidents: the gateway before this one may have left some
        self._log = structlog.get_logger("wakeful.gateway")
        self.trouble = ""

    async def run(self) -> None:
        """Look for as long as the gateway runs."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except (NodeError, TimeoutError) as error:
                self._log.warning("the scheduler's watch was held up", error=str(error))

    async def look(self) -> None:
        """One look. Who was held up himself, or has no store to speak of, accuses nobody."""
        now, before, turns = self._clock(), self._looked_at, False
        self._looked_at = now
        try:
            told = await self._call("beat")
        except (NodeError, TimeoutError) as error:
            why = f"it does not answer ({error})" if str(error) else "it does not answer"
        else:
            turns = float(told["turned_s"]) < STILL_S / 2
            self._turned_at = max(self._turned_at, self._clock() - float(told["turned_s"]))
            why = "it answers, and decides about nothing"
        if now - before > 3 * EVERY_S or self._store.away_for() > AWAY_S:
            self._turned_at = max(self._turned_at, now)
        still = self._clock() - self._turned_at
        if still > STILL_S:
            await self._still(still, why)
        elif turns:
            await self._well()

    async def _still(self, still: float, why: str) -> None:
        words = f"the scheduler stands still for {span(still)}: {why}; no job is started meanwhile"
        self.trouble = words
        if not self._written:
            self._log.error("the scheduler stands still", seconds=round(still, 1), why=why)
            try:
                await self._open(words, self._wall() - still)
            except NodeError as error:
                self._log.warning("the scheduler's incident was not opened", error=str(error))
        self._turned_at = self._clock() - STILL_S / 2  # the next life has half of the time to begin
        try:
            await self._call("kill")
        except NodeError as error:
            self._log.warning("the scheduler's life was not ended", error=str(error))

    async def _open(self, words: str, since: float) -> None:
        """One incident for each standstill: a request that may have been done is repeated under the same id."""
        self._since = since = since if self._since is None else self._since
        self._closed = False
        await self._store.request(
            "incident_open",
            timeout=EVERY_S,
            id=f"{SCHEDULER} {VERDICT} {since:.0f}",
            path=SCHEDULER,
            verdict=VERDICT,
            severity="critical",
            thresholds={"seconds": STILL_S},
            facts={"words": words, "since": since},
            action="restart",
        )
        self._written = True

    async def _well(self) -> None:
        """It turns; incidents of this gateway's, or of the one before it, are over."""
        self.trouble = ""
        self._since, self._written = None, False
        if self._closed:
            return
        found = await self._store.request("incidents", timeout=EVERY_S, path=SCHEDULER, open=True)
        told = {"outcome": "recovered: the scheduler turns again", "closed_at": self._wall()}
        for row in found["rows"]:
            if row["verdict"] == VERDICT:
                await self._store.request("incident_update", timeout=EVERY_S, id=str(row["id"]), **told)
        self._closed = True
