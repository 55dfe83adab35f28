"""The MCP server of a real node, asked by the SDK's own client."""

from __future__ import annotations

import os
import sys
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent
from tests.system.web.conftest import Harness, headers_of, url_of

from wakeful_runtime.directory import NodeDirectory

pytestmark = pytest.mark.timeout(300)

MODES = ("auto", "legacy")
"""Today's protocol, and that of clients from before it."""


async def work(client: Client, label: str) -> None:
    """What a model does: start a session, look until it is over, ask why, make a mistake."""
    assert len((await client.list_tools()).tools) == 9
    spawned = await told(client, "sessions_spawn", {"task": "x", "label": label})
    assert spawned["status"] == "accepted"
    found = await told(client, "session_status", {"sessionKey": spawned["key"]})
    assert found["path"] == f"sessions/{label}"
    listed = await told(client, "sessions_list", {"limit": 5})
    assert spawned["path"] in [row["path"] for row in listed["result"]]
    assert isinstance((await told(client, "why", {}))["result"], list)
    history = await told(client, "sessions_history", {"label": label})
    assert history["path"] == spawned["path"]
    mistake = await client.call_tool("session_status", {"label": "nobody"})
    assert mistake.is_error
    assert isinstance(mistake.content[0], TextContent)
    assert "Call sessions_list" in mistake.content[0].text


async def told(client: Client, tool: str, args: dict[str, Any]) -> dict[str, Any]:
    result = await client.call_tool(tool, args)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    found: dict[str, Any] = result.structured_content
    return found


def stdio(directory: NodeDirectory) -> StdioServerParameters:
    command = ["-m", "wakeful_runtime.cli", "--node", str(directory.root), "mcp"]
    return StdioServerParameters(command=sys.executable, args=command, env={**os.environ})


async def test_over_stdio(harness: Harness, web: httpx.Client) -> None:
    for mode in MODES:
        async with Client(stdio_client(stdio(harness.directory)), mode=mode) as client:
            await work(client, mode)


async def test_over_http_with_the_token_also_after_the_web_was_killed(harness: Harness, web: httpx.Client) -> None:
    url = f"{url_of(harness)}/mcp"
    async with (
        httpx2.AsyncClient(headers=headers_of(harness), timeout=30.0) as http,
        Client(streamable_http_client(url, http_client=http), mode=MODES[0]) as new,
        Client(streamable_http_client(url, http_client=http), mode=MODES[1]) as old,
    ):
        await work(new, "one")
        await work(old, "two")
        before = harness.row("web")["incarnation"]
        harness.kill("web")
        harness.until(lambda: harness.row("web")["incarnation"] > before)
        assert url_of(harness) + "/mcp" == url
        await work(new, "three")
        await work(old, "four")


def test_over_http_without_the_token_or_from_a_page_there_is_no_entry(harness: Harness, web: httpx.Client) -> None:
    url = f"{url_of(harness)}/mcp"
    assert httpx.post(url, json={}).status_code == 401
    assert web.post("/mcp", json={}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert web.post("/mcp", json={}, headers={"Host": "evil.example"}).status_code == 403
    big = b'{"x": "' + b"x" * 2_000_000 + b'"}'
    assert web.post("/mcp", content=big, headers={"Content-Type": "application/json"}).status_code == 413


async def test_without_a_node_the_model_is_told_whom_to_ask(node_directory: NodeDirectory) -> None:
    async with Client(stdio_client(stdio(node_directory))) as client:
        result = await client.call_tool("sessions_list", {})
        assert result.is_error
        assert isinstance(result.content[0], TextContent)
        command = f"wakeful --node {node_directory.root} run TARGET"
        assert f"tell the person to start the node with `{command}`" in result.content[0].text
