"""The script entry: the commands put together, and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, cast

import typer

from wakeful_runtime.cli import (
    alerts,
    cron,
    doctor,
    failures,
    history,
    inspection,
    mcp,
    node,
    review,
    service,
    sessions,
    show,
    store,
    web,
    wrapping,
)
from wakeful_runtime.cli.options import NodeOption, begin_anew, prompt, use_node

UsageError = cast("type[Exception]", typer.BadParameter.__base__)
"""Typer's own name for it depends on its version."""
DONE, FAILED, WRONG_USE, NO_NODE = 0, 1, 2, 3

app = typer.Typer(
    name="wakeful",
    help="Keep long-running agent sessions alive: run a tree of them, see why one is silent, bring it back.",
    epilog="Start with `wakeful demo`. Exit codes: 0 done, 1 failed, 2 wrong use or a bad tree, 3 no node runs there.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def wakeful(
    context: typer.Context,
    node: NodeOption = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    """What holds for every command."""
    use_node(node)
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"wakeful {installed('wakeful')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(WRONG_USE)


for room in (
    node,
    show,
    sessions,
    cron,
    inspection,
    history,
    review,
    alerts,
    store,
    failures,
    doctor,
    web,
    mcp,
    wrapping,
    service,
):
    room.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr."""
    begin_anew()
    try:
        status = app(args=arguments, standalone_mode=False)
    except UsageError as error:
        return _wrong_use(error)
    except _told() as error:
        return _fail(error)
    return status if isinstance(status, int) else DONE


def _told() -> tuple[type[BaseException], ...]:
    # Evaluated only when something was raised: `wakeful ps --help` must not pay for these imports.
    from wakeful.errors import WakefulError

    return (WakefulError, OSError)


def _wrong_use(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    text = str(getattr(error, "format_message", lambda: error)()).replace("Value error, ", "")
    command = context.command_path if context is not None else "wakeful"
    print(f"{command}: {prompt().put(' '.join(text.split()))} (see {command} --help)", file=sys.stderr)
    return WRONG_USE


def _fail(error: BaseException) -> int:
    from wakeful.errors import SpecError
    from wakeful_runtime.clients.client import NoNode

    print(f"wakeful: {prompt().put(' '.join(str(error).split())) or type(error).__name__}", file=sys.stderr)
    if isinstance(error, NoNode):
        return NO_NODE
    return WRONG_USE if isinstance(error, SpecError) else FAILED
