"""What one operation works with: the database, the moment of its group, and the id of its request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from wakeful_runtime.store.sqlite import Database

Answer = dict[str, Any]
"""Plain: None, bool, int, float, str, bytes, list, dict with str keys."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
"""A number SQLite can hold."""

Name = Annotated[str, Field(max_length=4096)]
"""A path, a key, an id: never empty of bounds."""

Text = Annotated[str, Field(max_length=1_000_000)]
"""What people write."""

Wall = Annotated[float, Field(ge=0, le=253_402_300_799, allow_inf_nan=False)]
"""Wall time, seconds since the epoch: what RFC 3339 can write."""

Limit = Annotated[int, Field(ge=1, le=10_000)]
"""How many rows an answer may have."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a group is committed: `wall` seconds since the epoch, `mono` CLOCK_MONOTONIC seconds of boot `boot_id`."""

    wall: float
    mono: float
    boot_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal row the store makes by itself, in the commit of what it tells."""

    event: str
    path: str
    incarnation: int
    fields: dict[str, Any]


class Refusal(Exception):
    """The answer is no: nothing of the request is kept but `entry`.

    Args:
        code: one word, for decisions (`fenced`, `stale`, `finished`, `missing`, `bad`, `full`, `busy`).
        why: one line for a person.
        facts: what the caller needs to decide.
        entry: a journal row to keep all the same.
        retry: whether the same request may succeed later, so that the client tries again by itself.
    """

    def __init__(
        self,
        code: str,
        why: str,
        *,
        facts: dict[str, Any] | None = None,
        entry: Entry | None = None,
        retry: bool = False,
    ) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.facts = facts or {}
        self.entry = entry
        self.retry = retry


@dataclass(slots=True)
class Arrivals:
    """What the requests of a group mean for those that wait; acted upon after its commit.

    Attributes:
        listening: the request by which a path asked for its deliveries: its client is told of the next ones.
        come: paths that something came for.
    """

    listening: dict[str, str] = field(default_factory=dict[str, str])
    come: set[str] = field(default_factory=set[str])


@dataclass(frozen=True, slots=True)
class Work:
    """One request at work inside the group's transaction."""

    db: Database
    moment: Moment
    request: str
    arrivals: Arrivals = field(default_factory=Arrivals)
