"""The herald's book as the store has it: read once, followed, and written down before the next step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from wakeful.errors import NodeError
from wakeful.rules.alerts import Book
from wakeful.rules.deliveries import RouteState
from wakeful.rules.findings import Finding
from wakeful.rules.notices import Notice
from wakeful.rules.routes import Routes
from wakeful_runtime.herald.hearing import Hearing
from wakeful_runtime.store.client import StoreClient

STORE_S = 5.0
"""How long a request to the store may take; what could not be written is written with the next one."""

EVENTS = ["alert", "missed", "deadletter", "escalated", "exited", "acked"]
"""Journal rows that may be told of, or that change what is told."""


class Ledger:
    """Until the store can be read, the book is empty and nothing of it can be written.

    Args:
        hearing: what is heard of the store.
        news: told what `hearing` makes of it.

    Attributes:
        book: all that is open or still to be told.
    """

    def __init__(self, store: StoreClient, routes: Routes, hearing: Hearing, news: Callable[[Finding], None]) -> None:
        self.book = Book(routes)
        self._routes = routes
        self._store = store
        self._hearing = hearing
        self._news = news
        self._after: dict[str, int] | None = None
        self._forgotten: list[str] = []
        self._writing = asyncio.Lock()

    async def load(self) -> bool:
        """Take up what the herald before has left; whether that is done."""
        if self._after is not None:
            return True
        told = await self._ask("herald_load")
        if told is None:
            return False
        notices = [Notice.model_validate(each) for each in told["notices"]]
        states = [RouteState.model_validate(each) for each in told["states"]]
        early, self.book = self.book, Book(self._routes, notices, states, last_no=int(told["last_no"]))
        self.book.take_over(early)
        self.book.changed_routes |= self._routes.keys()
        self._forgotten = [state.name for state in states if state.name not in self._routes]
        self._after = {key: int(told[key]) for key in ("journal_after", "incidents_after")}
        return True

    async def feed(self) -> dict[str, Any] | None:
        """What has happened since `followed` was called last, as the store's `herald_feed`; None: it is away."""
        return await self._ask("herald_feed", **self._after, events=EVENTS) if self._after is not None else None

    def followed(self, told: dict[str, Any]) -> None:
        """The book has taken in what was told; the next `write` says so together with what came of it."""
        self._after = {key: int(told[key]) for key in ("journal_after", "incidents_after")}

    async def write(self) -> bool:
        """Write down what has changed; whether all of it is written."""
        async with self._writing:
            book = self.book
            if self._after is None:
                return False
            notices, routes = book.changed, book.changed_routes
            if not (notices or routes or self._forgotten):
                return True
            book.changed, book.changed_routes = set(), set()
            told = await self._ask(
                "herald_commit",
                **self._after,
                notices=[book.notices[no].model_dump(mode="json") for no in sorted(notices) if no in book.notices],
                states=[book.states[name].model_dump(mode="json") for name in sorted(routes)],
                forgotten=self._forgotten,
            )
            if told is None:
                book.changed |= notices
                book.changed_routes |= routes
                return False
            self._forgotten = []
            return True

    async def _ask(self, op: str, **arguments: Any) -> dict[str, Any] | None:
        told: dict[str, Any] | None = None
        try:
            told = await self._store.request(op, timeout=STORE_S, **arguments)
        except NodeError as error:
            news = self._hearing.silent(str(error))
        else:
            news = self._hearing.heard()
        if news is not None:
            self._news(news)
        return told
