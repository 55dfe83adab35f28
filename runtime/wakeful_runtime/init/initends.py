"""How an init ended, as its keeper remembers it until a gateway has it in the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ended:
    """One end of an init.

    Attributes:
        stamp: tells it from all others: when its keeper saw it, as text.
        how: in words.
    """

    stamp: str
    how: str

    def plain(self) -> list[str]:
        """For a frame."""
        return [self.stamp, self.how]


def read_ends(plain: Any) -> tuple[Ended, ...]:
    """What `plain` made of each, out of a frame."""
    return tuple(Ended(str(stamp), str(how)) for stamp, how in plain or ())
