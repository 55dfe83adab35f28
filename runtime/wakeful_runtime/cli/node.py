"""A node's own commands: run, check, down."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from wakeful_runtime.cli.asking import ask
from wakeful_runtime.cli.options import JsonOption, NodeOption, directory
from wakeful_runtime.cli.screen import put_json

TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="FILE.py:NAME or MODULE:NAME of a Gateway.", show_default=False)
]
_DOWN_S = 120.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (run, check, down):
        app.command()(command)


def run(
    target: TargetArgument,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running in the background.")] = False,
    web: Annotated[
        str | None,
        typer.Option("--web", metavar="HOST:PORT", help="Listen for HTTP there; else at $WAKEFUL_WEB, else nowhere."),
    ] = None,
    no_web: Annotated[
        bool, typer.Option("--no-web", help="Don't listen for HTTP, whatever $WAKEFUL_WEB says.")
    ] = False,
    node: NodeOption = None,
) -> None:
    """Run a tree until it is told to stop.

    Prints one line when it is ready. Ctrl-C, SIGTERM or `wakeful down` stop it in order.

    What was running when it stopped is resumed by the next run on the same directory.

    \b
    Examples:
      wakeful run overnight.py:tree
      wakeful run overnight.py:tree --detach && wakeful ps
      wakeful --node ~/nodes/night run mypackage.agents:tree
      wakeful run overnight.py:tree --web 127.0.0.1:8717; wakeful token
    """
    from wakeful_runtime.cli import running
    from wakeful_runtime.cli.forgotten import forgotten_awaits
    from wakeful_runtime.cli.planned import missing
    from wakeful_runtime.cli.web import asked_for
    from wakeful_runtime.tree.treefile import load

    where, listen = directory(node), asked_for(web, no_web)
    if detach:
        raise typer.Exit(running.detached(where, target, listen))
    plan = load(target).model_copy(update={"web": listen})
    for line in (*missing(plan), *forgotten_awaits(plan.target)):
        print(f"wakeful: {line}", file=sys.stderr)
    raise typer.Exit(running.foreground(where, plan))


def check(target: TargetArgument, json: JsonOption = False) -> None:
    """Validate a tree and say what is in it.

    Nothing of it is run.

    \b
    Examples:
      wakeful check overnight.py:tree
    """
    from wakeful_runtime.cli.forgotten import forgotten_awaits
    from wakeful_runtime.cli.planned import facts, sketch
    from wakeful_runtime.tree.treefile import load

    plan = load(target)
    if json:
        put_json(facts(plan))
        return
    for line in (*sketch(plan), *forgotten_awaits(plan.target)):
        print(line)


def down(node: NodeOption = None, json: JsonOption = False) -> None:
    """Stop the node in order.

    Sessions get their time to checkpoint; the next `wakeful run` resumes them.

    \b
    Examples:
      wakeful down
    """
    from wakeful_runtime.cli.running import wait_until_gone

    where = directory(node)
    answer = ask(node, "down")
    wait_until_gone(where, _DOWN_S)
    put_json(answer if answer is not None else {"stopped": True}) if json else print("stopped")
