"""A clock for tests that jumps to the next thing to do: no test waits."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class FakeClock:
    """Monotonic seconds that pass only when `step` or `run` is called.

    Args:
        start: the first reading.
    """

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Call it at `when`, or next if that is past; what is due together is called in the order it was asked for."""
        self._count += 1
        heapq.heappush(self._queue, (max(when, self._now), self._count, call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(self._now + seconds, call)

    def clear(self) -> None:
        """Forget everything that was to be called."""
        self._queue.clear()

    def step(self, until: float | None = None) -> bool:
        """Jump to the next call and make it; False if there is none (by `until`)."""
        if not self._queue or (until is not None and self._queue[0][0] > until):
            return False
        self._now, _, call = heapq.heappop(self._queue)
        call()
        return True

    def run(self, seconds: float, *, most: int = 100_000) -> None:
        """Let so many seconds pass.

        Raises:
            RuntimeError: more than `most` calls were made: something spins without time passing.
        """
        until = self._now + seconds
        for _ in range(most):
            if not self.step(until):
                self._now = until
                return
        raise RuntimeError(f"more than {most} calls in {seconds} s of the fake clock")
