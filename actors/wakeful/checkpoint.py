"""What a run remembers of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class Checkpoint(Generic[S]):
    """One checkpoint of a run.

    Attributes:
        name: as it was given to `checkpoint(name, state)`.
        state: equal to what was given; None if none was.
        seq: its number in the run, growing.
        at: wall time, seconds since the epoch.
    """

    name: str
    state: S
    seq: int
    at: float
