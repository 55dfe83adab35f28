"""`once`: effects on the outside world that happen at most once per run, whatever is killed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from wakeful.errors import ActorDead, CodecError, OutcomeUnknown, SpecError, Unsettled
from wakeful.hints import Unresolvable, returned
from wakeful.life import EffectState, Kept
from wakeful.values import decode, encode

Unknown = Literal["review", "skip", "retry"]
Scope = Literal["run", "node"]
_OPEN = (OutcomeUnknown, TimeoutError, ConnectionError, EOFError, ActorDead)
_OPEN_BY_NAME = (
    "timeout",
    "timedout",
    "connectionerror",
    "connectionreset",
    "connectionclosed",
    "disconnected",
    "readerror",
)
"""Libraries have timeouts of their own that derive from nothing common (httpx, aiohttp, Selenium, Playwright)."""


def leaves_open(error: BaseException | None) -> bool:
    """Whether an effect that raised this may have happened: OutcomeUnknown, a timeout, a lost connection.

    A refused connection was never made, so that the effect did not happen. Any other exception means the same.
    """
    if error is None or isinstance(error, ConnectionRefusedError):
        return False
    if isinstance(error, _OPEN):
        return True
    names = [parent.__name__.lower().replace("_", "") for parent in type(error).__mro__]
    if any(word in name for word in _OPEN_BY_NAME for name in names):
        return True
    reason = getattr(error, "reason", None)  # urllib.error.URLError wraps the real one so
    return leaves_open(error.__cause__) or (isinstance(reason, BaseException) and leaves_open(reason))


class EffectsLife(Protocol):
    """The part of `Life` that `once` needs."""

    @property
    def path(self) -> str: ...
    async def effect_begin(self, key: str, scope: Scope) -> EffectState: ...
    async def effect_end(
        self, key: str, scope: Scope, status: Literal["done", "failed", "unknown", "skipped"], result: Kept | None
    ) -> None: ...


class Effects:
    """The effects of one life."""

    def __init__(self, life: EffectsLife) -> None:
        self._life = life
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._interrupted: set[tuple[str, str]] = set()

    async def once(
        self,
        key: str,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        unknown: Unknown,
        verify: Callable[..., Any] | None,
        scope: Scope,
    ) -> Any:
        """As `Actor.once`. Two calls of one key at once: the second waits for the first, then has its result."""
        _check(key, unknown, scope)
        effect = _Effect(self._life, key, fn, args, unknown, verify, scope)
        place = (scope, key)
        async with self._lock(place):
            if place in self._interrupted:
                await self._life.effect_end(key, scope, "unknown", None)
                self._interrupted.discard(place)
            try:
                return await effect.settle()
            except (asyncio.CancelledError, GeneratorExit):
                if effect.open:
                    self._interrupted.add(place)  # whether it happened isn't known; nothing can be awaited here
                raise

    def _lock(self, place: tuple[str, str]) -> AbstractAsyncContextManager[Any]:
        return self._locks.setdefault(place, asyncio.Lock())


class _Effect:
    """One call of `once`. `open` while its intent is written and its result isn't."""

    def __init__(
        self,
        life: EffectsLife,
        key: str,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        unknown: Unknown,
        verify: Callable[..., Any] | None,
        scope: Scope,
    ) -> None:
        self._life = life
        self._key = key
        self._fn = fn
        self._args = args
        self._unknown = unknown
        self._verify = verify
        self._scope: Scope = scope
        self._kind = _result_type(key, fn)
        self.open = False

    async def settle(self) -> Any:
        """Do it, or return what became of it."""
        state = await self._life.effect_begin(self._key, self._scope)
        if state.status == "done":
            return None if state.result is None else decode(state.result, self._kind, of=f"once({self._key!r})")
        if state.status == "skipped":
            return None
        if state.status == "new":
            return await self._do()
        return await self._decide(None)

    async def _do(self) -> Any:
        self.open = True
        try:
            result = await _value(self._fn(*self._args))
        except Exception as error:
            if not leaves_open(error):
                await self._end("failed")
                raise
            await self._end("unknown")
            return await self._decide(error)
        return await self._done(result)

    async def _decide(self, error: Exception | None) -> Any:
        """It is unknown whether it happened: because `fn` raised `error`, or an earlier life ended in it."""
        if self._verify is not None:
            found = await _value(self._verify(*self._args))
            if found is not None:
                return await self._done(found)
            return await self._again(error)
        if self._unknown == "retry":
            return await self._again(error)
        if self._unknown == "skip":
            await self._end("skipped")
            return None
        raise Unsettled(
            f"it is unknown whether {self._key!r} happened{f' ({error!r})' if error else ''}; look, then type "
            f"`wakeful settle {self._life.path} {self._key} --done` or `--not-done`"
        ) from error

    async def _again(self, error: Exception | None) -> Any:
        """It did not happen: run it now, unless this very call just failed; then its caller hears why."""
        await self._end("failed")
        if error is not None:
            raise error
        return await self.settle()

    async def _done(self, result: object) -> Any:
        try:
            kept = encode(result, self._kind, of=f"once({self._key!r})")
        except CodecError as error:
            await self._end("unknown")
            raise CodecError(f"{error}. It has happened, and its result can't be stored") from None
        await self._end("done", kept)
        return result

    async def _end(self, status: Literal["done", "failed", "unknown", "skipped"], result: Kept | None = None) -> None:
        await self._life.effect_end(self._key, self._scope, status, result)
        self.open = False


def _check(key: str, unknown: str, scope: str) -> None:
    if not key:
        raise SpecError("once: the key is empty; name the effect, such as 'publish'")
    if unknown not in ("review", "skip", "retry"):
        raise SpecError(f"once({key!r}): unknown={unknown!r}; write 'review', 'skip' or 'retry'")
    if scope not in ("run", "node"):
        raise SpecError(f"once({key!r}): scope={scope!r}; write 'run' or 'node'")


def _result_type(key: str, fn: Callable[..., Any]) -> Any:
    try:
        return returned(fn)
    except Unresolvable as error:
        raise SpecError(
            f"once({key!r}): the function's return annotation names {error}, which can't be found"
        ) from None


async def _value(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result
