"""Options and arguments that many commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wakeful_runtime.prompt import PLAIN, Prompt

if TYPE_CHECKING:
    from wakeful_runtime.directory import NodeDirectory

NodeOption = Annotated[
    str | None,
    typer.Option(
        "--node",
        metavar="DIR",
        help="The node's directory; else $WAKEFUL_NODE, else ~/.local/state/wakeful/default.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value on stdout and nothing else.")]
FollowOption = Annotated[bool, typer.Option("-f", "--follow", help="Go on as more comes; Ctrl-C ends it.")]
AllOption = Annotated[bool, typer.Option("--all", help="The whole node.")]

_PATH_HELP = "A path such as research/weekly, a session key, a label, or an unambiguous end of one."
PathArgument = Annotated[str, typer.Argument(metavar="PATH", help=_PATH_HELP, show_default=False)]
OptionalPathArgument = Annotated[str | None, typer.Argument(metavar="[PATH]", help=_PATH_HELP, show_default=False)]


_prompt = PLAIN


def use_node(node: str | None) -> None:
    """Take `--node`, given before or after the command, for this process and what it starts."""
    global _prompt
    if node is not None:
        os.environ["WAKEFUL_NODE"] = node
        _prompt = Prompt.naming(Path(node).expanduser().absolute())


def prompt() -> Prompt:
    """How the commands begin that are said to this person: as they have begun theirs."""
    return _prompt


def begin_anew() -> None:
    """No node has been named yet: what is known of an earlier command line of this process is forgotten."""
    global _prompt
    _prompt = PLAIN


def directory(node: str | None) -> NodeDirectory:
    """The node's directory; the one after the command wins over the one before it."""
    from wakeful_runtime.directory import NodeDirectory, default_directory

    use_node(node)
    return NodeDirectory(default_directory())


def wrong_use(message: str) -> typer.BadParameter:
    """To raise: exit code 2."""
    return typer.BadParameter(message)
