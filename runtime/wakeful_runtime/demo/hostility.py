"""What the demo's server does to a request, decided by a seed and nothing else."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Trick = Literal["none", "stall", "busy", "error", "cut", "slow"]

HONEST_FROM = 4
"""From this attempt on a document is served without tricks: every document can be had in the end."""

_SHARES: tuple[tuple[Trick, float], ...] = (
    ("stall", 0.04),
    ("busy", 0.06),
    ("error", 0.06),
    ("cut", 0.06),
    ("slow", 0.08),
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one request is treated.

    Attributes:
        trick: `stall` sends nothing for ever, `busy` is 429 with Retry-After, `error` is 500, `cut` closes in the
            middle of the body, `slow` sends the body in pieces.
        latency: seconds before the first byte.
    """

    trick: Trick
    latency: float


def behaviour(seed: int, document: str, attempt: int) -> Behaviour:
    """The same for the same three arguments, whatever came before; attempts count from 1."""
    dice = random.Random(f"{seed}:{document}:{attempt}")
    latency = dice.uniform(0.15, 0.6)
    roll = dice.random()
    if attempt < HONEST_FROM:
        for trick, share in _SHARES:
            if roll < share:
                return Behaviour(trick, latency)
            roll -= share
    return Behaviour("none", latency)
