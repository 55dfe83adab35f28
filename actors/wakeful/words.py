"""What specs have in common: names, words to choose from, and errors that say what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from wakeful.duration import seconds
from wakeful.errors import SpecError
from wakeful.policy import Duration

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def name(value: object, of: str) -> str:
    """A name of a child, monitor, job or agent.

    Raises:
        SpecError: it isn't 1 to 64 letters, digits, `.`, `_`, `-`, the first one a letter or digit.
    """
    if not isinstance(value, str):
        raise SpecError(f"{of}: the name comes first and is a str, not {value!r}")
    if not _NAME.fullmatch(value):
        proposal = re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-._")[:64] or "worker"
        raise SpecError(
            f"{of}: {value!r} is no name: letters, digits, '.', '_' and '-', at most 64; write {proposal!r}"
        )
    return value


def choice(value: Any, kind: Any, of: str) -> Any:
    """One of the words of a Literal.

    Raises:
        SpecError: another one.
    """
    words: tuple[Any, ...] = get_args(kind)
    if value not in words:
        close = difflib.get_close_matches(str(value), [str(word) for word in words], n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        raise SpecError(f"{of}={value!r}: write {', '.join(repr(word) for word in words)}{meant}")
    return value


def no_others(given: Mapping[str, object], known: Iterable[str], of: str) -> None:
    """Refuse keywords a spec doesn't have, with the nearest one it has.

    Raises:
        SpecError: there is one.
    """
    for word in given:
        close = difflib.get_close_matches(word, list(known), n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
        raise SpecError(f"{of}: no option {word!r}; {meant}")


def positive(value: Duration, of: str) -> float:
    """A duration over 0, in seconds.

    Raises:
        SpecError: it isn't one.
    """
    result = seconds(value, of=of)
    if result <= 0:
        raise SpecError(f"{of}: must be more than 0")
    return result


def count(value: object, of: str, *, least: int = 1) -> int:
    """A whole number.

    Raises:
        SpecError: it isn't one, or is too small.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SpecError(f"{of}={value!r}: write a whole number, {least} or more")
    return value


def zone(value: str | None, of: str) -> str | None:
    """A time zone's name.

    Raises:
        SpecError: there is none of that name.
    """
    if value is None:
        return None
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = difflib.get_close_matches(str(value), sorted(available_timezones()), n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ", such as 'Europe/Berlin' or 'UTC'"
        raise SpecError(f"{of}: there is no time zone {value!r}{meant}") from None
    return value
