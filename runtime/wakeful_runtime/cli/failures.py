"""Rehearsing failures: chaos and the demo."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from wakeful_runtime.cli.asking import ask_about
from wakeful_runtime.cli.options import JsonOption, NodeOption, PathArgument, prompt
from wakeful_runtime.cli.screen import put_json


class Mode(StrEnum):
    """The failures that can be rehearsed (the contract's names)."""

    KILL = "kill"
    STOP = "stop"
    ERROR = "error"
    LOOP_BLOCK = "loop-block"
    GIL = "gil"
    AWAIT_FOREVER = "await-forever"
    NO_PROGRESS = "no-progress"
    OOM = "oom"
    ORPHAN = "orphan"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(chaos)
    app.command()(demo)


def chaos(
    mode: Annotated[Mode, typer.Argument(metavar="MODE", help=" ".join(Mode), show_default=False)],
    path: PathArgument,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Rehearse a failure on a running child.

    What the node made of it: `wakeful why PATH`.

    \b
    Modes:
      kill           SIGKILL from nowhere
      stop           SIGSTOP: the process is there and does nothing
      error          the next step of its work raises
      loop-block     its event loop is held by a call that doesn't return
      gil            a C call holds the interpreter's lock
      await-forever  it awaits something that never comes
      no-progress    it goes on, and gets nowhere
      oom            its memory grows without end
      orphan         it leaves processes behind and dies
    \b
    Examples:
      wakeful chaos loop-block weekly; wakeful events -f
      wakeful chaos kill research
    """
    full, answer = ask_about(node, "chaos", path, mode=mode.value)
    put_json(answer) if json else print(prompt().put(f"{full}: {mode.value} (see wakeful why {full})"))


def demo(json: JsonOption = False) -> None:
    """Watch real sessions survive, in about a minute.

    Four research sessions read 160 documents from a server that stalls, refuses and cuts connections. Meanwhile one is
    killed, one's loop is blocked, one is made to wait for ever, and their monitor is killed. Exit code 0 only if all of
    it recovered and the result is that of an undisturbed run. Leaves nothing behind.

    \b
    Examples:
      wakeful demo
      wakeful demo --json > report.json
    """
    from wakeful_runtime.demo.stage import perform

    raise typer.Exit(perform(as_json=json))
