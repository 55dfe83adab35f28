"""The tools, asked by the SDK's own client; the node is played."""

from __future__ import annotations

import time
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult, ListToolsResult, TextContent

from wakeful.errors import CodecError
from wakeful_runtime.clients.calling import CallRefused, NoAnswer
from wakeful_runtime.clients.client import NoNode
from wakeful_runtime.contract.written import as_json
from wakeful_runtime.mcp.clipping import MOST_BYTES, clip
from wakeful_runtime.mcp.limits import STARTS, Limits
from wakeful_runtime.mcp.server import build_server

ROW = {"path": "work/a", "kind": "session", "state": "running", "verdict": "healthy", "key": "agent:a:session:1"}
ANSWERS: dict[str, Any] = {
    "sessions_spawn": {"status": "accepted", "runId": "r", "key": "k", "childSessionKey": "k", "path": "sessions/r"},
    "sessions_send": {"status": "ok", "reply": "done", "runId": "r"},
    "sessions_list": [ROW],
    "session_status": {**ROW, "outcome": None, "lives": 1},
    "sessions_history": {"path": "work/a", "events": [], "lives": [], "checkpoints": []},
    "cron": [{"id": "j", "name": "nightly"}],
    "incidents": [{"id": "i", "path": "work/a", "verdict": "wedged", "opened_at": "2026-12-01T22:00:00Z"}],
    "why": {"path": "work/a", "verdict": "wedged", "what": "the GIL is held", "next": "nothing to do"},
}
CALLS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("sessions_spawn", {"task": "x", "label": "a"}, "sessions_spawn", {"task": "x", "label": "a"}),
    (
        "sessions_send",
        {"label": "a", "message": "hello", "timeoutSeconds": 600},
        "sessions_send",
        {"label": "a", "message": "hello", "timeoutSeconds": 60.0},
    ),
    ("sessions_list", {}, "sessions_list", {"limit": 20}),
    ("session_status", {"sessionKey": "k"}, "session_status", {"sessionKey": "k"}),
    ("sessions_history", {"label": "a", "limit": 3}, "sessions_history", {"label": "a", "limit": 3}),
    ("cron", {"action": "list"}, "cron", {"action": "list"}),
    ("incidents", {"open": True}, "incidents", {"open": True, "limit": 20}),
    ("why", {"path": "a"}, "why", {"path": "a"}),
    ("checkpoint", {"label": "a", "name": "drafts"}, "sessions_send", {"label": "a", "message": "checkpoint:drafts"}),
]


class PlayedNode:
    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers = dict(ANSWERS)

    async def call(self, verb: str, args: dict[str, Any]) -> Any:
        self.asked.append((verb, args))
        answer = self.answers[verb]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def node() -> PlayedNode:
    return PlayedNode()


class Model:
    """A client of the SDK's for each question: its tasks must end in the task they began in."""

    def __init__(self, node: PlayedNode) -> None:
        self._server = build_server(node.call, Limits(time.monotonic))

    async def list_tools(self) -> ListToolsResult:
        async with Client(self._server) as client:
            return await client.list_tools()

    async def call_tool(self, tool: str, args: dict[str, Any]) -> CallToolResult:
        async with Client(self._server) as client:
            return await client.call_tool(tool, args)


@pytest.fixture
def model(node: PlayedNode) -> Model:
    return Model(node)


def words(result: CallToolResult) -> str:
    """What the model reads."""
    return " ".join(part.text for part in result.content if isinstance(part, TextContent))


async def test_there_are_nine_tools_with_words_and_types(model: Model) -> None:
    tools = {tool.name: tool for tool in (await model.list_tools()).tools}
    assert set(tools) == {call[0] for call in CALLS}
    for tool in tools.values():
        assert tool.description and len(tool.description) > 40
        assert tool.output_schema and tool.output_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        assert "OpenClaw; means nothing" not in str(tool.input_schema)
    assert tools["sessions_spawn"].input_schema["required"] == ["task"]


@pytest.mark.parametrize(("tool", "args", "verb", "asked"), CALLS, ids=[call[0] for call in CALLS])
async def test_a_tool_asks_its_verb_and_its_answer_is_of_its_type(
    model: Model, node: PlayedNode, tool: str, args: dict[str, Any], verb: str, asked: dict[str, Any]
) -> None:
    result = await model.call_tool(tool, args)
    assert not result.is_error, words(result)
    assert node.asked == [(verb, asked)]
    answer = ANSWERS[verb]
    wrapped = isinstance(answer, list) or tool == "why"
    assert result.structured_content == ({"result": answer} if wrapped else answer)


@pytest.mark.parametrize(
    ("answer", "said", "do"),
    [
        (NoNode("no node runs in DIR"), "no node runs", "tell the person to start the node with `wakeful run TARGET`"),
        (NoAnswer("no answer within 10 s"), "no answer", "look before you repeat anything that changes something"),
        (CallRefused("there is no 'z' in this node", "missing"), "no 'z'", "Call sessions_list"),
        (CallRefused("the store did not do it", "away"), "the store", "same call again in a few seconds"),
        (CallRefused("'a' may be x/a, y/a", "refused"), "x/a, y/a", "the same call will be refused again"),
        (CodecError("can't be written"), "can't be written", "Correct the arguments"),
        ({"status": "forbidden", "error": "8 of 8 run"}, "8 of 8 run.", "Wait until one of the running sessions"),
        ({"status": "error", "error": "the label is taken"}, "the label is taken", "before you try again"),
    ],
)
async def test_a_refusal_tells_the_model_what_to_do(
    model: Model, node: PlayedNode, answer: Any, said: str, do: str
) -> None:
    node.answers["sessions_spawn"] = answer
    result = await model.call_tool("sessions_spawn", {"task": "x"})
    assert result.is_error
    assert said in words(result)
    assert do in words(result)


@pytest.mark.parametrize(
    ("tool", "args", "said"),
    [
        ("sessions_spawn", {"taks": "x"}, "there is no key 'taks'; did you mean 'task'? Correct the arguments"),
        ("sessions_spawn", {}, "sessions_spawn: task: Field required"),
        ("checkpoint", {"label": "a", "name": "two words"}, "checkpoint: name:"),
        ("sessions_drop", {}, "There are sessions_spawn, sessions_send"),
    ],
)
async def test_a_mistake_is_told_and_the_node_is_not_asked(
    model: Model, node: PlayedNode, tool: str, args: dict[str, Any], said: str
) -> None:
    result = await model.call_tool(tool, args)
    assert result.is_error
    assert said in words(result)
    assert node.asked == []


async def test_a_model_in_a_loop_is_held_back(model: Model, node: PlayedNode) -> None:
    for _ in range(STARTS.burst):
        assert not (await model.call_tool("sessions_spawn", {"task": "x"})).is_error
    result = await model.call_tool("sessions_spawn", {"task": "x"})
    assert result.is_error
    assert "then make this call again" in words(result)
    assert not (await model.call_tool("sessions_list", {})).is_error
    assert len(node.asked) == STARTS.burst + 1


async def test_an_answer_too_long_for_a_model_is_cut_and_told(model: Model, node: PlayedNode) -> None:
    node.answers["incidents"] = [{**ANSWERS["incidents"][0], "evidence": "x" * 100_000}] * 20
    result = await model.call_tool("incidents", {})
    assert not result.is_error
    assert len(words(result)) < MOST_BYTES + 1000
    assert "This answer was cut" in words(result)


@pytest.mark.parametrize(
    "value",
    [
        ["y" * 10] * 100_000,
        {"a": {"b": ["z" * 500] * 1000}},
        [{"evidence": {"stacks": ["frame"] * 500}, "bytes": b"\xff" * 5000} for _ in range(100)],
    ],
)
def test_whatever_is_cut_fits(value: Any) -> None:
    found, shortened = clip(value)
    assert shortened
    assert len(as_json(found)) <= MOST_BYTES


def test_of_a_history_that_is_too_long_the_newest_events_are_kept() -> None:
    events = [{"seq": number, "why": "x" * 100} for number in range(2000)]
    found, shortened = clip({"events": events, "lives": events})
    assert shortened
    assert (found["events"][-1]["seq"], found["lives"][0]["seq"]) == (1999, 0)
    assert [row["seq"] for row in found["events"]] == sorted(row["seq"] for row in found["events"])


def test_what_fits_is_not_touched() -> None:
    assert clip(ANSWERS) == (ANSWERS, False)
