"""Answers a model can take in: long texts and lists are cut, and it is told."""

from __future__ import annotations

from typing import Any, cast

from wakeful_runtime.contract.written import as_json

MOST_BYTES = 48_000
"""Of JSON in one answer: some 12,000 tokens."""

STEPS = ((4000, 200), (1000, 50), (300, 20), (100, 8), (40, 3))
"""Characters of a text and items of a list, tried until the answer is small enough."""

OLDEST_FIRST = "events"
"""The one list in an answer that is in the order of time."""


def clip(value: Any) -> tuple[Any, bool]:
    """The value, small enough, and whether anything of it is missing."""
    if len(as_json(value)) <= MOST_BYTES:
        return value, False
    found = value
    for characters, items in STEPS:
        found = _clip(value, characters, items, 12)
        if len(as_json(found)) <= MOST_BYTES:
            break
    return found, True


def _clip(value: Any, characters: int, items: int, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= characters else f"{value[:characters]}… ({len(value):,} characters)"
    if isinstance(value, list | dict) and depth == 0:
        return None
    if isinstance(value, list):
        return [_clip(each, characters, items, depth - 1) for each in cast("Any", value)[:items]]
    if isinstance(value, dict):
        pairs = list(cast("Any", value).items())
        kept = pairs[: max(items, 40)]  # the keys an answer always has come to fewer than 40
        return {key: _clip(_end(key, each, items), characters, items, depth - 1) for key, each in kept}
    return value


def _end(key: str, value: Any, items: int) -> Any:
    """Of the list whose newest items come last, those; the others have them first."""
    if key == OLDEST_FIRST and isinstance(value, list):
        return cast("Any", value)[-items:]
    return value
