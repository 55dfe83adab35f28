"""What a program says of itself, by sd_notify(3) datagrams or by lines: read as data, nothing of it trusted.

The keys are systemd's (sd_notify(3), systemd 257) and Wakeful's own `X_WAKEFUL_…`. As there, keys that nobody knows
are ignored; an own key that is misspelt or says nonsense is refused with a reason.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import cast

from wakeful.rules.news import (
    Alive,
    AliveWithin,
    Barrier,
    Checkpoint,
    Errno,
    Extend,
    Hung,
    MainPid,
    Note,
    Progress,
    Ready,
    Refused,
    Reply,
    Result,
    Said,
    State,
    Waiting,
)

NOTE = 500
"""Characters of a status or a note that are kept."""
NAME = 200
"""Characters of a checkpoint's name."""
LONGEST = 366 * 86400.0
"""Seconds; a promise of more is a mistake."""

_PROGRESS = re.compile(r"(?:(\d{1,15})(?:\s*/\s*(\d{1,15}))?(?:\s+|$))?(.*)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,19}", re.ASCII)


def read(datagram: bytes) -> list[Said]:
    """All that one datagram says: a state before the checkpoint that needs it, a barrier last, else as it came."""
    found = [said for line in datagram.split(b"\n") if (said := read_line(line)) is not None]
    return sorted(found, key=lambda said: -1 if isinstance(said, State) else 1 if isinstance(said, Barrier) else 0)


def read_line(line: bytes) -> Said | None:
    """One `KEY=VALUE`; None for what means nothing here."""
    head, equals, tail = line.partition(b"=")
    key = head.strip().decode("ascii", "replace")
    known = _READERS.get(key)
    if known is None:
        return _unknown(key) if key.startswith("X_WAKEFUL_") else None
    if not equals:
        return Refused(key, "write KEY=VALUE")
    try:
        value = tail.decode().strip()
    except UnicodeDecodeError:
        return Refused(key, "its value is no UTF-8")
    try:
        return known(value)
    except ValueError as error:
        return Refused(key, str(error))


def json_text(text: str) -> str:
    """The text itself, if it is JSON as RFC 8259 has it (no NaN).

    Raises:
        ValueError: it isn't.
    """
    try:
        json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return text


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


@lru_cache(maxsize=64)
def _unknown(key: str) -> Refused:
    near = difflib.get_close_matches(key, [each for each in _READERS if each.startswith("X_")], 1)
    return Refused(key, f"there is no such key; did you mean {near[0]}?" if near else "there is no such key")


def _on(said: Said) -> Callable[[str], Said | None]:
    """For keys that are said with 1."""
    return lambda value: said if value == "1" else None


def _watchdog(value: str) -> Said | None:
    if value == "1":
        return Alive()
    if value == "trigger":
        return Hung()
    raise ValueError(f"{_shown(value)} is neither 1 nor trigger")


def _within(value: str) -> Said:
    return AliveWithin(_seconds(value, least=1))


def _extend(value: str) -> Said:
    return Extend(_seconds(value, least=0))


def _errno(value: str) -> Said:
    return Errno(_number(value))


def _main_pid(value: str) -> Said:
    pid = _number(value)
    if not 1 < pid < 2**31:
        raise ValueError(f"{pid} is no process id")
    return MainPid(pid)


def _progress(value: str) -> Said:
    match = _PROGRESS.fullmatch(value)
    done, total, note = match.groups() if match else (None, None, value)
    return Progress(int(done) if done else None, int(total) if total else None, note.strip()[:NOTE] or None)


def _checkpoint(value: str) -> Said:
    if not 0 < len(value) <= NAME:
        raise ValueError(f"a checkpoint has a name of 1 to {NAME} characters")
    return Checkpoint(value)


def _state(value: str) -> Said:
    if not value:
        raise ValueError("write JSON, or the path of a file that holds it")
    return State(value)


def _waiting(value: str) -> Said:
    return Waiting(value not in ("", "0"))


def _reply(value: str) -> Said:
    body: object = json.loads(json_text(value))
    fields = cast("dict[str, object]", body) if isinstance(body, dict) else {}
    ident, text = fields.get("id"), fields.get("text")
    if isinstance(ident, str) and isinstance(text, str):
        return Reply(ident, text)
    raise ValueError('write {"id": the id of the text, "text": the answer}')


def _keep_nothing(value: str) -> Said:
    return Refused("FDSTORE", "no descriptors are kept here; what must survive belongs into a checkpoint")


def _seconds(value: str, *, least: int) -> float:
    microseconds = _number(value)
    if not least <= microseconds <= LONGEST * 1e6:
        raise ValueError(f"{microseconds} microseconds make no sense here")
    return microseconds / 1e6


def _number(value: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"{_shown(value)} is no number")
    return int(value)


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:40] + "…")


_READERS: dict[str, Callable[[str], Said | None]] = {
    "READY": _on(Ready()),
    "RELOADING": _on(Note("reloading")),
    "STOPPING": _on(Note("stopping")),
    "STATUS": lambda value: Note(value[:NOTE]),
    "ERRNO": _errno,
    "WATCHDOG": _watchdog,
    "WATCHDOG_USEC": _within,
    "EXTEND_TIMEOUT_USEC": _extend,
    "MAINPID": _main_pid,
    "BARRIER": _on(Barrier()),
    "FDSTORE": _keep_nothing,
    "X_WAKEFUL_PROGRESS": _progress,
    "X_WAKEFUL_STATE": _state,
    "X_WAKEFUL_CHECKPOINT": _checkpoint,
    "X_WAKEFUL_RESULT": Result,
    "X_WAKEFUL_WAITING": _waiting,
    "X_WAKEFUL_REPLY": _reply,
}

KEYS = tuple(_READERS)
"""What is understood; anything else of somebody else's is ignored."""
