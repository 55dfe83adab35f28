"""What happened, as it was written down: events and logs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from wakeful_runtime.cli import past
from wakeful_runtime.cli.logline import readable
from wakeful_runtime.cli.options import FollowOption, JsonOption, NodeOption, PathArgument, directory
from wakeful_runtime.cli.screen import cell, put_json, put_line
from wakeful_runtime.evidence.localtime import clock

_POLL_S = 0.3
_PAGE = 1000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(events)
    app.command()(logs)


def events(
    path: Annotated[str | None, typer.Argument(metavar="[PATH]", help="Only of this path.")] = None,
    follow: FollowOption = False,
    after: Annotated[int | None, typer.Option("--after", metavar="SEQ", help="Only above this number.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many, the newest.")] = 100,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """The journal: what was started, found, killed, resumed.

    Works without a running node.

    \b
    Examples:
      wakeful events
      wakeful events -f --json | jq -c 'select(.event == "killed")'
    """
    first = past.events(node, after=-1 if after is None else after, limit=limit, path=path)
    if not follow:
        put_json(first) if json else [print(event_line(row)) for row in first]
        return
    for row in _followed(node, first, after, path):
        put_line(row) if json else print(event_line(row), flush=True)


def _followed(
    node: str | None, first: list[dict[str, Any]], after: int | None, path: str | None
) -> Iterator[dict[str, Any]]:
    last = after or 0
    found = first
    while True:
        for row in found:
            last = max(last, int(row.get("seq", 0)))
            yield row
        if len(found) < _PAGE:
            time.sleep(_POLL_S)
        found = past.events(node, after=last, limit=_PAGE, path=path)


def event_line(row: Mapping[str, Any]) -> str:
    """`14:03:07  research/weekly#3  restarted  why=killed`."""
    own = {"seq", "at", "event", "path", "incarnation", "id", "mono", "boot_id", "run_id"}
    life = f"#{row['incarnation']}" if row.get("incarnation") else ""
    fields = " ".join(f"{key}={cell(key, value)}" for key, value in row.items() if key not in own and value is not None)
    line = f"{clock(row.get('at', ''))}  {row.get('path') or 'node'}{life}  {row.get('event')}  {fields}"
    return " ".join(line.splitlines()).rstrip()


def logs(
    path: PathArgument,
    follow: FollowOption = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="The last so many.")] = 200,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """What a process has printed and logged.

    Over all its lives: what was printed as it was, what was logged with its time and #life; --json has the file's own
    lines. Works without a running node.

    \b
    Examples:
      wakeful logs weekly
      wakeful logs weekly -f
    """
    where = directory(node)
    file = where.log(past.logged_path(node, path))
    found, end = tail(file, lines)
    if not follow:
        put_json(found) if json else [print(readable(line)) for line in found]
        return
    for line in chain(found, growing(file, end)):
        put_line({"line": line}) if json else print(readable(line), flush=True)


def tail(file: Path, lines: int) -> tuple[list[str], int]:
    """The last lines of a log, and the place after them."""
    with file.open("rb") as opened:
        opened.seek(0, 2)
        size = opened.tell()
        opened.seek(max(0, size - 512 * max(lines, 1) - 65536))
        text = opened.read(size - opened.tell()).decode("utf-8", "replace")
    return text.splitlines()[-lines:] if lines else [], size


def growing(file: Path, at: int) -> Iterator[str]:
    """Each whole line from a place on, as it is added; from the start when the file was cut or replaced."""
    inode, rest = file.stat().st_ino, b""
    while True:
        about = file.stat()
        if about.st_ino != inode or about.st_size < at:
            at, inode, rest = 0, about.st_ino, b""
        if about.st_size == at:
            time.sleep(_POLL_S)
            continue
        with file.open("rb") as opened:
            opened.seek(at)
            piece = opened.read(1 << 20)
        at += len(piece)
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
