"""How the MCP server is reached: over stdio by a program that starts it, over HTTP beside the web."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.types import ASGIApp

from wakeful_runtime.clients.calling import Calling
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.mcp.server import Call, build_server
from wakeful_runtime.prompt import Prompt

MAX_BYTES = 1024 * 1024


async def over_stdio(directory: NodeDirectory) -> None:
    """Serve the program at the other end of stdin and stdout, until it closes them. The node may come and go."""
    calling = Calling(directory)
    server = build_server(calling.call, prompt=Prompt.from_anywhere(directory.root))
    try:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
    finally:
        calling.close()


@asynccontextmanager
async def over_http(call: Call, directory: NodeDirectory) -> AsyncGenerator[ASGIApp]:
    """The application for /mcp, behind the web's guard. It remembers no sessions: any life of the web answers."""
    prompt = Prompt.from_anywhere(directory.root)
    manager = StreamableHTTPSessionManager(
        build_server(call, prompt=prompt), stateless=True, json_response=True, max_request_body_size=MAX_BYTES
    )
    async with manager.run():
        yield StreamableHTTPASGIApp(manager)
