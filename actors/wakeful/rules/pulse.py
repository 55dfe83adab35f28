"""What a child's control thread says of it, as it comes over the control lane: nothing of it is trusted unread.

All times are CLOCK_MONOTONIC seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeful.errors import CodecError

LINE = 500
"""Characters of a line's place that are kept."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease that counts, also after its end as long as it stays open."""

    id: int
    what: str
    since: float
    until: float
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """The run's last checkpoint; `at` as the host gave it."""

    name: str
    seq: int
    at: float


@dataclass(frozen=True, slots=True)
class Program:
    """The program a command's host runs.

    Attributes:
        pid: its process.
        stopped_at: when a signal stopped it; None: it isn't.
        silent_since: its last sign of life, once the next one is late; None while all is well or none is promised.
        within: seconds between two of them at most.
        sign: what is missing, for people.
    """

    pid: int
    stopped_at: float | None = None
    silent_since: float | None = None
    within: float = 0.0
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the child's control thread says of it.

    Attributes:
        ready: `on_start` has returned.
        state: starting, running, waiting or stopping.
        waiting_for: inbox, child, resource or store while `progress_stands`.
        progress_at: the run's last own act; the host moves it on by the time the clock stood still.
        progress_stands: the clock stands still now.
        waits_since: since when it has waited for that, or None.
        progress_reported: this run has called `progress` or made a checkpoint in this life.
        done, total, note: its latest own report.
        lease: the lease that counts, or None.
        blocking_until: the end of the last open lease that also excuses a blocked loop or a held GIL, or None.
        in_hand_since: since when a message is being handled, or None.
        handled: messages handled in this life.
        depth: messages waiting in the mailbox.
        checkpoint: the last one, or None.
        line: the line of the user's it was at, `file.py:123 in fetch`; empty if none was seen. Judges nothing.
        program: what a command's host runs, or None.
    """

    ready: bool = True
    state: str = "running"
    waiting_for: str | None = None
    progress_at: float = 0.0
    progress_stands: bool = False
    waits_since: float | None = None
    progress_reported: bool = False
    done: float | None = None
    total: float | None = None
    note: str | None = None
    lease: Lease | None = None
    blocking_until: float | None = None
    in_hand_since: float | None = None
    handled: int = 0
    depth: int = 0
    checkpoint: CheckpointFacts | None = None
    line: str = ""
    program: Program | None = None


def read_pulse(body: Mapping[str, Any]) -> Pulse:
    """The facts of a hello or an answer as they came over the control lane.

    Raises:
        CodecError: a field has the wrong type; nothing of it is believed.
    """
    try:
        done, total, note = _report(body.get("progress"))
        return Pulse(
            ready=bool(body.get("ready", False)),
            state=_text(body.get("state")) or "running",
            waiting_for=_text(body.get("waiting_for")),
            progress_at=_number(body.get("progress_at")) or 0.0,
            progress_stands=bool(body.get("progress_stands", False)),
            waits_since=_number(body.get("waits_since")),
            progress_reported=bool(body.get("progress_reported", False)),
            done=done,
            total=total,
            note=note,
            lease=read_lease(body.get("lease")),
            blocking_until=_number(body.get("blocking_until")),
            in_hand_since=_number(body.get("in_hand_since")),
            handled=int(_number(body.get("handled")) or 0),
            depth=int(_number(body.get("depth")) or 0),
            checkpoint=_checkpoint(body.get("checkpoint")),
            line=(_text(body.get("line")) or "")[:LINE],
            program=_program(body.get("program")),
        )
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise CodecError(f"facts of a child that aren't what they should be: {error}") from None


def _report(value: Any) -> tuple[float | None, float | None, str | None]:
    if value is None:
        return None, None, None
    done, total, note = value
    return _number(done), _number(total), _text(note)


def read_lease(value: Any) -> Lease | None:
    """A lease as it came over the control lane.

    Raises:
        TypeError, ValueError, KeyError, OverflowError: it isn't one.
    """
    if value is None:
        return None
    return Lease(
        id=int(value["id"]),
        what=str(value["what"])[:200],
        since=_finite(value["since"]),
        until=_finite(value["until"]),
        blocking=bool(value["blocking"]),
    )


def _checkpoint(value: Any) -> CheckpointFacts | None:
    if value is None:
        return None
    return CheckpointFacts(name=str(value["name"]), seq=int(value["seq"]), at=_finite(value["at"]))


def _program(value: Any) -> Program | None:
    if value is None:
        return None
    return Program(
        pid=int(_finite(value["pid"])),
        stopped_at=_number(value["stopped_at"]),
        silent_since=_number(value["silent_since"]),
        within=_finite(value["within"]),
        sign=str(value["sign"])[:200],
    )


def _number(value: Any) -> float | None:
    return None if value is None else _finite(value)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
