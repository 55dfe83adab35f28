"""The node as it is now: ps, tree, status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from wakeful_runtime.cli.asking import ask
from wakeful_runtime.cli.options import JsonOption, NodeOption, prompt
from wakeful_runtime.cli.screen import cell, put_json, put_table

COLUMNS = (
    "path",
    "kind",
    "pid",
    "incarnation",
    "state",
    "verdict",
    "restarts",
    "beat_age_s",
    "progress_age_s",
    "checkpoint",
    "memory_mb",
)
"""The contract's keys of a row."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(ps)
    app.command()(tree)
    app.command()(status)


def ps(node: NodeOption = None, json: JsonOption = False) -> None:
    """A row per process: what it is and how it is.

    beat: how long ago it answered a probe; progress, checkpoint: of its work, as it said in that answer; memory: MB.

    \b
    Examples:
      wakeful ps
      wakeful ps --json | jq -r '.[] | select(.state == "review") | .path'
    """
    rows = ask(node, "ps")
    if json:
        put_json(rows)
    else:
        put_table(rows, COLUMNS, empty="nothing runs")


def tree(node: NodeOption = None, json: JsonOption = False) -> None:
    """Draw the tree as it runs.

    \b
    Examples:
      wakeful tree
      wakeful tree --json
    """
    answer = ask(node, "tree")
    if json:
        put_json(answer)
        return
    for line in drawing(answer["rows"]):
        print(line)


def status(node: NodeOption = None, json: JsonOption = False) -> None:
    """Is all well, or does something wait for a person?

    Exit code 0: all is well. 1: something waits for a person. 3: no node runs there.

    \b
    Examples:
      wakeful status || wakeful review
      wakeful status --json
    """
    answer = ask(node, "status")
    if json:
        put_json(answer)
    else:
        for line in status_lines(answer):
            print(line)
    if not answer["healthy"]:
        raise typer.Exit(1)


def status_lines(answer: Mapping[str, Any]) -> list[str]:
    """The first line is the verdict; one more for each thing that waits, with the command to type."""
    waiting: Sequence[str] = answer.get("waiting_for_a_person") or []
    head = "healthy" if answer["healthy"] else f"{len(waiting)} waiting for you" if waiting else "not healthy"
    named = {"up_s": "up", "processes": "processes", "target": "", "directory": "in"}
    facts = [f"{word} {cell(key, answer[key])}".strip() for key, word in named.items() if answer.get(key)]
    lines = [f"{head}: {', '.join(facts)}" if facts else head]
    if answer.get("why"):
        lines.append(f"  {answer['why']}")
    lines += [f"  {path} waits for a person (wakeful why {path}; wakeful resume {path})" for path in waiting]
    return [prompt().put(line) for line in lines]


def drawing(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The supervision tree, a process a line; the node's own processes come first."""
    by_path = {str(row["path"]): row for row in rows}
    children: dict[str, list[str]] = {}
    for path in by_path:
        owner = _owner(path, by_path)
        if owner is not None:
            children.setdefault(owner, []).append(path)
    roots = [path for path in by_path if _owner(path, by_path) is None]
    lines: list[str] = []
    for root in roots:
        _draw(root, by_path, children, "", "", lines)
    return lines


def _owner(path: str, known: Mapping[str, Any]) -> str | None:
    if path in {"gateway", "init", "keeper"}:
        return None
    above = path.rpartition("/")[0]
    while above and above not in known:
        above = above.rpartition("/")[0]
    return above or ("gateway" if "gateway" in known else None)


def _draw(
    path: str,
    rows: Mapping[str, Mapping[str, Any]],
    children: Mapping[str, list[str]],
    lead: str,
    below: str,
    lines: list[str],
) -> None:
    row = rows[path]
    name = path.rpartition("/")[2]
    life = f"#{row['incarnation']}" if row.get("incarnation") else ""
    parts = [str(row.get("kind", "")), str(row.get("state", ""))]
    if row.get("verdict") not in {None, "", "healthy"}:
        parts.append(str(row["verdict"]))
    if row.get("checkpoint"):
        parts.append(f"at {cell('checkpoint', row['checkpoint'])}")
    lines.append(f"{lead}{name}{life}  {' '.join(part for part in parts if part)}")
    here = children.get(path, [])
    for child in here:
        last = child == here[-1]
        _draw(child, rows, children, f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}", lines)
