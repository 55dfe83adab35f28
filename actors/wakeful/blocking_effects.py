"""`once` for code that awaits nothing: the same algorithm, driven without a loop."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, TypeVar

from wakeful.effects import Effects, Scope
from wakeful.life import EffectState, Kept, Life

R = TypeVar("R")


class BlockingEffects(Effects):
    """The effects of one life, for a main thread without a loop; they are written on the loop beside it."""

    def __init__(self, life: Life) -> None:
        super().__init__(_Through(life))
        self._thread_locks: dict[tuple[str, str], threading.Lock] = {}

    def _lock(self, place: tuple[str, str]) -> AbstractAsyncContextManager[Any]:
        return _held(self._thread_locks.setdefault(place, threading.Lock()))


class _Through:
    """The store, for `Effects`: its coroutines return without ever waiting for a loop of their own."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self.path = life.path

    async def effect_begin(self, key: str, scope: Scope) -> EffectState:
        return self._life.call(self._life.effect_begin(key, scope))

    async def effect_end(
        self, key: str, scope: Scope, status: Literal["done", "failed", "unknown", "skipped"], result: Kept | None
    ) -> None:
        self._life.call(self._life.effect_end(key, scope, status, result))


@asynccontextmanager
async def _held(lock: threading.Lock) -> AsyncGenerator[None]:
    with lock:
        yield


def finish(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never waits for a loop to its end.

    Raises:
        RuntimeError: it waited for one after all.
    """
    try:
        work.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    work.close()
    raise RuntimeError("something in `once` awaited an event loop; give plain functions to a BlockingSession")
