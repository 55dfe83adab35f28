"""What came of one attempt to deliver a message, and what the server has said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

OVERLOADED = (429, 503)
"""Statuses with which a server may ask for a pause."""

_WORDS = {
    401: "not authorised: is the token right?",
    403: "forbidden: is the token right?",
    404: "nothing is there: is the URL right?",
    410: "it is gone: make a new webhook",
    429: "too many messages",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt.

    Attributes:
        ok: it has arrived.
        error: why not, without secrets.
        pause: seconds the server asks for before the next attempt; None: it does not.
        perhaps: nobody knows whether it has arrived.
    """

    ok: bool
    error: str = ""
    pause: float | None = None
    perhaps: bool = False


ARRIVED = Outcome(ok=True)


def refused(status: int, headers: Mapping[str, str]) -> Outcome:
    """A server answered with an error."""
    words = _WORDS.get(status)
    pause = retry_after(headers.get("Retry-After")) if status in OVERLOADED else None
    asked = f"; it asks for {pause:g} s" if pause is not None else ""
    return Outcome(ok=False, error=f"HTTP {status}{f' ({words})' if words else ''}{asked}", pause=pause)


def retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date (RFC 9110, 10.2.3); None: none, or no sense."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
    return max(0.0, at - (time.time() if now is None else now))
