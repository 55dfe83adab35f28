"""The journal as its authors see it: entries are buffered, bounded, and stored once each, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from wakeful.errors import CodecError, NodeError

Entry = dict[str, Any]
"""`{id, at, mono, boot_id, event, path, incarnation, fields}`; `id` is unique for ever."""

BOUND = 10_000
"""Entries kept while the store is away; the oldest go first, and a `journal_gap` says how many."""

BATCH = 200
"""Entries a request carries."""

log = logging.getLogger("wakeful.journal")


class Journal:
    """A bounded buffer and the task that empties it.

    Args:
        send: done when the entries are stored; may be repeated, the store takes each id once.
        bound: how many entries are kept at most.
    """

    def __init__(self, send: Callable[[list[Entry]], Awaitable[None]], *, bound: int = BOUND) -> None:
        self._send = send
        self._bound = bound
        self._entries: deque[Entry] = deque()
        self._lost = 0
        self._first_lost: Entry | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sender: asyncio.Task[None] | None = None

    @property
    def depth(self) -> int:
        """How many entries wait."""
        return len(self._entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Buffer entries; never waits. From the loop's thread, or, once it was used there, from any."""
        for entry in entries:
            self._entries.append(entry)
        while len(self._entries) > self._bound:
            self._lose(self._entries.popleft())
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._wake)
            return
        self._wake()

    def _lose(self, entry: Entry) -> None:
        self._lost += 1
        self._first_lost = self._first_lost or entry

    def _wake(self) -> None:
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._entries or self._first_lost is not None:
            gap = self._take_gap()
            batch = [*gap, *(self._entries.popleft() for _ in range(min(BATCH, len(self._entries))))]
            try:
                await self._send_batch(batch)
            except BaseException:
                self._entries.extendleft(reversed(batch))
                raise

    def _take_gap(self) -> list[Entry]:
        first, lost = self._first_lost, self._lost
        if first is None:
            return []
        self._first_lost, self._lost = None, 0
        return [{**first, "id": f"{first['id']}.gap", "event": "journal_gap", "fields": {"lost": lost}}]

    async def _send_batch(self, batch: list[Entry]) -> None:
        """An entry that can't be stored must not hold up the others."""
        try:
            await self._send(batch)
        except (CodecError, NodeError) as error:
            if len(batch) == 1:
                log.error("a journal entry can't be stored (%s): %r", error, batch[0].get("event"))
                return
            middle = len(batch) // 2
            await self._send_batch(batch[:middle])
            await self._send_batch(batch[middle:])

    async def flush(self, timeout: float | None = None) -> bool:
        """Wait until all entries are stored, at most `timeout` seconds; whether they are."""
        try:
            async with asyncio.timeout(timeout):
                while self._entries or (self._sender is not None and not self._sender.done()):
                    self._wake()
                    if self._sender is not None:
                        await asyncio.shield(self._sender)
        except TimeoutError:
            return False
        return True

    async def close(self, timeout: float) -> None:
        """Flush for at most `timeout` seconds, then stop; what is left is lost and said to be."""
        stored = await self.flush(timeout)
        if self._sender is not None and not self._sender.done():
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        if not stored:
            log.warning("%d journal entries were not stored: the store did not answer", len(self._entries))
