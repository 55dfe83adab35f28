"""What waits for a person, and letting it go on: review, resume, checkpoints."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wakeful_runtime.cli.asking import ask, ask_about
from wakeful_runtime.cli.options import JsonOption, NodeOption, PathArgument, prompt, wrong_use
from wakeful_runtime.cli.past import checkpoints_of
from wakeful_runtime.cli.screen import put_json, put_table


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (review, resume, checkpoints):
        app.command()(command)


def review(node: NodeOption = None, json: JsonOption = False) -> None:
    """What is parked and waits for a person, and why.

    \b
    Examples:
      wakeful review
      wakeful review --json | jq -r '.[].path'
    """
    rows = ask(node, "review")
    if json:
        put_json(rows)
        return
    rows = [{**row, "next": prompt().put(str(row.get("next") or ""))} for row in rows]
    put_table(rows, _columns(rows, ("path", "since", "why", "what", "verdict", "next")), empty="nothing waits for you")


def resume(
    path: PathArgument,
    from_: Annotated[int | None, typer.Option("--from", metavar="SEQ", help="From this checkpoint.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="From the beginning, without a checkpoint.")] = False,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Let a parked child go on.

    From its last checkpoint, unless told otherwise.

    \b
    Examples:
      wakeful resume weekly
      wakeful checkpoints weekly; wakeful resume weekly --from 41
      wakeful resume weekly --fresh
    """
    if fresh and from_ is not None:
        raise wrong_use("--from and --fresh exclude each other")
    full, answer = ask_about(node, "resume", path, **{"from": 0 if fresh else from_})
    put_json(answer) if json else print(f"{full}: resumed")


def checkpoints(path: PathArgument, node: NodeOption = None, json: JsonOption = False) -> None:
    """The kept checkpoints of a session's run, newest first.

    size: bytes. good: a later life has gone on from it; no: none has had to yet. Older ones are thinned out. Works
    without a running node.

    \b
    Examples:
      wakeful checkpoints weekly
    """
    rows = checkpoints_of(node, path)
    if json:
        put_json(rows)
        return
    put_table(
        rows, _columns(rows, ("seq", "name", "at", "incarnation", "run_id", "size", "good")), empty="no checkpoints"
    )


def _columns(rows: list[dict[str, Any]], wanted: tuple[str, ...]) -> list[str]:
    """Those of the keys that any row has."""
    return [key for key in wanted if any(row.get(key) is not None for row in rows)]
