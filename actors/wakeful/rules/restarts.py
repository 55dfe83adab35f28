"""How often, how soon and from where a child is restarted: limits, back-off, poison checkpoints. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FIRST_DELAY = 1.0
"""Back-off before the second restart in a row, seconds before jitter; it doubles from there."""

LONGEST_DELAY = 30.0
"""No restart waits longer than this, seconds."""

FRUITLESS_RESUMES = 2
"""So many resumes of one checkpoint without progress, and it is held to be poison (design §6)."""

RESTARTS_PER_SECOND = 20.0
BURST = 50.0
"""The node's limit on restarts and resumes (design §6)."""


def in_window(times: Iterable[float], now: float, within: float) -> tuple[float, ...]:
    """Those of `times` that are at most `within` seconds old."""
    return tuple(at for at in times if now - at <= within)


def exhausted(times: Iterable[float], now: float, *, limit: int, within: float) -> bool:
    """Whether there were more than `limit` restarts in the last `within` seconds (OTP: intensity and period)."""
    return len(in_window(times, now, within)) > limit


def back_off(attempts: int, draw: float) -> float:
    """Seconds before a restart.

    Args:
        attempts: restarts since the last progress, this one included. The first is at once.
        draw: a random number in [0, 1): the delay is spread over half to all of its length, so that children which
            fell together don't rise together.
    """
    if attempts <= 1:
        return 0.0
    whole = min(FIRST_DELAY * 2.0 ** min(attempts - 2, 30), LONGEST_DELAY)
    return whole * (0.5 + 0.5 * draw)


def draw(seed: object, child: str, incarnation: int) -> float:
    """A number in [0, 1) that is the same whenever the same life is asked about."""
    return random.Random(f"{seed}/{child}/{incarnation}").random()


NextStart = int | None | Literal["review"]


def next_start(
    *, resumed: int, fruitless: int, checkpoints: Iterable[int], chosen: int | None, idempotent: bool
) -> NextStart:
    """Where the life after a failure resumes: design §6's rule of the poison checkpoint.

    Args:
        resumed: the checkpoint the failed life resumed from, 0: none.
        fruitless: how many resumes from it made no progress, this one included.
        checkpoints: the numbers of the checkpoints there are.
        chosen: the checkpoint the failed life had been told to resume from, None: the last.
        idempotent: the run may begin anew.

    Returns:
        A checkpoint's number, 0: from the beginning, None: the last one, "review": a person must choose.
    """
    if resumed == 0 or fruitless < FRUITLESS_RESUMES:
        return chosen
    earlier = [seq for seq in checkpoints if 0 < seq < resumed]
    if earlier:
        return max(earlier)
    return 0 if idempotent else "review"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket as data.

    Attributes:
        tokens: what was left at `at`; below 0: so many are promised.
        at: monotonic seconds.
        rate: tokens a second.
        burst: the most it holds.
    """

    tokens: float = BURST
    at: float = 0.0
    rate: float = RESTARTS_PER_SECOND
    burst: float = BURST

    def take(self, now: float) -> tuple[Bucket, float]:
        """Take one token.

        Returns:
            The bucket afterwards, and the seconds to wait before using the token: who asks first goes first.
        """
        now = max(now, self.at)
        left = min(self.burst, self.tokens + (now - self.at) * self.rate) - 1.0
        return Bucket(left, now, self.rate, self.burst), max(0.0, -left / self.rate)
