"""What a verdict says and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wakeful.exits import Kind, Verdict

Action = Literal["none", "alert", "restart", "review"]
"""What follows: nothing; people are told; the life is ended and the restart rules decide; a person decides."""

Severity = Literal["info", "warning", "error"]

CANCEL_WITHIN = 2.0
"""Seconds the cancelled `run` gets before a hard end, for the verdicts that leave the loop able to run."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What follows from a verdict that has passed its threshold.

    Attributes:
        action: what a monitor does.
        cancel_first: `run` is cancelled and gets `CANCEL_WITHIN` before the hard end.
        severity: of the incident and the alert.
        exit_kind: what the ended life's ExitReason says.
    """

    action: Action
    severity: Severity
    cancel_first: bool = False
    exit_kind: Kind = "exited"


POLICIES: dict[Verdict, Policy] = {
    Verdict.EXITED: Policy("restart", "warning", exit_kind="exited"),
    Verdict.STOPPED: Policy("restart", "error", exit_kind="stopped"),
    Verdict.UNINTERRUPTIBLE: Policy("restart", "error", exit_kind="uninterruptible"),
    Verdict.STARVED: Policy("alert", "warning"),
    Verdict.WEDGED: Policy("restart", "error", exit_kind="wedged"),
    Verdict.CONTROL_LOST: Policy("restart", "error", exit_kind="control_lost"),
    Verdict.LOOP_BLOCKED: Policy("restart", "error", exit_kind="loop_blocked"),
    Verdict.OVERDUE: Policy("restart", "error", cancel_first=True, exit_kind="overdue"),
    Verdict.NO_PROGRESS: Policy("restart", "error", cancel_first=True, exit_kind="no_progress"),
    Verdict.LIVELOCK: Policy("restart", "error", cancel_first=True, exit_kind="livelock"),
    Verdict.SLOW: Policy("alert", "warning"),
    Verdict.BUSY: Policy("none", "info"),
    Verdict.WAITING: Policy("none", "info"),
    Verdict.STARTING: Policy("restart", "error", exit_kind="start_failed"),
    Verdict.HEALTHY: Policy("none", "info"),
}
"""design.md §4 and §5; `starting` is acted on only when the startup deadline has passed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on one child, now.

    Attributes:
        verdict: the verdict's word.
        killing: end this life now. Never true for exited, starved, slow, busy, waiting, healthy.
        suspect: the threshold is near or passed; a confirmation is under way, or the action is held.
        alert: people are told although nothing is ended.
        since: when the silence or standstill began (monotonic).
        threshold: after how many seconds of it the verdict is acted on; 0 where there is no such clock.
        words: one line for people.
        judge_at: call `judge` again by then at the latest, and whenever a fact changes.
        probe_at: send a probe then (now or earlier: at once); None: none is wanted.
        look_at: read /proc then (now or earlier: at once); None: not needed.
        cancellable: the loop still runs, so that a cancel can reach `run`.
        held: why a killing verdict isn't carried out now; empty if it is, or if there is none.
    """

    verdict: Verdict
    killing: bool
    suspect: bool
    alert: bool
    since: float
    threshold: float
    words: str
    judge_at: float
    probe_at: float | None = None
    look_at: float | None = None
    cancellable: bool = False
    held: str = ""

    @property
    def policy(self) -> Policy:
        """What follows from the verdict once its threshold has passed."""
        return POLICIES[self.verdict]

    @property
    def exit_kind(self) -> Kind:
        """The kind of the ExitReason of a life ended for this verdict."""
        return self.policy.exit_kind

    @property
    def cancel_first(self) -> bool:
        """Whether `run` is cancelled, and given `CANCEL_WITHIN`, before the hard end."""
        return self.killing and self.cancellable and self.policy.cancel_first
