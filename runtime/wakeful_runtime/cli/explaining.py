"""Evidence in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from wakeful_runtime.cli.screen import cell
from wakeful_runtime.cli.shapes import as_list, as_mapping

_MOST = 2000
_NOTHING: tuple[object, ...] = (None, "", {}, [], ())


def shown_dump(path: str, answer: Mapping[str, Any]) -> list[str]:
    """A dump of now, sections with their lines."""
    return [path, *(evidence_lines({key: value for key, value in answer.items() if key != "path"}) or ())]


def evidence_lines(evidence: object) -> Iterator[str]:
    """What was taken from a process, a section after the other."""
    for key, value in as_mapping(evidence).items():
        if value in _NOTHING:
            continue
        if isinstance(value, Mapping):
            parts = {name: part for name, part in as_mapping(cast("object", value)).items() if part not in _NOTHING}
            short = {name: part for name, part in parts.items() if not isinstance(part, list)}
            yield f"{key}: {_short(short)}"
            for name in (name for name in parts if name not in short):
                yield f"  {name.replace('_', ' ')}:"
                yield from (f"    {line}" for item in as_list(parts[name]) for line in str(item).splitlines())
        else:
            yield f"{key}:"
            for item in as_list(value):
                yield from (f"  {line}" for line in str(item).splitlines())


def _short(parts: Mapping[str, Any]) -> str:
    text = " ".join(", ".join(f"{key} {cell(key, value)}" for key, value in parts.items()).split())
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
