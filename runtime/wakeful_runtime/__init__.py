"""What runs a tree on a machine. Run a node, or talk to one: `Node`, `connect`, `Client`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wakeful_runtime.clients.asyncclient import AsyncClient, connect
    from wakeful_runtime.clients.client import Client, NoNode
    from wakeful_runtime.node import Node

__all__ = ["AsyncClient", "Client", "NoNode", "Node", "connect"]

_HOMES = {
    "AsyncClient": "clients.asyncclient",
    "connect": "clients.asyncclient",
    "Client": "clients.client",
    "NoNode": "clients.client",
    "Node": "node",
}


def __getattr__(name: str) -> Any:
    """Loaded when first used: init and the command line must start without ZeroMQ."""
    if name not in _HOMES:
        raise AttributeError(f"module 'wakeful_runtime' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"wakeful_runtime.{_HOMES[name]}"), name)
