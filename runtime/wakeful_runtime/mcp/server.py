"""The MCP server: lists the tools and calls the node. The one place that imports the SDK's server."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, cast

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as ListedTool
from pydantic import ValidationError

from wakeful.errors import WakefulError
from wakeful_runtime.contract.written import as_json
from wakeful_runtime.mcp.advice import FORBIDDEN, MISTAKEN, REFUSED, advice
from wakeful_runtime.mcp.clipping import clip
from wakeful_runtime.mcp.limits import Limits, TooMuch
from wakeful_runtime.mcp.tools import TOOLS, Tool
from wakeful_runtime.prompt import PLAIN, Prompt

INSTRUCTIONS = (
    "Wakeful keeps agent sessions alive: each runs in a process of its own, is watched, and resumes from its last "
    "checkpoint. Start sessions with sessions_spawn and look at them with session_status; ask `why` when one is silent."
)
Call = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Asks the node (`clients.calling.Calling.call`)."""

Context = ServerRequestContext[Any, Any]


def build_server(call: Call, limits: Limits | None = None, prompt: Prompt = PLAIN) -> Server[Any]:
    """The server of one node.

    Args:
        limits: per caller; None: the usual ones.
        prompt: how the commands begin that a model is to tell its person.
    """
    toolbox = Toolbox(call, limits or Limits(time.monotonic), prompt)
    return Server(
        "wakeful",
        version=version("wakeful"),
        title="Wakeful",
        instructions=INSTRUCTIONS,
        on_list_tools=toolbox.list,
        on_call_tool=toolbox.call,
    )


class Toolbox:
    """Carries out what models ask for. Whatever goes wrong is an answer that says what to do."""

    def __init__(self, call: Call, limits: Limits, prompt: Prompt) -> None:
        self._call = call
        self._prompt = prompt
        self._limits = limits
        self._listed = ListToolsResult(tools=[_listed(tool) for tool in TOOLS.values()])

    async def list(self, context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """All of them, on one page."""
        return self._listed

    async def call(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        """Call one."""
        tool = TOOLS.get(params.name)
        if tool is None:
            return _refusal(f"there is no tool {params.name!r}", f"There are {', '.join(TOOLS)}.")
        try:
            with self._limits.call(_who(context), starts=_starts(tool, params.arguments or {})):
                answer = await self._call(tool.verb, tool.request(params.arguments or {}))
        except TooMuch as error:
            return _refusal(str(error), "")
        except ValidationError as error:
            return _refusal(_first_mistake(tool.name, error), MISTAKEN)
        except WakefulError as error:
            return _refusal(self._prompt.put(str(error)), self._prompt.put(advice(error)))
        return _told(tool, answer)


def _listed(tool: Tool) -> ListedTool:
    return ListedTool(
        name=tool.name,
        description=tool.words,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=ToolAnnotations(read_only_hint=tool.reads, destructive_hint=False, open_world_hint=False),
    )


def _told(tool: Tool, answer: Any) -> CallToolResult:
    if isinstance(answer, dict):
        found = cast("dict[str, Any]", answer)
        if found.get("status") in ("forbidden", "error"):
            what = FORBIDDEN if found["status"] == "forbidden" else REFUSED
            return _refusal(str(found.get("error") or found["status"]), what)
    clipped, shortened = clip(answer)
    structured = {"result": clipped} if tool.wrapped else clipped
    content = [TextContent(type="text", text=as_json(clipped).decode())]
    if shortened:
        content.append(TextContent(type="text", text="This answer was cut; ask for less (limit, path, id) to see all."))
    return CallToolResult(content=list(content), structured_content=structured)


def _refusal(what: str, do: str) -> CallToolResult:
    end = "" if what.endswith((".", "?", "!")) else "."
    return CallToolResult(content=[TextContent(type="text", text=f"{what}{end} {do}".strip())], is_error=True)


def _first_mistake(name: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    what = first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in first["loc"])
    return f"{name}: {where}: {what}" if where else what


def _starts(tool: Tool, arguments: dict[str, Any]) -> bool:
    return tool.starts and (tool.name != "cron" or arguments.get("action") in ("add", "run"))


def _who(context: Context) -> str:
    """Over HTTP all have the same token: machine and program tell callers apart as well as can be."""
    request = context.request
    if request is None:
        return "stdio"
    host = request.client.host if request.client else ""
    return f"{host} {request.headers.get('user-agent', '')[:200]}"
