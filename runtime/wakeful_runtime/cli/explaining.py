"""Incidents in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from wakeful_runtime.blame import is_users
from wakeful_runtime.cli.screen import cell, clock
from wakeful_runtime.cli.shapes import as_list, as_mapping

_MOST = 10
_PLACE = re.compile(r"\s*(\S.*):\d+ in ")
"""`FILE:LINE in NAME`, as dumps have it."""


def explain(row: Mapping[str, Any], *, evidence: bool = False) -> list[str]:
    """One answer in about five lines: what, since when, by what facts, what was done, what to type."""
    since = row.get("since") or row.get("at")
    life = f"#{row['incarnation']}" if row.get("incarnation") else ""
    head = f"{row.get('path') or 'node'}{life}: {row.get('verdict') or row.get('state') or 'unknown'}"
    lines = [head + (f" since {clock(since)}" if since else "")]
    if _what(row):
        lines.append(f"  {_first(_what(row))}")
    if row.get("facts"):
        lines.append(f"  facts: {_short(row['facts'])}")
    where = where_it_hung(row.get("evidence"))
    if where:
        lines.append(f"  it was at: {where}")
    if row.get("action") or row.get("outcome"):
        outcome = f" → {row['outcome']}" if row.get("outcome") else ""
        lines.append(f"  done: {row.get('action') or 'nothing'}{outcome}")
    lines.extend(f"  next: {command}" for command in _commands(row.get("next")))
    return lines + (list(_evidence(row.get("evidence"))) if evidence else [])


def explain_all(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """At most ten lines, each with the command to type."""
    if not rows:
        return ["nothing happened in the last 24 h that needs a word"]
    lines: list[str] = []
    for row in rows[:_MOST]:
        command = next(_commands(row.get("next")), f"wakeful why {row.get('path')}")
        at = clock(row.get("since") or row.get("at") or "")
        outcome = f" → {row['outcome']}" if row.get("outcome") else ""
        what = f"{row.get('verdict')}, {_first(_what(row))}"
        lines.append(f"{at}  {row.get('path')}: {what}{outcome}  ({command})")
    if len(rows) > _MOST:
        lines[-1] = f"and {len(rows) - _MOST + 1} more  (wakeful incidents --since 24h)"
    return lines


def _what(row: Mapping[str, Any]) -> str:
    return str(row.get("what") or as_mapping(row.get("facts")).get("words") or "")


def where_it_hung(evidence: object) -> str:
    """The innermost line of the user's own code in the evidence, else the innermost of any: of the work's task, else of
    the main thread.
    """
    texts = [str(text) for key in ("tasks", "threads") for text in as_list(as_mapping(evidence).get(key))]
    for wanted in (is_users, bool):
        for text in texts:
            found = [line.strip() for line in text.splitlines() if (at := _PLACE.match(line)) and wanted(at[1])]
            if found:
                return found[-1]
    return ""


def markdown(row: Mapping[str, Any]) -> str:
    """An incident to paste into a report."""
    lines = [f"## {row.get('path')}: {row.get('verdict')} (incident {row.get('id')})", ""]
    keys = ("at", "since", "what", "thresholds", "facts", "action", "outcome", "closed_at")
    told = [key for key in keys if row.get(key) not in (None, "", {}, [])]
    lines += [f"- **{key.replace('_', ' ')}**: {_short(row[key], 2000)}" for key in told]
    evidence = list(_evidence(row.get("evidence")))
    if evidence:
        lines += ["", "```text", *evidence, "```"]
    return "\n".join(lines) + "\n"


def shown_dump(path: str, answer: Mapping[str, Any]) -> list[str]:
    """A dump of now, sections with their lines."""
    return [path, *(_evidence(answer) or ())]


def _evidence(evidence: object) -> Iterator[str]:
    for key, value in as_mapping(evidence).items():
        if value in (None, "", {}, [], ()):
            continue
        if isinstance(value, Mapping):
            yield f"{key}: {_short(as_mapping(cast('object', value)), 2000)}"
        else:
            yield f"{key}:"
            for item in as_list(value):
                yield from (f"  {line}" for line in str(item).splitlines())


def _commands(following: object) -> Iterator[str]:
    yield from (str(command) for command in as_list(following) if command)


def _first(text: object) -> str:
    return next(iter(str(text).splitlines()), "")


def _short(value: object, most: int = 300) -> str:
    parts = as_mapping(value)
    text = " ".join((", ".join(f"{k} {cell(k, v)}" for k, v in parts.items()) if parts else str(value)).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
