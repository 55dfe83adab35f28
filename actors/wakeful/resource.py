"""Resources of a session that may hang on their own: probed in the session, replaced alone."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wakeful.errors import ResourceLost
from wakeful.watched import CLOSE_AT_MOST, OPEN_AT_MOST, Handling, Watched, call, pause_after

if TYPE_CHECKING:
    from wakeful.attached import Attached

T = TypeVar("T")


class Resource(Watched[T]):
    """Made by `self.resource(…)`. `async with` opens it and keeps it alive; `use()` gives the live one."""

    def __init__(self, attached: Attached, how: Handling[T]) -> None:
        super().__init__(attached, how)
        self._opening = attached.opening
        self._ready = asyncio.Event()
        self._users: set[Use[T]] = set()
        self._owner: asyncio.Task[Any] | None = None
        self._keeper: asyncio.Task[None] | None = None

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

    async def _replace(self, why: str) -> None:
        self._ready.clear()
        for user in tuple(self._users):
            user.lose(why)
        delay = 0.0
        while self._over is None:
            self._count(why)
            await self._end(hung=True)
            if self._replaced_too_often(why):
                self._give_up()
                return
            await asyncio.sleep(delay)
            try:
                await self._open()
            except Exception as error:  # noqa: BLE001 - the user's code: told, counted, tried again
                why = f"it can't be opened again: {error!r}"
                delay = pause_after(delay)
            else:
                self._reopened()
                return

    def _give_up(self) -> None:
        self._ready.set()
        if self._owner is not None:
            self._owner.cancel(self._over)

    async def _open(self) -> None:
        limit = max(OPEN_AT_MOST, self._how.timeout)
        async with self._opening:
            with self._life.started_processes() as started:
                self._started = started
                try:
                    async with asyncio.timeout(limit):
                        self._live = await call(self._how.open)
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
                    await call(self._how.close, live)
            except Exception as error:  # noqa: BLE001 - the user's code: told; what is left is killed
                self._life.log.warning("resource did not close", resource=self._how.name, error=repr(error))
                if not hung:
                    await self._kill(live)


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
