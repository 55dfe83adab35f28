"""How long a life has been without its supervisor, in time it was itself awake."""

from __future__ import annotations

TICK = 1.0
"""How long a lonely control thread sleeps at a time, seconds."""


class Solitude:
    """A machine that slept, or a stopped process, isn't an orphan: of each sleep only so much counts as it asked for.

    Args:
        ttl: seconds of own waking time until the life is an orphan.
    """

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._alone = 0.0
        self._told = False

    def ended(self) -> None:
        """A supervisor is there."""
        self._alone, self._told = 0.0, False

    def lasts(self, slept: float) -> bool:
        """Nobody was there for another `slept` seconds; True once, when it has lasted for too long."""
        self._alone += min(slept, 2 * TICK)
        if self._told or self._alone < self._ttl:
            return False
        self._told = True
        return True
