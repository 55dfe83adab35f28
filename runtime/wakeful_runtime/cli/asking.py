"""Talking to a running node."""

from __future__ import annotations

from typing import Any

from wakeful_runtime.cli.options import directory


def ask(node: str | None, verb: str, **arguments: Any) -> Any:
    """One verb of a running node.

    Raises:
        NoNode: none runs there.
        NodeError: it answers with an error.
    """
    from wakeful_runtime.clients.client import Client

    with Client(directory(node).root) as client:
        return client.call(verb, arguments)


def ask_about(node: str | None, verb: str, path: str, **arguments: Any) -> tuple[str, Any]:
    """One verb about one path: the whole path and the answer.

    Raises:
        NoNode: none runs there.
        NodeError: no such path, more than one, or the verb failed.
    """
    from wakeful_runtime.clients.client import Client

    with Client(directory(node).root) as client:
        full = str(client.call("resolve", {"path": path}))
        return full, client.call(verb, {"path": full, **arguments})
