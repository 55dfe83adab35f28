"""Is this machine fit?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from wakeful_runtime.cli.options import JsonOption, NodeOption, directory
from wakeful_runtime.cli.screen import put_json


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(doctor)


def doctor(
    sessions: Annotated[int, typer.Option("--sessions", min=1, help="How many are to run at once.")] = 50,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Is this machine fit for a node?

    A line for each check: ok, warn (it runs, with less) or bad (it does not), with what to do. Leaves nothing behind.

    Exit code 0: fit. 1: something is bad.

    \b
    Examples:
      wakeful doctor
      wakeful doctor --sessions 500 --node ~/nodes/night
    """
    from wakeful_runtime.doctor import examine

    found = examine(directory(node), sessions=sessions)
    bad = sum(each.state == "bad" for each in found)
    warned = sum(each.state == "warn" for each in found)
    if json:
        put_json({"fit": not bad, "checks": [asdict(each) for each in found]})
    else:
        for each in found:
            print(f"{each.state:4}  {each.check:12} {each.what}")
            if each.do:
                print(f"{'':19}→ {each.do}")
        print(f"{'fit' if not bad else 'not fit'}: {bad} bad, {warned} to mind, {len(found) - bad - warned} ok")
    if bad:
        raise typer.Exit(1)
