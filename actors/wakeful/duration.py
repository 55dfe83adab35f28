"""Durations: seconds everywhere inside, words people write at the edge."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from wakeful.errors import SpecError

type_names = "seconds, a text such as '90s' '5m' '2h' '1d', or a timedelta"
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(value: float | str | timedelta, *, of: str = "duration") -> float:
    """The duration in seconds.

    Args:
        value: seconds, `"90s" "5m" "2h" "1h30m"`, or a `timedelta`.
        of: what it is the duration of, for the error.

    Raises:
        SpecError: not a duration, negative, or not finite.
    """
    if isinstance(value, timedelta):
        result = value.total_seconds()
    elif isinstance(value, str):
        result = _parse(value, of)
    elif isinstance(value, bool) or not isinstance(value, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SpecError(f"{of}: {value!r} is not a duration; write {type_names}")
    else:
        result = float(value)
    if not math.isfinite(result) or result < 0:
        raise SpecError(f"{of}: {value!r} must be finite and not negative")
    return result


def _parse(text: str, of: str) -> float:
    squeezed = text.strip().lower()
    try:
        return float(squeezed)
    except ValueError:
        pass
    parts = _PART.findall(squeezed)
    if not parts or "".join(number + unit for number, unit in parts) != squeezed.replace(" ", ""):
        raise SpecError(f"{of}: {text!r} is not a duration; write {type_names}")
    return sum(float(number) * _UNIT[unit] for number, unit in parts)
