"""An agent of pydantic-ai in a session: killed anywhere, it ends the same and asks its model nothing twice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic_ai import Agent, ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage, RunUsage

from wakeful import Session, SpecError, testing
from wakeful_runtime.adapters.pydantic_ai import durable_run

asked: list[int] = []
used: list[int] = []
broken: list[str] = []


async def play(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    turn = sum(isinstance(message, ModelResponse) for message in messages)
    asked.append(turn)
    usage = RequestUsage(input_tokens=10, output_tokens=1)
    if broken:
        raise ValueError(broken.pop())
    if turn < 2:
        return ModelResponse(parts=[ToolCallPart("look", {"n": turn}), ToolCallPart("weigh", {"n": turn})], usage=usage)
    seen = [
        part.model_response_str() for message in messages for part in message.parts if isinstance(part, ToolReturnPart)
    ]
    return ModelResponse(parts=[TextPart(str(seen))], usage=usage)


agent = Agent(FunctionModel(play), name="looker", instructions="Look.")


@agent.tool_plain
async def look(n: int) -> str:
    used.append(n)
    return f"thing {n}"


@agent.tool_plain
async def weigh(n: int) -> list[tuple[int, str]]:
    """Its result isn't plain: it is not kept by itself, and comes back as the JSON that the model has seen."""
    return [(n, "kg")]


class Looks(Session[Any]):
    async def run(self, task: str) -> list[Any]:
        usage = RunUsage()
        first = await durable_run(agent, task, usage=usage)
        return [first, usage.requests, usage.input_tokens, await durable_run(agent, task)]


class Renamed(Session[Any]):
    async def run(self, task: str) -> list[Any]:
        return [await durable_run(agent, "in other words")]


class Typed(Session[int]):
    async def run(self, task: str) -> str:
        return await durable_run(agent, task)


class Chats(Session[Any]):
    async def run(self, task: str) -> list[str]:
        heard: list[str] = []
        for _ in range(3):
            mail = await anext(aiter(self.inbox))
            heard.append(await durable_run(agent, mail.text or ""))
        return heard


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    for each in (asked, used, broken):
        each.clear()


WHERE = [(name, times) for name in ("step", "answer", "tool") for times in range(1, 5)]


@pytest.mark.parametrize("where", WHERE)
async def test_a_killed_run_ends_the_same_and_asks_nothing_twice(where: tuple[str, int]) -> None:
    whole = (await testing.live(Looks, task="x")).result
    turns, looked = list(asked), list(used)
    asked.clear()
    used.clear()
    life = await testing.live(Looks, task="x", crash_at=where)
    assert life.outcome is None
    life = await testing.live(Looks, resumed=life)
    assert life.result == whole
    assert asked == turns
    assert used == looked


async def test_a_run_that_is_not_found_again_by_its_name_begins_anew_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warned: list[tuple[str, list[str]]] = []

    def warning(event: str, *, unfinished: list[str]) -> None:
        warned.append((event, unfinished))

    monkeypatch.setattr(Renamed, "log", SimpleNamespace(warning=warning))
    life = await testing.live(Looks, task="x", crash_at=("step", 2))
    await testing.live(Renamed, task="x")
    assert warned == []
    await testing.live(Renamed, resumed=life)
    assert asked == [0, *[0, 1, 2] * 2]
    ((words, unfinished),) = warned
    assert "begins at its first step" in words and len(unfinished) == 1


async def test_each_model_call_is_a_lease_and_each_step_is_progress() -> None:
    life = await testing.live(Looks, task="x")
    assert [lease.seconds for lease in life.leases] == [600] * 6
    assert len(life.progress) == 14
    assert all(lease.closed_at is not None for lease in life.leases)


async def test_a_run_that_is_over_is_no_longer_in_the_checkpoint() -> None:
    life = await testing.live(Looks, task="x")
    assert [len(checkpoint.state["agents"]) for checkpoint in life.checkpoints] == [1] * len(life.checkpoints)


async def test_a_call_that_failed_is_made_again() -> None:
    broken.append("overloaded")
    with pytest.raises(ValueError, match="overloaded"):
        await testing.live(Looks, task="x")
    life = await testing.live(Looks, task="x")
    assert life.outcome == "ok"


async def test_the_same_words_in_another_mail_are_another_question() -> None:
    life = await testing.live(Chats, task="x", mail=["go on", "go on", "go on"])
    assert len(life.result) == 3
    assert asked == [0, 1, 2] * 3


async def test_a_typed_checkpoint_has_no_room_for_an_agent() -> None:
    with pytest.raises(SpecError, match="derive from plain Session"):
        await testing.live(Typed, task="x")


async def test_outside_a_node_it_just_runs() -> None:
    assert "thing 1" in await durable_run(agent, "x")
