"""What a supervisor is told to do. The machinery carries these out in order and answers with events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from wakeful.exits import ExitReason
from wakeful.rules.childstate import ChildState

LaunchWhy = Literal["start", "restart", "resume"]
Outcome = Literal["ok", "incomplete", "error", "timeout", "killed", "unknown"]


@dataclass(frozen=True, slots=True)
class Launch:
    """Begin a life; answered by `Launched` or `LaunchFailed`.

    Attributes:
        incarnation: the number of the new life.
        new_run: a new run begins with it.
        from_seq: the checkpoint to resume from; 0: from the beginning; None: the last one.
        why: "start" (fresh), "restart" (the life before ended), "resume" (after a pause, a review, a node restart).
    """

    child: str
    incarnation: int
    new_run: bool
    from_seq: int | None
    why: LaunchWhy

    @property
    def limited(self) -> bool:
        """Whether the node-wide restart limit holds it back; fresh starts pass."""
        return self.why != "start"


@dataclass(frozen=True, slots=True)
class StopLife:
    """Stop it in order; answered by `Ended`. A `KillLife` follows by itself after `deadline_s` (None: never)."""

    child: str
    incarnation: int
    reason: ExitReason
    deadline_s: float | None


@dataclass(frozen=True, slots=True)
class KillLife:
    """Fence it, kill it whole, verify it gone; answered by `Ended`. May be repeated for the same life."""

    child: str
    incarnation: int
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class EndOrphans:
    """This monitor is gone and none will take over: kill whatever it still supervised, all the way down.

    Nothing answers it. It may be said of a monitor that left nobody behind.
    """

    child: str
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Park:
    """It waits for a person: alert. It keeps its place."""

    child: str
    why: str
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Unpark:
    """It waits for nobody any more."""

    child: str


@dataclass(frozen=True, slots=True)
class EndLife:
    """Write how this life ended, before its next one begins: the reason as it counts, `in_a_row` included."""

    child: str
    incarnation: int
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class EndRun:
    """Commit the outcome of its run, which ended otherwise than by returning. Only for sessions and commands."""

    child: str
    incarnation: int
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop everything kept of it: it was spawned and is over, or was removed."""

    child: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """A request about this child can't be met; nothing changed.

    Attributes:
        code: "alive" (a life of that name is there), "limit" (`max_children`, `max_running`), "unknown", "state",
            "stopping".
        why: one line for a person.
    """

    child: str
    code: Literal["alive", "limit", "unknown", "state", "stopping"]
    why: str


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send a `Tick` at `at` (monotonic seconds); replaces the wake-up asked for before; None: none is needed."""

    at: float | None


@dataclass(frozen=True, slots=True)
class Finished:
    """No child lives and none will: the supervisor ends with this reason."""

    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Note:
    """A journal entry."""

    event: str
    child: str | None
    fields: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Save:
    """Keep this for the next supervisor (`KnownChild.saved`)."""

    child: str
    state: ChildState


Command = (
    Launch
    | StopLife
    | KillLife
    | EndOrphans
    | Park
    | Unpark
    | EndLife
    | EndRun
    | Forget
    | Refuse
    | WakeAt
    | Finished
    | Note
    | Save
)
