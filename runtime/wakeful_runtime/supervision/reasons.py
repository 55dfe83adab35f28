"""From what was seen of an end to its reason."""

from __future__ import annotations

import signal
import time

from wakeful.exits import ExitReason
from wakeful_runtime.init.lives import ExitReport
from wakeful_runtime.supervision.child import Present

EXIT_KINDS: dict[int, str] = {
    0: "returned",
    70: "error",
    71: "fatal",
    72: "retry_after",
    73: "start_failed",
    74: "fenced",
}
"""What `host` leaves with, for the case that the last words were lost."""


def needs_last_words(present: Present, report: ExitReport) -> bool:
    """Whether the process left by itself and should have said why, but hasn't been heard yet."""
    return present.bye is None and present.condemned is None and report.code in EXIT_KINDS


def reason_of(present: Present, report: ExitReport, *, ordered: ExitReason | None) -> ExitReason:
    """How the life ended.

    A frozen verdict stands; then the child's own last words; then an order that was under way; then the exit status.

    Args:
        ordered: the reason of an orderly stop that was under way.
    """
    at = time.time()
    status = {"code": report.code, "signal": report.signal}
    if present.condemned is not None:
        return present.condemned.model_copy(update={**status, "at": at})
    if present.bye is not None:
        return present.bye.model_copy(update={**status, "at": present.bye.at or at})
    if ordered is not None:
        return ordered.model_copy(update={**status, "at": at})
    return status_reason(report, killed_by=present.killed_by)


def status_reason(report: ExitReport, *, killed_by: str = "elsewhere") -> ExitReason:
    """How the life ended, by its exit status alone; `killed_by`: where a signal came from."""
    at = time.time()
    if report.oom:
        return ExitReason(kind="oom", what="the kernel's OOM killer ended it", at=at, signal=report.signal)
    if report.signal is not None:
        return ExitReason(
            kind="killed",
            what=f"killed by {_signal_name(report.signal)} from {killed_by}",
            at=at,
            signal=report.signal,
        )
    if report.unknown:
        return ExitReason(kind="unknown", what="it ended while nobody could read its exit status", at=at)
    return ExitReason(
        kind="exited", what=f"it exited with status {report.code} without saying why", at=at, code=report.code
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
