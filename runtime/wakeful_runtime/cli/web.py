"""The node over HTTP: where it listens, and its token."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Annotated

import typer

from wakeful_runtime.cli.options import JsonOption, NodeOption, directory, wrong_use
from wakeful_runtime.cli.screen import put_json

if TYPE_CHECKING:
    from wakeful.plan import WebPlan

NEEDED = ("starlette", "uvicorn")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(token)


def asked_for(web: str | None, no_web: bool) -> WebPlan | None:
    """Where to listen: as the options say, else as $WAKEFUL_WEB says, else nowhere.

    Raises:
        SpecError: that is no place to listen.
        typer.BadParameter: both options at once, or what it needs is not installed.
    """
    if web is not None and no_web:
        raise wrong_use("write --web or --no-web, not both")
    text = web if web is not None else os.environ.get("WAKEFUL_WEB")
    if no_web or not text:
        return None
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise wrong_use(f"--web needs {' and '.join(missing)}: pip install 'wakeful[web]'")
    from wakeful_runtime.web.address import read_address

    return read_address(text)


def token(
    new: Annotated[bool, typer.Option("--new", help="Make another one; the old one opens nothing any more.")] = False,
    node: NodeOption = None,
    json: JsonOption = False,
) -> None:
    """Show the token that opens the node's web.

    It is made at the first `wakeful run --web`, and stays.

    \b
    Examples:
      curl -H "Authorization: Bearer $(wakeful token)" -d '{}' -H 'Content-Type: application/json' \\
        http://127.0.0.1:8717/v1/ps
      wakeful token --new
    """
    from wakeful_runtime.clients.client import NoNode, runs_in
    from wakeful_runtime.web.place import read_place
    from wakeful_runtime.web.token import new_token, read_token, token_file

    where = directory(node)
    shown = new_token(where) if new and where.root.is_dir() else read_token(where)
    if shown is None:
        raise NoNode(f"{where.root} has no token yet; start a node with `wakeful run TARGET --web 127.0.0.1:8717`")
    place = read_place(where) if runs_in(where) else None
    if json:
        put_json({"token": shown, "file": str(token_file(where)), "url": place["url"] if place else None})
    else:
        print(shown)
