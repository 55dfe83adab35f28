"""What a supervisor knows of one child: shown by `ps`, saved for the supervisor after this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from wakeful.exits import ExitReason

Status = Literal["starting", "running", "stopping", "backoff", "waiting", "review", "paused", "done", "failed"]
"""As `ps` shows it.

waiting: for its turn, for the end of a RetryAfter, or (alert_first) for a person; backoff: to be restarted at
`next_at`; review: parked, only a person resumes it; paused: would be started if it weren't paused; done: over, as
wished or as ordered; failed: over, not to be restarted (a temporary child).
"""


@dataclass(slots=True)
class ChildState:
    """One child. Times are monotonic seconds of the supervisor's clock.

    Attributes:
        name: the child.
        status: see `Status`.
        incarnation: number of the present life, or of the last.
        dynamic: spawned, not part of the tree.
        exempt: not counted in `max_running`.
        live: a life may be there: launched and not reported gone.
        run_open: its run has begun and has no outcome.
        new_run: the present life began it.
        restarts: restarts of this run that nobody ordered.
        failures_in_a_row: failures without progress past the checkpoint resumed from.
        attempts: restarts since the last progress; what back-off grows with.
        recent: times of the last unordered restarts, within the monitor's window.
        next_at: when it is due (backoff, waiting; review under alert_first); None: at its turn, in review never.
        held: it waits for `next_at` or a person, and its siblings don't wait for it.
        resumed: the checkpoint the present life resumed from, 0: from the beginning.
        checkpoints: numbers of the run's checkpoints, as far as known, ascending; the last six.
        progressed: this life got past the one it resumed from.
        fruitless: resumes from `resumed` in a row without progress.
        from_seq: the checkpoint the next life is to resume from; None: the last one.
        ordered: the reason somebody gave for stopping the present life.
        condemned: the verdict that ends the present life.
        stop_at: when its orderly stop turns into a kill; None: not at all.
        killed_at: when the kill was last ordered.
        ready_at: when the present life said READY.
        launched_at: when the present life was launched.
        sibling: to be stopped because a sibling failed.
        again: after the ordered stop, start a new life.
        forget: after the ordered stop, forget it.
        paused: by a person, this child alone.
        unkillable: something of the last life is left.
        why: one line for a person on why it is in this state.
        last: how the last life ended.
        next_why: why the next life begins.
    """

    name: str
    status: Status = "waiting"
    incarnation: int = 0
    dynamic: bool = False
    exempt: bool = False
    live: bool = False
    run_open: bool = False
    new_run: bool = False
    restarts: int = 0
    failures_in_a_row: int = 0
    attempts: int = 0
    recent: tuple[float, ...] = ()
    next_at: float | None = None
    held: bool = False
    resumed: int = 0
    checkpoints: tuple[int, ...] = ()
    progressed: bool = False
    fruitless: int = 0
    from_seq: int | None = None
    ordered: ExitReason | None = None
    condemned: ExitReason | None = None
    stop_at: float | None = None
    killed_at: float | None = None
    ready_at: float | None = None
    launched_at: float | None = None
    sibling: bool = False
    again: bool = False
    forget: bool = False
    paused: bool = False
    unkillable: bool = False
    why: str = ""
    last: ExitReason | None = None
    next_why: Literal["start", "restart", "resume"] = "start"

    @property
    def over(self) -> bool:
        """Finished: not to be started again by itself."""
        return self.status in ("done", "failed")

    def dump(self) -> dict[str, Any]:
        """As plain data (None, bool, int, float, str, list, dict), for the store."""
        plain: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return plain

    @classmethod
    def load(cls, plain: dict[str, Any]) -> ChildState:
        """What `dump` made; keys of other versions are left out.

        Raises:
            pydantic.ValidationError: a value is of the wrong kind.
        """
        return _ADAPTER.validate_python({key: plain[key] for key in plain if key in cls.__slots__})


_ADAPTER: TypeAdapter[ChildState] = TypeAdapter(ChildState)
