"""What the store keeps for a person: dead letters, effects of unknown outcome, and a copy of it all."""

from __future__ import annotations

import json as codec
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wakeful_runtime.cli.asking import ask
from wakeful_runtime.cli.options import JsonOption, NodeOption, PathArgument, directory, wrong_use
from wakeful_runtime.cli.screen import put_json, put_table

_COLUMNS = ["id", "to", "sender", "tag", "deliveries", "deaths", "at", "error"]


class LetterAction(StrEnum):
    """What can be done with a dead letter."""

    RETRY = "retry"
    DROP = "drop"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (deadletters, settle, backup):
        app.command()(command)


def deadletters(
    action: Annotated[LetterAction | None, typer.Argument(metavar="[retry|drop]", show_default=False)] = None,
    letter: Annotated[str | None, typer.Argument(metavar="ID", help="As the list has it.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many, the newest.")] = 100,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Durable messages that nobody could handle, and why.

    `retry` delivers one anew, with a clean record; `drop` gives it up.

    \b
    Examples:
      wakeful deadletters
      wakeful deadletters retry 0f3c52a1
    """
    if action is not None and letter is None:
        raise wrong_use(f"say which: wakeful deadletters {action} ID")
    if action is None or letter is None:
        rows: list[dict[str, Any]] = ask(node, "deadletters", limit=limit)
        put_json(rows) if json else put_table(rows, _COLUMNS, empty="no dead letters")
        return
    answer = ask(node, "deadletters", action=action.value, id=letter)
    done = "will be delivered anew" if action is LetterAction.RETRY else "dropped"
    put_json(answer) if json else print(f"{letter}: {done}")


def settle(
    path: PathArgument,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key given to `once`.", show_default=False)],
    result: Annotated[
        str | None,
        typer.Argument(metavar="[RESULT]", help="With --done: what it returned, JSON or text.", show_default=False),
    ] = None,
    done: Annotated[bool, typer.Option("--done", help="It happened: `once` returns RESULT.")] = False,
    not_done: Annotated[bool, typer.Option("--not-done", help="It did not happen: the next life does it.")] = False,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether an effect of unknown outcome happened.

    A life that ends between an effect's intent and its record leaves it unknown, and its session in review. After this,
    `wakeful resume` lets the session go on.

    \b
    Examples:
      wakeful settle weekly publish --done '{"id": 4711}'
      wakeful settle weekly publish --not-done; wakeful resume weekly
    """
    if done == not_done:
        raise wrong_use("say either --done or --not-done")
    if not_done and result is not None:
        raise wrong_use("what did not happen has no RESULT")
    answer = ask(node, "settle", path=path, key=key, done=done, result=None if result is None else _value(result))
    said = "is done" if done else "is not done; the next life does it"
    put_json(answer) if json else print(f"{path}: {key} {said}")


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; replaced if it is there.")],
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Copy the store to a file, also while it is in use.

    The copy is one moment of it: checkpoints, effects, messages, results, history. Works without a running node. To go
    back to it: `wakeful down`, put FILE in the place of store.sqlite3 in the node's directory, remove
    store.sqlite3-wal and store.sqlite3-shm, `wakeful run`.

    \b
    Examples:
      wakeful backup /backups/wakeful-$(date +%F).sqlite3
    """
    from wakeful_runtime.clients.client import NoNode

    target = file.absolute()
    try:
        answer = ask(node, "backup", file=str(target))
    except NoNode:
        store = directory(node).store
        if not store.exists():
            raise
        answer = {"file": str(target), "bytes": _copy(store, target)}
    put_json(answer) if json else print(f"{answer['file']}: {answer['bytes']:,} bytes")


def _copy(store: Path, target: Path) -> int:
    from wakeful_runtime.store.backup import copy_database

    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        size = copy_database(store, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return size


def _value(text: str) -> Any:
    try:
        return codec.loads(text)
    except ValueError:
        return text
