"""The node's own actor `web`."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from wakeful.errors import NodeError
from wakeful.plan import WebPlan
from wakeful_runtime.gateway.nodeactor import Place, run_node_actor
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.web.address import Names, listen, url_of
from wakeful_runtime.web.place import read_place, write_place
from wakeful_runtime.web.token import Door, ensure_token

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from wakeful_runtime.clients.calling import Calling
    from wakeful_runtime.directory import NodeDirectory

PAGE_S = 5.0
REBIND_S = 5.0
"""How long the port of the life before may still be taken."""

_AGAIN_S = 0.1


def main(birth: Birth) -> int:
    """Run the web; the exit status."""
    return run_node_actor(birth, serve)


async def serve(place: Place) -> None:
    """Listen and answer until told to stop."""
    from wakeful_runtime.clients.calling import Calling
    from wakeful_runtime.web.app import application
    from wakeful_runtime.web.server import WebServer

    for chatty in ("mcp", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    plan = place.start.plan.web
    if plan is None:
        raise NodeError("this node was started without a web")
    ensure_token(place.directory)
    listener = await _listen(place, plan)
    port = int(listener.getsockname()[1])
    url = url_of(plan.host, port)
    calling = Calling(place.directory)
    async with AsyncExitStack() as stack:
        stack.callback(listener.close)
        stack.callback(calling.close)
        app = application(
            names=Names(plan.host, port),
            door=Door(place.directory),
            url=url,
            call=calling.call,
            journal=lambda path: _pages(place, path),
            stopping=place.stopping,
            beside=await _mcp(stack, calling, place.directory),
        )
        write_place(place.directory, url, port, place.start.epoch)
        place.log.info("listening", url=url)
        asyncio.get_running_loop().call_soon(place.ready)
        await WebServer(app).run_until(place.stopping, listener)


async def _mcp(stack: AsyncExitStack, calling: Calling, directory: NodeDirectory) -> ASGIApp | None:
    """The MCP server, where it is installed."""
    if importlib.util.find_spec("mcp") is None:
        return None
    from wakeful_runtime.mcp.transports import over_http

    return await stack.enter_async_context(over_http(calling.call, directory))


def _pages(place: Place, path: str | None) -> Any:
    async def page(after: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        told = await place.store.request("events", timeout=PAGE_S, after=after, limit=limit, path=path)
        return told["rows"], int(told["last"])

    return page


async def _listen(place: Place, plan: WebPlan) -> socket.socket:
    """A life after the first one listens where that did, though the plan leaves the port open."""
    before = read_place(place.directory) or {}
    port = int(before["port"]) if plan.port == 0 and before.get("epoch") == place.start.epoch else plan.port
    deadline = asyncio.get_running_loop().time() + REBIND_S
    while True:
        try:
            return listen(plan, port)
        except NodeError:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_AGAIN_S)
