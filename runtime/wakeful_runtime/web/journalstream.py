"""The journal as Server-Sent Events: from where a client left off, as it grows, nothing twice and nothing missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from wakeful.errors import WakefulError
from wakeful_runtime.contract.written import as_json
from wakeful_runtime.web.endpoint import Seats, left

LOOK_S = 0.25
"""How often the journal is looked at while it does not grow."""

HEARTBEAT_S = 15.0
"""A comment after so long a silence, so that proxies and clients know that it is alive."""

RETRY_MS = 1000
"""What a browser waits before it comes back."""

PAGE = 500
STALLED_S = 30.0
"""A client that takes nothing for so long is left; it may come back with its Last-Event-ID."""

STREAMS = 32

Page = Callable[[int, int], Awaitable[tuple[list[dict[str, Any]], int]]]
"""Rows above a seq, at most so many, and the journal's last seq (`store.journal_rows.events`)."""


class JournalStream:
    """One client's stream, as an ASGI application.

    Each client has its own place in the journal and reads pages from there: a slow one waits for itself alone, and
    memory does not grow with it.

    Args:
        after: the last seq it has; None: from now on.
        stopping: set when the node's web ends.
    """

    def __init__(self, page: Page, after: int | None, stopping: asyncio.Event, seats: Seats) -> None:
        self._page = page
        self._after = after
        self._stopping = stopping
        self._seats = seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._seats:
            headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            leaving = asyncio.ensure_future(left(receive))
            writing = asyncio.ensure_future(self._write(send))
            try:
                await asyncio.wait((leaving, writing), return_when=asyncio.FIRST_COMPLETED)
                if writing.done():
                    writing.result()
            finally:
                writing.cancel()
                leaving.cancel()

    async def _write(self, send: Send) -> None:
        try:
            async for piece in self._pieces():
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            return  # not ended in form: the server cuts the connection, for a last piece would stall as well
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> AsyncIterator[bytes]:
        """`id` alone tells a browser where it is before anything has happened."""
        loop = asyncio.get_running_loop()
        after = await self._begin()
        yield f"retry: {RETRY_MS}\nid: {after}\n\n".encode()
        said_at = loop.time()
        while not self._stopping.is_set():
            rows = await self._rows(after)
            if rows:
                after = int(rows[-1]["seq"])
                yield b"".join(_event(row) for row in rows)
                said_at = loop.time()
            elif loop.time() - said_at >= HEARTBEAT_S:
                yield b": alive\n\n"
                said_at = loop.time()
            if len(rows) < PAGE:
                await self._pause()

    async def _begin(self) -> int:
        """A place beyond the journal's end is of another journal: all of this one is new to that client."""
        while not self._stopping.is_set():
            try:
                last = (await self._page(0, 1))[1]
            except WakefulError:
                await self._pause()
                continue
            if self._after is None:
                return last
            return self._after if self._after <= last else 0
        return self._after or 0

    async def _rows(self, after: int) -> list[dict[str, Any]]:
        try:
            return (await self._page(after, PAGE))[0]
        except WakefulError:
            return []  # the store is away: it is looked at again, and the client hears heartbeats meanwhile

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._stopping.wait()
        except TimeoutError:
            pass


def _event(row: dict[str, Any]) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (row["seq"], as_json(row))
