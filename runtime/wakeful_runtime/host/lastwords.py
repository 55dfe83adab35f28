"""How a life ends, as its own process sees it: from an exception to an ExitReason and an exit status."""

from __future__ import annotations

import time
import traceback

from wakeful.duration import seconds
from wakeful.errors import Fatal, RetryAfter, SpecError
from wakeful.exits import ExitReason, Kind

STATUS: dict[str, int] = {
    "error": 70,
    "budget": 70,
    "killed": 70,
    "fatal": 71,
    "retry_after": 72,
    "start_failed": 73,
    "fenced": 74,
}
"""Exit statuses for people who look with other tools; supervisors go by the last words."""

DETAIL = 64 * 1024
"""Characters of a traceback that are kept: its end."""

_RETRY_DEFAULT = 60.0


def reason_of(error: BaseException, *, starting: bool) -> ExitReason:
    """The reason for an exception of user code that nobody caught.

    Args:
        starting: it came from the import or from `on_start`.
    """
    what = describe(error)
    detail = "".join(traceback.format_exception(error))[-DETAIL:]
    now = time.time()
    if isinstance(error, Fatal):
        return ExitReason(kind="fatal", what=str(error) or "Fatal", at=now, detail=detail)
    if isinstance(error, RetryAfter):
        return ExitReason(kind="retry_after", what=str(error), at=now, delay=_delay(error), detail=detail)
    kind: Kind = "start_failed" if starting else "error"
    if isinstance(error, SystemExit) and not starting:
        return ExitReason(kind="exited", what=what, at=now, code=_code(error), detail=detail)
    return ExitReason(kind=kind, what=what, at=now, detail=detail)


def describe(error: BaseException) -> str:
    """One line: `ValueError: no such page`."""
    text = str(error).strip().split("\n")[0][:500]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def status_of(reason: ExitReason) -> int:
    """The process's exit status: 0 for a returned or ordered end."""
    if reason.kind == "exited":
        return (reason.code or 0) & 0xFF
    return STATUS.get(reason.kind, 0)


def _delay(error: RetryAfter) -> float:
    try:
        return seconds(error.delay, of="RetryAfter(…)")
    except SpecError:
        return _RETRY_DEFAULT


def _code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1
