"""An agent of the OpenAI Agents SDK in a session: killed anywhere, it ends the same and asks nothing twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import Agent, Model, ModelResponse, RunHooks, Usage, function_tool, set_tracing_disabled
from agents.exceptions import MaxTurnsExceeded
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from wakeful import Session, testing
from wakeful_runtime.adapters.openai_agents import durable_model, durable_run

set_tracing_disabled(True)
asked: list[tuple[str, int]] = []
limit: list[int] = []
heard: list[str] = []


def call(name: str, number: int, arguments: str = "{}") -> Any:
    return ResponseFunctionToolCall(arguments=arguments, call_id=f"c{number}", name=name, type="function_call")


def say(text: str) -> Any:
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(id="m", role="assistant", status="completed", type="message", content=[content])


class Play(Model):
    """Looks twice, hands over to the writer, who looks once more and asks an agent of its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def get_response(self, system_instructions: str | None, input: Any, *args: Any, **more: Any) -> ModelResponse:  # noqa: A002
        outputs = [item["output"] for item in input if item.get("type") == "function_call_output"]
        turn = len(outputs)
        asked.append((self.name, turn))
        if self.name == "helper":
            answer = say("helped")
        elif self.name == "reader" and turn == 2:
            answer = call("transfer_to_writer", turn)
        elif turn == 3:
            answer = call("ask_helper", turn, '{"input": "help"}')
        elif turn < 5:
            answer = call("look", turn, f'{{"n": {turn}}}')
        else:
            answer = say(f"{system_instructions} {outputs}")
        return ModelResponse(output=[answer], usage=Usage(requests=1, input_tokens=3), response_id=None)

    def stream_response(self, *args: Any, **more: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


class Hears(RunHooks[Any]):
    async def on_handoff(self, context: Any, from_agent: Any, to_agent: Any) -> None:
        heard.append(to_agent.name)


@function_tool
async def look(n: int) -> str:
    return f"thing {n}"


helper = Agent("helper", model=durable_model(Play("helper")))
writer = Agent(
    "writer", instructions="Written:", model=Play("writer"), tools=[look, helper.as_tool("ask_helper", "Asks it.")]
)
reader = Agent("reader", instructions="Read.", model=Play("reader"), tools=[look], handoffs=[writer])


class Reads(Session[Any]):
    async def run(self, task: str) -> str:
        return str(await durable_run(reader, task, max_turns=limit[0] if limit else 10, hooks=Hears()))


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    for each in (asked, limit, heard):
        each.clear()


@pytest.mark.parametrize("where", [(name, times) for name in ("step", "answer") for times in range(1, 7)])
async def test_a_killed_run_ends_the_same_and_asks_nothing_twice(where: tuple[str, int]) -> None:
    whole = (await testing.live(Reads, task="x")).result
    calls = list(asked)
    assert len(calls) == 7
    asked.clear()
    life = await testing.live(Reads, task="x", crash_at=where)
    assert life.outcome is None
    life = await testing.live(Reads, resumed=life)
    assert life.result == whole
    assert whole.startswith("Written:")
    assert asked == calls


async def test_each_model_call_is_a_lease_and_each_hook_is_progress() -> None:
    life = await testing.live(Reads, task="x")
    assert len(life.leases) == 7
    assert "turn 3: reader hands over to writer" in [progress.note for progress in life.progress]


async def test_the_users_hooks_are_called_too() -> None:
    await testing.live(Reads, task="x")
    assert heard == ["writer"]


async def test_the_limit_of_turns_counts_all_lives() -> None:
    limit.append(4)
    life = await testing.live(Reads, task="x", crash_at=("answer", 3))
    with pytest.raises(MaxTurnsExceeded):
        await testing.live(Reads, resumed=life)
    assert [name for name, _ in asked] == ["reader", "reader", "reader", "writer", "helper"]


async def test_outside_a_node_it_just_runs() -> None:
    assert "thing 1" in await durable_run(reader, "x")
