"""Supervising a command with no tree file, and a tree file to start from: wrap and init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wakeful_runtime.cli.options import NodeOption, directory, prompt

_AS_TYPED = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(context_settings=_AS_TYPED)(wrap)
    app.command()(init)


def wrap(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARGS]...", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="What it is called; else by its program.")] = None,
    ready: Annotated[str, typer.Option("--ready", help="now, notify, port:N or log:REGEX.")] = "now",
    alive: Annotated[
        str | None, typer.Option("--alive", help="notify (it says WATCHDOG=1), or http://HOST:PORT/PATH.")
    ] = None,
    every: Annotated[str, typer.Option("--every", help="How often it is looked after.")] = "60s",
    timeout: Annotated[str, typer.Option("--timeout", help="How long it may be silent then.")] = "20s",
    progress: Annotated[
        str | None, typer.Option("--progress", help="How long it may get nowhere (X_WAKEFUL_PROGRESS).")
    ] = None,
    restart: Annotated[
        str, typer.Option("--restart", help="transient: until it succeeds; permanent: always; temporary: never.")
    ] = "transient",
    alert: Annotated[
        list[str] | None, typer.Option("--alert", help="Whom to tell: a URL, env:NAME, file:PATH.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running in the background.")] = False,
    node: NodeOption = None,
) -> None:
    """Supervise a command, with no tree file.

    It is restarted when it fails or hangs, told what it remembered, and explained by `wakeful why`. Its output comes
    here. Ctrl-C stops it in order; the same command wrapped again resumes it. Exit code 0: it has succeeded.

    \b
    Examples:
      wakeful wrap -- python agent.py --fast
      wakeful wrap --alive http://127.0.0.1:8080/health -- node server.js
      wakeful wrap --detach --name nightly -- ./crawl.sh && wakeful ps
    """
    from wakeful import Child, Command, Gateway, Heartbeat
    from wakeful_runtime.cli.wrapped import check_program, let_go_on, name_of, start, watch

    check_program(command)
    called = name or name_of(command)
    beat = Heartbeat(every, timeout) if progress is None else Heartbeat(every, timeout, progress)
    program = Command(*command, ready=ready, alive=alive, cwd=str(Path.cwd()))
    child = Child(called, program, restart=restart, heartbeat=beat)  # type: ignore[arg-type]
    plan = Gateway(child, alerts=alert or ()).plan().model_copy(update={"target": " ".join(command)})
    started = start(directory(node), plan, called)
    let_go_on(started)
    if detach:
        commands = prompt().put(f"wakeful ps, wakeful why {called}, wakeful down")
        print(f"wakeful: {called} runs in {started.directory.root} ({commands})")
        return
    raise typer.Exit(watch(started))


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("agents.py"),
) -> None:
    """Write a commented tree file to start from.

    It runs as it is; nothing that is there is replaced.

    \b
    Examples:
      wakeful init && wakeful check agents.py:tree && wakeful run agents.py:tree
    """
    from wakeful.errors import NodeError
    from wakeful_runtime.cli.starter import STARTER

    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(STARTER)
    except FileExistsError:
        raise NodeError(f"{file} is there already; name another file: wakeful init FILE") from None
    print(prompt().put(f"{file} is written; try: wakeful check {file}:tree, wakeful run {file}:tree"))
