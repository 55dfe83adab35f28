"""What a supervisor learns: the facts `Supervision.handle` is told, each with the life it is about.

`now` and every time in here are seconds on the machine's monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful.rules.childstate import ChildState


@dataclass(frozen=True, slots=True)
class KnownChild:
    """What is known of one child when a supervisor takes over.

    Attributes:
        name: the child.
        saved: its state as the last `Save` had it; None: never seen before.
        plan: its plan if it was added while the node ran (`ChildAdded`); None for a child of the tree.
        incarnation: the highest incarnation ever given to it, 0 if none.
        running: init has a life of it in its table. One that exited and isn't acknowledged counts as running: its
            `Ended` follows.
        ready: the running life had said READY.
        shift: seconds to add to the times in `saved` to put them on this clock; 0 in the same boot.
    """

    name: str
    saved: ChildState | None = None
    plan: ChildPlan | None = None
    incarnation: int = 0
    running: bool = False
    ready: bool = False
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class Boot:
    """The supervisor begins, with what is known; must be the first event, once."""

    children: tuple[KnownChild, ...] = ()
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Launched:
    """The life has been forked and its incarnation committed.

    Attributes:
        resumed: number of the checkpoint it resumes from; 0: from the beginning.
    """

    child: str
    incarnation: int
    resumed: int = 0


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """No life came of a `Launch`.

    Attributes:
        counts: it is the child's own fault (its interpreter is missing), so a failure; if not (the store is away,
            init has no more processes) it is tried again with back-off for ever.
        last: the highest incarnation the store knows, when it refused this one; 0 otherwise.
        begun: the run it was to begin or to go on with is open in the store.
    """

    child: str
    incarnation: int
    why: str
    counts: bool = False
    last: int = 0
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """`on_start` returned."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """The life got past the checkpoint it resumed from: a checkpoint, a finished `once`, an actor's handled message.

    Attributes:
        seq: the checkpoint's number, if it was one.
    """

    child: str
    incarnation: int
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Condemned:
    """A monitor's verdict ends this life. The reason stands, whatever exit status comes later."""

    child: str
    incarnation: int
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Ended:
    """The life is over: init swept it and reported.

    Attributes:
        reason: how it ended; kind "returned" only if its result is committed.
        empty: nothing of it is left. If not, it is unkillable: no restart until `Emptied`.
        checkpoints: numbers of the run's kept checkpoints in any order; None: not asked.
    """

    child: str
    incarnation: int
    reason: ExitReason
    empty: bool = True
    checkpoints: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Emptied:
    """What was left of an unkillable life is gone after all."""

    child: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildAdded:
    """Start a spawned child (a dynamic one); answered by `Launch` (now or later) or `Refuse`.

    Attributes:
        incarnation: the highest incarnation ever given to this name, if known.
        exempt: not counted in `max_running`: the child of a session that waits for it.
        waits: for its turn where as many run as may; otherwise it is refused.
        goes_on: its run was begun under a supervisor that died before it could keep the child; this is that run.
    """

    plan: ChildPlan
    incarnation: int = 0
    exempt: bool = False
    waits: bool = True
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class ChildRemoved:
    """Stop it if it lives, then forget it."""

    child: str


@dataclass(frozen=True, slots=True)
class StopChild:
    """Stop it for good: by a person, or because its run's time is up (kind "run_timeout")."""

    child: str
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class RestartChild:
    """A person's restart: the run goes on in a new life, its counters begin anew; one that is done starts a new run."""

    child: str


@dataclass(frozen=True, slots=True)
class ResumeChild:
    """A person lets a parked or waiting child go on.

    Attributes:
        from_seq: the checkpoint to resume from; 0: fresh; None: the last one.
    """

    child: str
    from_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Start nothing new, restart nothing; what runs goes on. None: every child."""

    child: str | None = None


@dataclass(frozen=True, slots=True)
class Unpause:
    """The end of a pause. None: every child."""

    child: str | None = None


@dataclass(frozen=True, slots=True)
class ChildLent:
    """Another supervisor has this child now; nothing more follows from it here."""

    child: str


@dataclass(frozen=True, slots=True)
class ChildTaken:
    """A child that another supervisor had: adopted as at a boot."""

    known: KnownChild


@dataclass(frozen=True, slots=True)
class StopAll:
    """Stop every child in reverse order; `Finished` follows with this reason."""

    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; due at the latest at the last `WakeAt`. Early, late or repeated ones do no harm."""


Event = (
    Boot
    | Launched
    | LaunchFailed
    | Ready
    | Progressed
    | Condemned
    | Ended
    | Emptied
    | ChildAdded
    | ChildRemoved
    | StopChild
    | RestartChild
    | ResumeChild
    | Pause
    | Unpause
    | ChildLent
    | ChildTaken
    | StopAll
    | Tick
)
