"""The node as tools for a language model."""

from __future__ import annotations

import importlib.util
import signal

import typer

from wakeful_runtime.cli.options import NodeOption, directory, wrong_use


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(mcp)


def mcp(node: NodeOption = None) -> None:
    """Serve the node's sessions as MCP tools, over stdin and stdout.

    For the configuration of a program that speaks MCP. A node run with --web serves the same at /mcp.

    \b
    Examples:
      wakeful mcp
      claude mcp add wakeful -- wakeful mcp
      {"mcpServers": {"wakeful": {"command": "wakeful", "args": ["mcp"]}}}
    """
    if importlib.util.find_spec("mcp") is None:
        raise wrong_use("the MCP server needs mcp: pip install 'wakeful[mcp]'")
    import asyncio

    from wakeful_runtime.mcp.transports import over_stdio

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a thread waits for the next line and can not be ended
    asyncio.run(over_stdio(directory(node)))
