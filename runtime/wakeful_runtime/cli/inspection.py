"""Why: verdicts and evidence, of the past and of now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from wakeful_runtime.cli import past
from wakeful_runtime.cli.asking import ask_about
from wakeful_runtime.cli.explaining import evidence_lines, shown_dump
from wakeful_runtime.cli.options import JsonOption, NodeOption, OptionalPathArgument, PathArgument, prompt, wrong_use
from wakeful_runtime.cli.screen import put_json, put_table

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (why, incidents, dump):
        app.command()(command)


def why(path: OptionalPathArgument = None, node: NodeOption = None, json: JsonOption = False) -> None:
    """Why is it silent, why was it killed?

    Of a session that is done: also what it returned. Without PATH: the last 24 h in ten lines, each with the command
    to type.

    \b
    Examples:
      wakeful why weekly
      wakeful why
    """
    answer = past.why(node, path)
    if json:
        put_json(answer)
        return
    from wakeful_runtime.evidence.incidents import day_lines, why_lines

    for line in why_lines(answer, prompt()) if isinstance(answer, dict) else day_lines(answer, prompt()):
        print(line)
    if isinstance(answer, dict) and answer.get("result"):
        print(f"  result: {answer['result']}")


def incidents(
    number: Annotated[str | None, typer.Argument(metavar="[ID]", help="One incident, whole.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="22:00, 2h, or 2026-11-03T22:00.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="To paste into a report.")] = False,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """What went wrong, by what evidence, and what was done.

    Works without a running node.

    \b
    Examples:
      wakeful incidents --since 22:00
      wakeful incidents 17 --markdown
    """
    rows = past.incidents(node, since=None if since is None else moment(since), open_only=open_, number=number)
    if json:
        put_json(rows[0] if number is not None and rows else rows)
    elif as_markdown:
        from wakeful_runtime.evidence.incidents import markdown

        for row in rows:
            print(markdown(row))
    elif number is not None and rows:
        from wakeful_runtime.evidence.incidents import why_lines

        for line in (*why_lines(rows[0], prompt()), *evidence_lines(rows[0].get("evidence"))):
            print(line)
    else:
        told = [{**row, "outcome": str(row.get("outcome") or "").replace("incarnation ", "life ")} for row in rows]
        put_table(told, ("id", "at", "path", "incarnation", "verdict", "action", "outcome"), empty="no incidents")


def dump(path: PathArgument, node: NodeOption = None, json: JsonOption = False) -> None:
    """Where a process is now, without disturbing it.

    Its tasks with what they wait for, and its threads.

    \b
    Examples:
      wakeful dump weekly
    """
    full, answer = ask_about(node, "dump", path)
    if json:
        put_json(answer)
        return
    for line in shown_dump(full, answer):
        print(line)


def moment(text: str, *, now: datetime | None = None) -> str:
    """A time as people say it, as RFC 3339 in UTC: `22:00` is the last one, `2h` that long ago.

    Raises:
        typer.BadParameter: neither of these nor an ISO date.
    """
    here = (now or datetime.now(UTC)).astimezone()
    at = _moment(text.strip(), here)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str, now: datetime) -> datetime:
    match = _CLOCK.fullmatch(text)
    if match:
        at = now.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
        return at if at <= now else at - timedelta(days=1)
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        pass
    from wakeful.duration import seconds
    from wakeful.errors import SpecError

    try:
        return now - timedelta(seconds=seconds(text))
    except SpecError:
        raise wrong_use(f"--since: {text!r} is no time; write 22:00, 2h or 2026-11-03T22:00") from None
