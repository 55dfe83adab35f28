"""From how a program ended to why its life did."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from wakeful.exits import ExitReason
from wakeful.plan import CommandPlan
from wakeful.rules.exitcodes import meaning_of
from wakeful_runtime.command.program import End

LINES = 20
"""Of its last output that go with the reason."""

_TAIL = 32 * 1024
_LINE = 300


def reason_of(end: End, plan: CommandPlan, said: list[str], *, ready: bool, errno: int | None) -> ExitReason:
    """Why a life is over whose program ended by itself, without having done its job.

    Args:
        said: the last lines it printed.
        ready: whether it had become ready.
        errno: what it said it would fail with (sd_notify's ERRNO).
    """
    name = Path(plan.argv[0]).name
    what = f"{name} {_how(end)}"
    if errno is not None:
        what += f" ({os.strerror(errno)})"
    if said:
        what += f": {said[-1][:_LINE]}"
    never = meaning_of(end.code, success=plan.success, never_restart=plan.never_restart) == "never"
    kind = "fatal" if never else "start_failed" if not ready else "killed" if end.signal is not None else "exited"
    return ExitReason.model_validate(
        {
            "kind": kind,
            "what": f"{what} (no restart can help, says never_restart)" if never else what,
            "at": time.time(),
            "code": end.code,
            "signal": end.signal,
            "detail": "\n".join(said),
        }
    )


def last_said(log: int, since: int, own: str) -> list[str]:
    """The last lines of a life's log from an offset on, without the host's own.

    Args:
        log: a descriptor of it.
        own: what the host's own lines contain.
    """
    try:
        size = os.fstat(log).st_size
        with open(f"/proc/self/fd/{log}", "rb") as file:  # noqa: PTH123 (written through a descriptor that can't be read)
            file.seek(max(since, size - _TAIL))
            text = file.read(_TAIL).decode(errors="replace")
    except OSError:
        return []
    lines = [line.rstrip() for line in text.splitlines()]
    return [line for line in lines if line and not (line.startswith("{") and own in line)][-LINES:]


def _how(end: End) -> str:
    if end.code is not None:
        return f"exited with status {end.code}"
    if end.signal is None:
        return "ended, and nobody could read its exit status"
    try:
        return f"was killed by {signal.Signals(end.signal).name}"
    except ValueError:
        return f"was killed by signal {end.signal}"
