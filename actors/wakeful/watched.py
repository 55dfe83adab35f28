"""What both kinds of resource share: how one is opened, probed and closed, when it is sick, how often it is lost."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wakeful.duration import seconds
from wakeful.errors import SpecError
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
REOPEN_PAUSE = 30.0
"""Longest pause between attempts to open it again, seconds; the first is at once, the second after one."""


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


class Watched(Generic[T]):
    """A thing of a session's that may hang on its own. Everything here runs on the session's loop."""

    def __init__(self, attached: Attached, how: Handling[T]) -> None:
        self._life = attached.life
        self._how = how
        self._live: T | None = None
        self._started: Started | None = None
        self._look = asyncio.Event()
        self._replaced: deque[float] = deque()
        self._over: str | None = None

    @property
    def name(self) -> str:
        """For people."""
        return self._how.name

    @property
    def restarts(self) -> int:
        """How often it was replaced within the time that counts."""
        return len(self._replaced)

    async def _keep(self) -> None:
        while self._over is None:
            try:
                async with asyncio.timeout(self._how.every):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            sick = None if self._live is None else await self._sickness(self._live)
            if sick is not None:
                await self._replace(sick)

    async def _replace(self, why: str) -> None:
        """It is sick: kill it, and have the next one opened."""
        raise NotImplementedError

    async def _sickness(self, live: T) -> str | None:
        """What is wrong with it, None if it is well."""
        while True:
            began = self._life.now()
            try:
                async with asyncio.timeout(self._how.timeout):
                    answer = await call(self._how.probe, live)
                return "its probe returned False" if answer is False else None
            except TimeoutError:
                if self._life.now() - began <= self._how.timeout + LATE:
                    return f"it did not answer its probe for {self._how.timeout:g} s"
            except Exception as error:  # noqa: BLE001 - the user's probe: whatever it raises, the resource is sick
                return f"its probe raised {error!r}"

    def _count(self, why: str) -> None:
        now = self._life.now()
        self._replaced.append(now)
        while self._replaced[0] <= now - self._how.within:
            self._replaced.popleft()
        self._life.journal("resource_lost", {"resource": self._how.name, "why": why, "restarts": self.restarts})
        self._life.log.warning("resource lost", resource=self._how.name, why=why)

    def _replaced_too_often(self, why: str) -> bool:
        """Whether it was; then `_over` says so."""
        if len(self._replaced) <= self._how.max_restarts:
            return False
        self._over = (
            f"{self._how.name} was lost {self.restarts} times within {self._how.within:g} s "
            f"(max_restarts={self._how.max_restarts}); last: {why}"
        )
        self._life.journal("resource_failed", {"resource": self._how.name, "why": self._over})
        return True

    def _reopened(self) -> None:
        self._life.journal("resource_replaced", {"resource": self._how.name, "restarts": self.restarts})

    async def _kill(self, live: T) -> None:
        """End one that hangs: by the user's `kill`, else with all that its `open` started."""
        if self._how.kill is not None:
            try:
                async with asyncio.timeout(CLOSE_AT_MOST):
                    await call(self._how.kill, live)
            except Exception as error:  # noqa: BLE001 - the user's code: told; what is left is killed
                self._life.log.warning("resource was not killed", resource=self._how.name, error=repr(error))
        elif self._started is not None:
            self._started.kill()


def pause_after(pause: float) -> float:
    """Seconds before the next attempt to open it, after an attempt that waited for `pause`."""
    return min(REOPEN_PAUSE, 2 * pause or 1.0)


async def call(function: Callable[..., Any], *args: Any) -> Any:
    """Sync functions run in a thread, so that one that hangs can be seen to hang."""
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    result = await asyncio.to_thread(function, *args)
    return await result if inspect.isawaitable(result) else result
