"""Leases: a promise that silence is no lack of progress until a moment."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import TracebackType
from typing import Self

from wakeful.duration import seconds
from wakeful.life import LeaseState, Life
from wakeful.policy import Duration

_ids = itertools.count(1)


class Lease:
    """Made by `self.lease(seconds, what)`; a context manager for `with` and `async with`, used once.

    Leases nest: the one that ends last is the only deadline.
    """

    def __init__(
        self, life: Life, length: Duration, what: str, blocking: bool, check: Callable[[], None] | None = None
    ) -> None:
        self._life = life
        self._length = seconds(length, of=f"lease(…, {what!r})")
        self._what = what
        self._blocking = blocking
        self._check = check
        self._state: LeaseState | None = None
        self._over = False

    @property
    def what(self) -> str:
        """What the silence is for, as people will read it."""
        return self._what

    @property
    def until(self) -> float | None:
        """When it ends, on the monotonic clock; None before it began."""
        return self._state.until if self._state else None

    def extend(self, more: Duration) -> None:
        """Let it end later: by `more`, counted from its end, or from now if that has passed.

        Raises:
            RuntimeError: it isn't open.
        """
        if self._state is None or self._over:
            raise RuntimeError(f"lease {self._what!r} is not open; extend it inside its block")
        until = max(self._state.until, self._life.now()) + seconds(more, of="lease.extend(…)")
        self._state = LeaseState(self._state.id, self._what, self._state.since, until, self._blocking)
        self._life.lease_changed(self._state)

    def __enter__(self) -> Self:
        if self._state is not None:
            raise RuntimeError(f"lease {self._what!r} was used before; call lease(…) for each block")
        if self._check:
            self._check()
        now = self._life.now()
        self._state = LeaseState(next(_ids), self._what, now, now + self._length, self._blocking)
        self._life.lease_opened(self._state)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._state is not None and not self._over:
            self._over = True
            self._life.lease_closed(self._state)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)
