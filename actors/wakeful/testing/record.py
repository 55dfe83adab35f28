"""What a life did, as tests look at it, and what a run keeps from life to life."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wakeful.actor import Living
from wakeful.checkpoint import Checkpoint
from wakeful.exits import ExitReason
from wakeful.life import ChildOutcome, Kept, KeptCheckpoint, MailItem
from wakeful.message import Message


@dataclass(frozen=True)
class Progress:
    """One `progress(…)`."""

    done: int | None
    total: int | None
    note: str | None


@dataclass
class LeaseRecord:
    """One lease; times in seconds of the fake clock.

    Attributes:
        what: as it was given.
        seconds: how long it was to be, with all its extensions.
        blocking: as it was given.
        since: when it began.
        until: when it ends, or would have.
        closed_at: when its block was left; None: it wasn't.
    """

    what: str
    seconds: float
    blocking: bool
    since: float
    until: float
    closed_at: float | None = None


@dataclass
class Effect:
    """What became of a key of `once`.

    Attributes:
        status: "begun" (the life ended in it, or it goes on), "done", "unknown", "skipped".
        result: as it is kept.
        incarnation: the life that did it.
    """

    key: str
    status: Literal["begun", "done", "unknown", "skipped"]
    result: Kept | None = None
    incarnation: int = 1


@dataclass
class Run:
    """What a run keeps from life to life."""

    cls: type[Living]
    args: dict[str, Any]
    run_id: str
    kept: list[KeptCheckpoint] = field(default_factory=list[KeptCheckpoint])
    effects: dict[str, Effect] = field(default_factory=dict[str, Effect])
    node_effects: dict[str, Effect] = field(default_factory=dict[str, Effect])
    children: dict[int, ChildOutcome] = field(default_factory=dict[int, ChildOutcome])
    started_at: float = 0.0
    folder: Path | None = None

    def directory(self) -> Path:
        """The run's own; removed when the last life of it is forgotten."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="wakeful-testing-"))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        return self.folder

    def effects_of(self, scope: Literal["run", "node"]) -> dict[str, Effect]:
        """By key."""
        return self.node_effects if scope == "node" else self.effects


@dataclass
class PlayedLife:
    """One life, after it ended. Give it to the next: `testing.live(Research, resumed=life)`.

    Attributes:
        run: what its run keeps.
        incarnation: its number.
        checkpoints: those it made, in order, with their states.
        effects: of its run, by key.
        progress: its reports, in order.
        leases: those it opened, in order.
        sent: what it told or asked others: (path, message).
        replies: what it replied to its mail, in order; None where it was handled without.
        journal: its journal entries: (event, fields).
        log: what it logged: (level, event, fields).
        spent: `tokens`, `cost`, `calls`.
        result: what `run` returned; None if it didn't.
        outcome: "ok", "incomplete" (the postcondition says so), or None: the run isn't over.
        why: what the postcondition said.
        reason: how the life ended.
        took: seconds of the fake clock.
    """

    run: Run
    incarnation: int = 1
    checkpoints: list[Checkpoint[Any]] = field(default_factory=list[Checkpoint[Any]])
    progress: list[Progress] = field(default_factory=list[Progress])
    leases: list[LeaseRecord] = field(default_factory=list[LeaseRecord])
    sent: list[tuple[str, Message]] = field(default_factory=list[tuple[str, Message]])
    replies: list[str | None] = field(default_factory=list[str | None])
    journal: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    log: list[tuple[str, str, dict[str, object]]] = field(default_factory=list[tuple[str, str, dict[str, object]]])
    spent: dict[str, float] = field(default_factory=lambda: {"tokens": 0, "cost": 0.0, "calls": 0})
    mail: list[MailItem] = field(default_factory=list[MailItem])
    result: Any = None
    outcome: Literal["ok", "incomplete"] | None = None
    why: str = ""
    reason: ExitReason | None = None
    took: float = 0.0

    @property
    def effects(self) -> dict[str, Effect]:
        """Of its run, by key; those of the node are `run.node_effects`."""
        return self.run.effects

    @property
    def run_id(self) -> str:
        """The run's id, the same in all its lives."""
        return self.run.run_id
