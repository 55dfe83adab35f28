"""What a simulated node is made of: fake processes, a fake store, the lines of its journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful_runtime.simulation.fakeclock import FakeClock

RETURNED = ExitReason(kind="returned")


class TwoLives(AssertionError):
    """A life was begun while an earlier one of the same path was there."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a fake process does in one life; all times in seconds.

    Attributes:
        starts_in: from the fork to READY.
        start_fails: instead of READY, it ends with this.
        lasts: from READY to its end by itself; None: for ever.
        end: how it ends by itself.
        checkpoint_every: it commits a checkpoint so often.
        hangs_after: from READY; then it is there and commits nothing any more, until somebody ends it.
        stops_in: from an orderly stop to its end; None: it doesn't listen.
        dies_in: from SIGKILL to the report that it is gone.
        unkillable: the report says that something of it is left.
    """

    starts_in: float = 0.01
    start_fails: ExitReason | None = None
    lasts: float | None = None
    end: ExitReason = RETURNED
    checkpoint_every: float | None = None
    hangs_after: float | None = None
    stops_in: float | None = 0.01
    dies_in: float = 0.002
    unkillable: bool = False


@dataclass(slots=True, eq=False)
class FakeLife:
    """One life of one path, as init's table has it.

    Attributes:
        owner: path of its supervisor, "" the root.
        exit: the report nobody has taken yet; None while it lives.
    """

    path: str
    incarnation: int
    owner: str
    plan: ChildPlan
    resumed: int
    number_of_run: int
    behaviour: Behaviour = field(default_factory=Behaviour)
    ready: bool = False
    dying: bool = False
    exit: ExitReason | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


Script = Callable[[FakeLife], Behaviour]
"""Chooses what a life does; called once, at its fork."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the simulation's journal: every command carried out, every life begun and ended."""

    at: float
    event: str
    path: str
    incarnation: int
    fields: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        rest = " ".join(f"{key}={value}" for key, value in self.fields)
        return f"{self.at:.6f} {self.event} {self.path}#{self.incarnation} {rest}".rstrip()


@dataclass(slots=True)
class FakeJournal:
    """The lines so far."""

    clock: FakeClock
    entries: list[Entry] = field(default_factory=list[Entry])

    def write(self, event: str, path: str, incarnation: int, **fields: object) -> None:
        self.entries.append(Entry(self.clock.now(), event, path, incarnation, tuple(fields.items())))


@dataclass(slots=True)
class FakeStore:
    """What outlives every process of a simulated node, by path.

    Attributes:
        last: the highest incarnation given.
        runs: the number of the present run.
        checkpoints: the present run's, ascending.
        placements: per supervisor and child: the plan of a spawned one, and its saved state as plain data.
        outcomes: per path and run.
    """

    last: dict[str, int] = field(default_factory=dict[str, int])
    runs: dict[str, int] = field(default_factory=dict[str, int])
    checkpoints: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    placements: dict[str, dict[str, tuple[ChildPlan | None, dict[str, Any]]]] = field(
        default_factory=dict[str, dict[str, tuple[ChildPlan | None, dict[str, Any]]]]
    )
    outcomes: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])

    def begin_life(self, path: str, incarnation: int, *, new_run: bool, from_seq: int | None) -> int:
        """Commit an incarnation; the checkpoint it resumes from, 0 if none.

        Raises:
            ValueError: it isn't above the last one.
        """
        if incarnation <= self.last.get(path, 0):
            raise ValueError(f"{path}: {incarnation} is not above {self.last[path]}")
        self.last[path] = incarnation
        if new_run or path not in self.runs:
            self.runs[path] = self.runs.get(path, 0) + 1
            self.checkpoints[path] = []
        kept = self.checkpoints[path]
        if from_seq is None:
            return kept[-1] if kept else 0
        return from_seq if from_seq in kept else 0

    def checkpoint(self, path: str) -> int:
        """Commit a checkpoint; its number."""
        kept = self.checkpoints[path]
        kept.append(kept[-1] + 1 if kept else 1)
        return kept[-1]

    def outcome(self, path: str, outcome: str) -> None:
        """Commit the outcome of the present run; the first one stands."""
        self.outcomes.setdefault((path, self.runs.get(path, 0)), outcome)
