"""A LangGraph graph in a session: killed anywhere, it ends the same and asks its model nothing twice."""

from __future__ import annotations

import operator
from collections import Counter
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from wakeful import Session, SpecError, testing
from wakeful_runtime.adapters.langgraph import durable_model, durable_run

asked: list[str] = []


class Play(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "play"

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **more: Any
    ) -> ChatResult:
        asked.append(str(messages[-1].text))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"re {messages[-1].text}"))])

    def _generate(self, *args: Any, **more: Any) -> ChatResult:
        raise NotImplementedError


class Seen(TypedDict):
    seen: Annotated[list[str], operator.add]


model = durable_model(Play())


async def first(state: Seen) -> dict[str, list[str]]:
    """Asks the same twice: these are two questions."""
    answers = [await model.ainvoke([HumanMessage(text)]) for text in ("a", "a", "b")]
    return {"seen": [answer.text for answer in answers]}


async def second(state: Seen) -> dict[str, list[str]]:
    answer = await model.ainvoke([HumanMessage("c")])
    return {"seen": [answer.text, interrupt("good?")]}


builder = StateGraph(Seen)
builder.add_node("first", first)
builder.add_node("second", second)
builder.add_edge(START, "first")
builder.add_edge("first", "second")
builder.add_edge("second", END)
graph = builder.compile()


async def yes(waits: Any) -> str:
    return "yes"


class Asks(Session[Any]):
    async def run(self, task: str) -> list[str]:
        result = await durable_run(graph, {"seen": [task]}, answer=yes)
        return list(result["seen"])


class Alone(Session[Any]):
    async def run(self, task: str) -> Any:
        return await durable_run(graph, {"seen": [task]})


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    asked.clear()


@pytest.mark.parametrize("times", range(1, 5))
async def test_a_killed_run_ends_the_same_and_asks_nothing_twice(times: int) -> None:
    whole = await testing.live(Asks, task="x")
    assert whole.result == ["x", "re a", "re a", "re b", "re c", "yes"]
    calls = Counter(asked)
    asked.clear()
    life = await testing.live(Asks, task="x", crash_at=("answer", times))
    assert life.outcome is None
    life = await testing.live(Asks, resumed=life)
    assert life.result == whole.result
    assert Counter(asked) == calls


async def test_each_model_call_is_a_lease_and_each_node_is_progress() -> None:
    life = await testing.live(Asks, task="x")
    assert [lease.seconds for lease in life.leases] == [600] * 4
    assert [(progress.note or "").rpartition(" ")[2] for progress in life.progress] == ["first", "second"]


async def test_a_graph_that_waits_for_nobody_says_so() -> None:
    with pytest.raises(SpecError, match=r"waits for an answer to 'good\?'"):
        await testing.live(Alone, task="x")


async def test_a_graph_with_another_checkpointer_is_refused() -> None:
    with pytest.raises(SpecError, match="InMemorySaver"):
        await durable_run(builder.compile(checkpointer=InMemorySaver()), {"seen": []})
