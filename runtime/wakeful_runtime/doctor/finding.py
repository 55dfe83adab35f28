"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        check: what was looked at.
        state: warn: a node runs, with less; bad: it does not.
        what: what was found.
        do: what to do about it; empty if nothing.
    """

    check: str
    state: State
    what: str
    do: str = ""
