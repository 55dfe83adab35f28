"""Why a life ended, as data: what monitors decide on, what the next life reads, what people are told."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Verdict(StrEnum):
    """What a monitor holds a process to be (design: three clocks and a verdict)."""

    EXITED = "exited"
    STOPPED = "stopped"
    UNINTERRUPTIBLE = "uninterruptible"
    STARVED = "starved"
    WEDGED = "wedged"
    CONTROL_LOST = "control_lost"
    LOOP_BLOCKED = "loop_blocked"
    OVERDUE = "overdue"
    NO_PROGRESS = "no_progress"
    LIVELOCK = "livelock"
    SLOW = "slow"
    BUSY = "busy"
    WAITING = "waiting"
    STARTING = "starting"
    HEALTHY = "healthy"


Kind = Literal[
    # the life ended by itself
    "returned",  # `run` returned, the result is committed
    "error",  # user code raised
    "fatal",  # user code raised Fatal
    "retry_after",  # user code raised RetryAfter; `delay` says how long
    "exited",  # the process left by itself without saying why (`code`)
    "killed",  # a signal from elsewhere (`signal`)
    "oom",  # the kernel's OOM killer
    "start_failed",  # import or on_start raised, or startup ran out
    "fenced",  # it found that a newer life exists
    "orphaned",  # it heard no supervisor for orphan_ttl
    # a monitor ended it for what it found; the Verdict's own word
    "stopped",
    "uninterruptible",
    "wedged",
    "control_lost",
    "loop_blocked",
    "overdue",
    "no_progress",
    "livelock",
    "memory",  # over Limits(memory=…)
    "budget",  # a Budget is spent
    "unkillable",
    # somebody ordered it: none of these is a failure
    "stop",  # a person, or sessions_stop
    "restart",  # a person
    "shutdown",  # the node or the supervisor stops
    "run_timeout",
    "sibling",  # one_for_all, rest_for_one
    "node_lost",  # the whole node died under it
    "unknown",
]

ORDERED: frozenset[str] = frozenset(
    {"stop", "restart", "shutdown", "run_timeout", "sibling", "node_lost", "fenced", "orphaned"}
)
"""Ends that are no failure of the child (api.md: "A failure is an end of a life that nobody ordered")."""

NORMAL: frozenset[str] = frozenset({"returned"})


class ExitReason(BaseModel):
    """How a life ended.

    Attributes:
        kind: one word, for decisions.
        what: one line for people: the error's text, the lease that ran out, the line it hung in.
        at: wall time of the end, seconds since the epoch.
        in_a_row: how many failures in a row this makes, without progress past the checkpoint resumed from; 0 if none.
        code: exit status, if the process left by itself.
        signal: the signal's number, if one ended it.
        delay: seconds to pause, for `retry_after`.
        detail: the traceback or other longer text.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    what: str = ""
    at: float = 0.0
    in_a_row: int = 0
    code: int | None = None
    signal: int | None = None
    delay: float | None = None
    detail: str = ""

    @property
    def failure(self) -> bool:
        """Whether this end counts as a failure of the child."""
        return self.kind not in ORDERED and self.kind not in NORMAL and self.kind != "retry_after"

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}" if self.what else self.kind


class Evidence(BaseModel):
    """What was taken from a process before it was killed. No locals, no environment values: they hold secrets.

    Attributes:
        process: state, wchan, syscall, cpu, open files, children, from the operating system.
        tasks: one text per task: its await chain, innermost line last.
        threads: one text per thread: its stack, innermost line last.
        dump: the C-level stack dump, if one was taken.
        log: the last log lines.
        checkpoint: name and number of the last checkpoint.
        lease: the open lease.
        last_seen: the line of the user's it was at when it last answered, and how many seconds before: `line age_s`.
    """

    model_config = ConfigDict(frozen=True)

    process: dict[str, Any] = Field(default_factory=dict[str, Any])
    tasks: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    dump: str = ""
    log: tuple[str, ...] = ()
    checkpoint: dict[str, Any] | None = None
    lease: dict[str, Any] | None = None
    last_seen: dict[str, Any] | None = None
