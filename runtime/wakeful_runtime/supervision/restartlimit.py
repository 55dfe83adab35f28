"""Restarts and resumes are metered, so that a mass death does not become a restart storm."""

from __future__ import annotations

import asyncio
import time

RATE = 20.0
"""Per second (design.md §6)."""
BURST = 50


class RestartLimit:
    """A token bucket. Fresh starts don't pass through it.

    Args:
        rate: restarts per second in the long run.
        burst: how many at once.
    """

    def __init__(self, rate: float = RATE, burst: int = BURST) -> None:
        self._gap = 1.0 / rate
        self._slack = burst * self._gap
        self._next = 0.0

    async def admitted(self) -> None:
        """Done when this restart may begin; first come, first served."""
        now = time.monotonic()
        self._next = max(self._next + self._gap, now - self._slack + self._gap)
        if self._next > now:
            await asyncio.sleep(self._next - now)
