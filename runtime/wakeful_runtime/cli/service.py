"""A node as a service of the machine: unit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wakeful_runtime.cli.node import TargetArgument
from wakeful_runtime.cli.options import NodeOption, directory


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(unit)


def unit(
    target: TargetArgument,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="For the whole machine, run as this user.")
    ] = None,
    node: NodeOption = None,
) -> None:
    """Print a systemd unit that runs a tree.

    Without --user it is one of your own (`systemctl --user`), or root's for the machine.

    \b
    Examples:
      wakeful unit agents.py:tree > ~/.config/systemd/user/wakeful.service
      wakeful --node /var/lib/agents unit /srv/agents.py:tree --user agents
    """
    import os
    import sys

    from wakeful_runtime.service.unit import Service, unit_text
    from wakeful_runtime.tree.treefile import load, parse

    plan, parsed = load(target), parse(target)
    service = Service(
        python=sys.executable,
        node=str(directory(node).root),
        target=f"{parsed.file}:{parsed.name}" if parsed.file else target,
        folder=str(parsed.file.parent if parsed.file else Path.cwd()),
        user=user,
        machine=user is not None or os.geteuid() == 0,
    )
    print(unit_text(service, plan), end="")
