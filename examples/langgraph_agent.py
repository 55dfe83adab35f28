"""A LangGraph graph that survives being killed: `wakeful run examples/langgraph_agent.py:tree`.

It needs `pip install 'wakeful[langgraph]'`.

While it runs: `wakeful kill reader`, `wakeful checkpoints reader`, `wakeful why reader`. It goes on with the node that
had not ended, and doesn't ask its model again what that has answered. `python examples/langgraph_agent.py` runs the
same code as a plain script.

The model here only plays one, so that nothing leaves the machine; any chat model of LangChain takes its place. With
MODEL_CALLS=FILE it notes there which calls it began and which it answered.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import asyncio
import os
import sysconfig
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import END, START, MessagesState, StateGraph

from wakeful import Child, Gateway, Monitor, Session
from wakeful_runtime.adapters.langgraph import durable_model, durable_run

MODULES = ["abc", "ast", "cmd", "code", "copy", "csv", "glob", "json", "nntplib", "queue", "stat", "types"]


def note(*words: object) -> None:
    """A line for those who count the model's calls."""
    if path := os.environ.get("MODEL_CALLS"):
        with Path(path).open("a") as file:
            file.write(" ".join(map(str, (os.getpid(), *words))) + "\n")


def lines_of(module: str) -> int:
    """How many lines a module of Python's library has; 0 if there is none of this name."""
    path = Path(sysconfig.get_path("stdlib"), f"{module}.py")
    return len(path.read_text().splitlines()) if path.exists() else 0


class Play(BaseChatModel):
    """Plays a model: asks for one module after the other, then says which is the longest."""

    @property
    def _llm_type(self) -> str:
        return "play"

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **more: Any
    ) -> ChatResult:
        counted = [message for message in messages if isinstance(message, ToolMessage)]
        done = len(counted)
        note("began", done)
        await asyncio.sleep(float(os.environ.get("MODEL_SECONDS", "0.5")))
        if done < len(MODULES):
            call = {"name": "count_lines", "args": {"module": MODULES[done]}, "id": f"call_{done}"}
            answer = AIMessage("", tool_calls=[call], id=f"answer_{done}")
        else:
            lines, module = max((int(message.text), name) for message, name in zip(counted, MODULES, strict=True))
            answer = AIMessage(f"The longest is {module}, with {lines} lines.", id=f"answer_{done}")
        note("answered", done)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _generate(self, *args: Any, **more: Any) -> ChatResult:
        raise NotImplementedError("its nodes are `async def`")


model = durable_model(Play())


async def ask(state: MessagesState) -> dict[str, list[BaseMessage]]:
    """A node: one call of the model."""
    return {"messages": [await model.ainvoke(state["messages"])]}


async def count_lines(state: MessagesState) -> dict[str, list[BaseMessage]]:
    """A node: how many lines the modules have that the model asked for."""
    asked: Any = state["messages"][-1]
    found: list[BaseMessage] = []
    for call in asked.tool_calls:
        lines = await asyncio.to_thread(lines_of, call["args"]["module"])
        found.append(ToolMessage(str(lines), tool_call_id=call["id"]))
    return {"messages": found}


def what_next(state: MessagesState) -> str:
    """After an answer: the tool it asks for, or the end."""
    return "count_lines" if getattr(state["messages"][-1], "tool_calls", None) else END


builder = StateGraph(MessagesState)
builder.add_node("ask", ask)
builder.add_node("count_lines", count_lines)
builder.add_edge(START, "ask")
builder.add_conditional_edges("ask", what_next, ["count_lines", END])
builder.add_edge("count_lines", "ask")
graph = builder.compile(name="reader")


class Reader(Session[Any]):
    """Five lines around the graph."""

    async def run(self, task: str) -> str:
        result = await durable_run(graph, {"messages": [("user", task)]}, config={"recursion_limit": 100})
        return str(result["messages"][-1].text)


tree = Gateway(
    Monitor(
        "agents",
        Child("reader", Reader, task="Which module is the longest?"),
        failures_in_a_row=20,  # by default the third failure without progress is for a person to look at
        max_restarts=100,
    ),
    preload=["wakeful_runtime.adapters.langgraph"],  # imported once, shared by all lives
)

if __name__ == "__main__":
    print(asyncio.run(Reader().run("Which module is the longest?")))
