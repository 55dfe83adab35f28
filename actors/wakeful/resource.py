"""Resources of a session that may hang on their own: probed in the session, replaced alone."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wakeful.duration import seconds
from wakeful.errors import ResourceLost, SpecError
from wakeful.life import Started
from wakeful.policy import Duration

if TYPE_CHECKING:
    from wakeful.attached import Attached

T = TypeVar("T")
OPEN_AT_MOST = 60.0
"""Seconds for `open`, or `timeout` if that is longer: while it opens the progress clock stands still."""
CLOSE_AT_MOST = 10.0
LATE = 1.0
"""A probe's deadline that is noticed so many seconds late was missed by our own loop: it proves nothing."""


@dataclass(frozen=True, kw_only=True)
class Handling(Generic[T]):
    """How a resource is opened, probed, closed and limited; all times in seconds."""

    name: str
    open: Callable[[], Any]
    probe: Callable[[T], Any]
    close: Callable[[T], Any] | None
    kill: Callable[[T], Any] | None
    every: float
    timeout: float
    max_restarts: int
    within: float


def handling(
    name: str,
    open: Callable[[], Any],  # noqa: A002 - the contract's word
    probe: Callable[[Any], Any],
    close: Callable[[Any], Any] | None,
    every: Duration,
    timeout: Duration,
    kill: Callable[[Any], Any] | None,
    max_restarts: int,
    within: Duration,
) -> Handling[Any]:
    """The same, checked.

    Raises:
        SpecError: a duration isn't one, or is 0.
    """
    of = f"resource({name!r})"
    limits = {word: seconds(value, of=f"{of}: {word}") for word, value in (("every", every), ("timeout", timeout))}
    for word, value in limits.items():
        if value <= 0:
            raise SpecError(f"{of}: {word} must be more than 0")
    return Handling(
        name=name,
        open=open,
        probe=probe,
        close=close,
        kill=kill,
        every=limits["every"],
        timeout=limits["timeout"],
        max_restarts=max_restarts,
        within=seconds(within, of=f"{of}: within"),
    )


class Resource(Generic[T]):
    """Made by `self.resource(…)`. `async with` opens it and keeps it alive; `use()` gives the live one."""

    def __init__(self, attached: Attached, how: Handling[T]) -> None:
        self._attached = attached
        self._life = attached.life
        self._how = how
        self._live: T | None = None
        self._started: Started | None = None
        self._ready = asyncio.Event()
        self._look = asyncio.Event()
        self._users: set[Use[T]] = set()
        self._replaced: deque[float] = deque()
        self._owner: asyncio.Task[Any] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._over: str | None = None

    @property
    def restarts(self) -> int:
        """How often it was replaced within the time that counts."""
        return len(self._replaced)

    def use(self) -> Use[T]:
        """`async with browser.use() as b:` the live one; waits while it is being replaced.

        Raises (out of the block):
            ResourceLost: it was replaced meanwhile; open the block again.
        """
        return Use(self)

    async def __aenter__(self) -> Resource[T]:
        with self._life.waiting("resource"):
            await self._open()
        self._owner = asyncio.current_task()
        self._keeper = asyncio.create_task(self._keep(), name=f"resource {self._how.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._keeper is not None
        failed = self._keeper.exception() if self._keeper.done() and not self._keeper.cancelled() else None
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        await self._end(hung=False)
        if failed is not None:
            raise failed
        if self._over is not None and self._owner is not None:
            self._owner.uncancel()
            raise ResourceLost(self._over) from (None if kind is asyncio.CancelledError else error)

    async def _keep(self) -> None:
        while self._over is None:
            try:
                async with asyncio.timeout(self._how.every):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            sick = await self._sickness()
            if sick is not None:
                await self._replace(sick)

    async def _sickness(self) -> str | None:
        """What is wrong with the live one, None if it is well."""
        assert self._live is not None
        while True:
            began = self._life.now()
            try:
                async with asyncio.timeout(self._how.timeout):
                    answer = await _call(self._how.probe, self._live)
                return "its probe returned False" if answer is False else None
            except TimeoutError:
                if self._life.now() - began <= self._how.timeout + LATE:
                    return f"it did not answer its probe for {self._how.timeout:g} s"
            except Exception as error:  # noqa: BLE001 - the user's probe: whatever it raises, the resource is sick
                return f"its probe raised {error!r}"

    async def _replace(self, why: str) -> None:
        self._ready.clear()
        for user in tuple(self._users):
            user.lose(why)
        delay = 0.0
        while self._over is None:
            self._count(why)
            await self._end(hung=True)
            if len(self._replaced) > self._how.max_restarts:
                self._give_up(why)
                return
            await asyncio.sleep(delay)
            try:
                await self._open()
            except Exception as error:  # noqa: BLE001 - the user's code: told, counted, tried again
                why = f"it can't be opened again: {error!r}"
                delay = min(30.0, 2 * delay or 1.0)
            else:
                self._life.journal("resource_replaced", {"resource": self._how.name, "restarts": self.restarts})
                return

    def _count(self, why: str) -> None:
        now = self._life.now()
        self._replaced.append(now)
        while self._replaced[0] <= now - self._how.within:
            self._replaced.popleft()
        self._life.journal("resource_lost", {"resource": self._how.name, "why": why, "restarts": self.restarts})
        self._life.log.warning("resource lost", resource=self._how.name, why=why)

    def _give_up(self, why: str) -> None:
        self._over = (
            f"{self._how.name} was lost {self.restarts} times within {self._how.within:g} s "
            f"(max_restarts={self._how.max_restarts}); last: {why}"
        )
        self._life.journal("resource_failed", {"resource": self._how.name, "why": self._over})
        self._ready.set()
        if self._owner is not None:
            self._owner.cancel(self._over)

    async def _open(self) -> None:
        limit = max(OPEN_AT_MOST, self._how.timeout)
        async with self._attached.opening:
            with self._life.started_processes() as started:
                self._started = started
                try:
                    async with asyncio.timeout(limit):
                        self._live = await _call(self._how.open)
                except BaseException:
                    started.kill()
                    raise
        self._ready.set()

    async def _end(self, *, hung: bool) -> None:
        """Close it; kill it first if it hangs, afterwards if it doesn't close."""
        live, self._live = self._live, None
        if live is None:
            return
        if hung:
            await self._kill(live)
        if self._how.close is not None:
            try:
                async with asyncio.timeout(min(CLOSE_AT_MOST, self._how.timeout)):
                    await _call(self._how.close, live)
            except Exception as error:  # noqa: BLE001 - the user's code: told; what is left is killed
                self._life.log.warning("resource did not close", resource=self._how.name, error=repr(error))
                if not hung:
                    await self._kill(live)

    async def _kill(self, live: T) -> None:
        if self._how.kill is not None:
            try:
                async with asyncio.timeout(CLOSE_AT_MOST):
                    await _call(self._how.kill, live)
            except Exception as error:  # noqa: BLE001 - the user's code: told; what is left is killed
                self._life.log.warning("resource was not killed", resource=self._how.name, error=repr(error))
        elif self._started is not None:
            self._started.kill()


class Use(Generic[T]):
    """One block that uses a resource."""

    def __init__(self, resource: Resource[T]) -> None:
        self._resource = resource
        self._task: asyncio.Task[Any] | None = None
        self._lost: str | None = None

    async def __aenter__(self) -> T:
        resource = self._resource
        if not resource._ready.is_set():
            with resource._life.waiting("resource"):
                await resource._ready.wait()
        if resource._over is not None:
            await asyncio.sleep(0)  # the block around it is being cancelled: here it hears of it
            raise ResourceLost(resource._over)
        if resource._live is None:
            raise ResourceLost(f"{resource._how.name} is not open; use it inside `async with self.resource(…)`")
        self._task = asyncio.current_task()
        resource._users.add(self)
        return resource._live

    def lose(self, why: str) -> None:
        """The resource is gone: interrupt the block."""
        self._lost = why
        if self._task is not None:
            self._task.cancel(why)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resource._users.discard(self)
        if self._lost is None:
            if isinstance(error, Exception):
                self._resource._look.set()  # perhaps it is sick: look now, not at the next probe
            return
        assert self._task is not None
        others = self._task.uncancel()
        if kind is asyncio.CancelledError and others > 0:
            return  # somebody else cancels this task too: that goes on
        raise ResourceLost(f"{self._resource._how.name} was replaced: {self._lost}") from (
            None if kind is asyncio.CancelledError else error
        )


async def _call(function: Callable[..., Any], *args: Any) -> Any:
    """Sync functions run in a thread, so that one that hangs can be seen to hang."""
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    result = await asyncio.to_thread(function, *args)
    return await result if inspect.isawaitable(result) else result
