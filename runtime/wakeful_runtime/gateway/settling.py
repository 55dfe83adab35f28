"""Waiting for the outcome of runs and for what becomes of texts: the store says when to look."""

from __future__ import annotations

import asyncio
from typing import Literal

from wakeful.errors import NodeError
from wakeful_runtime.store.client import StoreClient

What = Literal["runs", "texts"]
Key = tuple[What, str]

LOOK_S = 30.0
"""The longest time without a look: nothing depends on it, as a word of the store is only lost with its connection."""

STORE_S = 5.0


class Settling:
    """All who wait in this process; one question to the store for all of them.

    Args:
        store: nobody else in this process may listen on it.
    """

    def __init__(self, store: StoreClient) -> None:
        self._store = store
        self._waiting: dict[Key, set[asyncio.Future[None]]] = {}
        self._come = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        store.on_arrival(self._come.set)

    async def wait(self, what: What, key: str, timeout: float) -> bool:
        """Whether the run has its outcome, or the text waits no longer, within `timeout` seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault((what, key), set())
        waiting.add(future)
        self._come.set()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="wakeful-settling")
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        finally:
            waiting.discard(future)
            if not waiting:
                self._waiting.pop((what, key), None)
        return True

    async def _look(self) -> None:
        while self._waiting:
            await self._word()
            keys: dict[What, list[str]] = {"runs": [], "texts": []}
            for what, key in self._waiting:
                keys[what].append(key)
            try:
                told = await self._store.request("settled", timeout=STORE_S, **keys)
            except NodeError:
                self._come.set()  # the store is away: that took its time, ask again
                continue
            for what in keys:
                for key in told[what]:
                    self._settle((what, key))

    async def _word(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._come.wait()
        except TimeoutError:
            pass
        self._come.clear()

    def _settle(self, key: Key) -> None:
        for future in self._waiting.pop(key, set()):
            if not future.done():
                future.set_result(None)
