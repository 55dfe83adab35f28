"""What may leave the machine of a text: no URL beyond its host, nothing that looks like a secret or is a known one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

LONGEST = 400
"""Of one line, characters."""

_URL = re.compile(r"\b([a-z][a-z0-9+.-]{1,30})://[^\s'\"<>|)\]}]+", re.IGNORECASE | re.ASCII)
_SECRET_NAME = r"[\w-]*(?:token|secret|password|passwd|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w-]*"
_ASSIGNED = re.compile(rf"(?<!\w)({_SECRET_NAME})(['\"]?\s*[=:]\s*)(['\"]?)[^\s'\",;&]+\3", re.IGNORECASE | re.ASCII)
_BEARER = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE | re.ASCII)
_WELL_KNOWN = re.compile(r"\b(?:sk-|ghp_|gho_|github_pat_|xox[abprs]-|AKIA|AIza|eyJ)[A-Za-z0-9._-]{8,}", re.ASCII)
_NAMED = re.compile(rf"{_SECRET_NAME}|\w+_(?:key|pass)", re.IGNORECASE | re.ASCII)
_SHORTEST_SECRET = 6
_LOOKED_AT = 2000
"""Of a longer text, only so much is searched, and no more than `LONGEST` of it leaves."""


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of at most `LONGEST` characters without secrets.

    Args:
        secrets: texts to leave out wherever they stand, the longest first.
    """
    line = " ".join(text.split())
    for secret in secrets:
        line = line.replace(secret, "…")
    line = _URL.sub(_host_only, line[:_LOOKED_AT])
    line = _BEARER.sub(r"\1 …", line)
    line = _ASSIGNED.sub(r"\1\2…", line)
    line = _WELL_KNOWN.sub("…", line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def secrets_of(environment: Mapping[str, str], more: Iterable[str] = ()) -> tuple[str, ...]:
    """Values of variables that are called like a secret, and `more`; the longest first."""
    named = {value for name, value in environment.items() if _NAMED.fullmatch(name)}
    return tuple(
        sorted((each for each in {*named, *more} if len(each) >= _SHORTEST_SECRET), key=lambda each: (-len(each), each))
    )


def _host_only(match: re.Match[str]) -> str:
    scheme, _, rest = match[0].partition("://")
    if scheme.lower() not in ("http", "https"):
        return f"{scheme}://…"
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    return f"{scheme}://{host}" + ("/…" if len(rest) > len(authority) else "")
