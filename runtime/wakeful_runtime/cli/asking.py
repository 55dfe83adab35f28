"""Talking to a running node, and what to do where none runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wakeful_runtime.cli.options import directory


def ask(node: str | None, verb: str, **arguments: Any) -> Any:
    """One verb of a running node.

    Raises:
        NoNode: none runs there.
        NodeError: it answers with an error.
    """
    from wakeful_runtime.client import Client

    with Client(directory(node).root) as client:
        return client.call(verb, arguments)


def ask_about(node: str | None, verb: str, path: str, **arguments: Any) -> tuple[str, Any]:
    """One verb about one path: the whole path and the answer.

    Raises:
        NoNode: none runs there.
        NodeError: no such path, more than one, or the verb failed.
    """
    from wakeful_runtime.client import Client

    with Client(directory(node).root) as client:
        full = str(client.call("resolve", {"path": path}))
        return full, client.call(verb, {"path": full, **arguments})


def resolve(text: str, paths: Iterable[str]) -> str:
    """The path meant by a path or an unambiguous end of one; whole names before parts of names.

    Raises:
        NodeError: none, or more than one; with the candidates.
    """
    from wakeful.errors import NodeError

    known = sorted(set(paths))
    if text in known:
        return text
    for found in ([p for p in known if p.endswith(f"/{text}")], [p for p in known if p.endswith(text)]):
        if len(found) == 1:
            return found[0]
        if found:
            raise NodeError(f"{text!r} could be {', '.join(found)}; write more of it")
    hint = f"; there are {', '.join(known[:12])}{', …' if len(known) > 12 else ''}" if known else ""
    raise NodeError(f"there is no {text!r}{hint}")
