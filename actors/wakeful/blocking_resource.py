"""Resources of a BlockingSession: opened, used and closed in its own thread, watched from the loop beside it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wakeful.errors import ResourceLost, SpecError, Stopped
from wakeful.life import Started
from wakeful.watched import CLOSE_AT_MOST, OPEN_AT_MOST, Handling, Watched, pause_after

if TYPE_CHECKING:
    from wakeful.attached import Attached

T = TypeVar("T")

_OPENING = threading.Lock()
"""Held while a resource opens: the processes started meanwhile are its own."""


class BlockingResource(Watched[T]):
    """Made by `self.resource(…)`. `with` opens it and keeps it alive; `use()` gives the live one.

    What is bound to its thread (Playwright's sync API) may be one: `open` and `close` run in the thread that uses it.
    Only `probe` and `kill` run in others, so that they run while that thread is blocked. One that hangs is killed at
    once, which makes a call that waits for it fail; the next `use()` closes what is left and opens another.

    Args:
        check: raises Stopped when the session is to stop; called before anything begins.
    """

    def __init__(self, attached: Attached, how: Handling[T], check: Callable[[], None]) -> None:
        for word, function in (("open", how.open), ("close", how.close), ("probe", how.probe), ("kill", how.kill)):
            if inspect.iscoroutinefunction(function):
                raise SpecError(
                    f"resource({how.name!r}): {word} is `async def`; give a BlockingSession plain functions"
                )
        super().__init__(attached, how)
        self._check = check
        self._state = threading.Lock()
        self._turn = threading.Lock()
        self._settled = asyncio.Event()
        self._settled.set()
        self._users: set[BlockingUse[T]] = set()
        self._dead: T | None = None
        self._keeper: asyncio.Task[None] | None = None

    def use(self) -> BlockingUse[T]:
        """`with browser.use() as b:` the live one; opens another if it was lost.

        Raises (out of the block):
            ResourceLost: it was killed meanwhile; open the block again.
        """
        return BlockingUse(self)

    def __enter__(self) -> BlockingResource[T]:
        self._check()
        self._open()
        self._keeper = self._life.call(self._begin(self._keep()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._keeper is not None
        failed = self._life.call(_ended(self._keeper))
        self._keeper = None
        with self._state:
            live, self._live = self._live, None
        self._close(live)
        self._bury()
        if failed is not None:
            raise failed
        if self._over is not None and error is None:
            raise ResourceLost(self._over)

    def taken(self, user: BlockingUse[T]) -> T:
        """The live one, for a block that begins."""
        while True:
            self._check()
            if not self._settled.is_set():
                with self._life.waiting("resource"):
                    self._life.call(self._settled.wait(), interruptible=True)
            with self._turn:
                if self._over is not None:
                    raise ResourceLost(self._over)
                if self._keeper is None:
                    raise ResourceLost(f"{self._how.name} is not open; use it inside `with self.resource(…)`")
                if self._live is None and self._settled.is_set():
                    self._reopen()
            with self._state:
                if self._live is not None:
                    self._users.add(user)
                    return self._live

    def left(self, user: BlockingUse[T], *, by_error: bool) -> None:
        """A block ended; by an error: perhaps it is sick, so it is probed now."""
        with self._state:
            self._users.discard(user)
        if by_error:
            self._life.call(_now(self._look.set))

    async def _replace(self, why: str) -> None:
        self._settled.clear()
        with self._state:
            dying, self._live = self._live, None
            for user in self._users:
                user.lost = why
        self._count(why)
        if dying is not None:
            await self._kill(dying)
        self._dead = dying
        self._replaced_too_often(why)
        self._settled.set()

    def _reopen(self) -> None:
        pause = 0.0
        self._bury()
        while True:
            if pause:
                with self._life.waiting("resource"):
                    self._life.call(asyncio.sleep(pause), interruptible=True)
            self._check()
            try:
                self._open()
            except Stopped:
                raise
            except Exception as error:  # the user's code: told, counted, tried again
                why = f"it can't be opened again: {error!r}"
                self._count(why)
                if self._replaced_too_often(why):
                    raise ResourceLost(self._over) from error
                pause = pause_after(pause)
            else:
                self._reopened()
                return

    def _open(self) -> None:
        with _OPENING, self._life.started_processes() as started:
            try:
                with self._standing(max(OPEN_AT_MOST, self._how.timeout), started):
                    live = self._how.open()
            except BaseException:
                started.kill()
                raise
        with self._state:
            self._live, self._started = live, started

    def _bury(self) -> None:
        """Close one that was killed, in the thread that opened it."""
        dead, self._dead = self._dead, None
        self._close(dead)

    def _close(self, live: T | None) -> None:
        if live is None or self._how.close is None:
            return
        try:
            with self._standing(min(CLOSE_AT_MOST, self._how.timeout), self._started):
                self._how.close(live)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - the user's code: told; what is left is killed
            self._life.log.warning("resource did not close", resource=self._how.name, error=repr(error))
            if self._started is not None:
                self._started.kill()

    @contextmanager
    def _standing(self, limit: float, started: Started | None) -> Generator[None]:
        """The progress clock stands still inside, for `limit` seconds at most; then what was started is killed."""
        with ExitStack() as still:
            still.enter_context(self._life.waiting("resource"))
            late = self._life.call(self._begin(_late(limit, still, started)))
            try:
                yield
            finally:
                self._life.call(_now(late.cancel))

    async def _begin(self, work: Any) -> asyncio.Task[None]:
        return asyncio.create_task(work, name=f"resource {self._how.name}")


class BlockingUse(Generic[T]):
    """One block that uses a resource.

    Attributes:
        lost: why it was killed meanwhile; None: it was not.
    """

    def __init__(self, resource: BlockingResource[T]) -> None:
        self._resource = resource
        self.lost: str | None = None

    def __enter__(self) -> T:
        return self._resource.taken(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resource.left(self, by_error=self.lost is None and isinstance(error, Exception))
        if self.lost is not None and (error is None or isinstance(error, Exception)):
            raise ResourceLost(f"{self._resource.name} was replaced: {self.lost}") from error


async def _late(limit: float, still: ExitStack, started: Started | None) -> None:
    """The session's thread hangs in `open` or `close`: its clock runs again, and what it waits for is killed."""
    await asyncio.sleep(limit)
    still.close()
    if started is not None:
        await asyncio.to_thread(started.kill)


async def _ended(keeper: asyncio.Task[None]) -> BaseException | None:
    """End it; what it failed with by itself."""
    failed = keeper.exception() if keeper.done() and not keeper.cancelled() else None
    if not keeper.done():
        keeper.cancel()
        await asyncio.wait([keeper])
    return failed


async def _now(act: Callable[[], object]) -> None:
    act()
