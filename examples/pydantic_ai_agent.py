"""A pydantic-ai agent that survives being killed: `wakeful run examples/pydantic_ai_agent.py:tree`.

It needs `pip install 'wakeful[pydantic-ai]'`.

While it runs: `wakeful kill reader`, `wakeful checkpoints reader`, `wakeful why reader`. It goes on after the last
answer of its model. `python examples/pydantic_ai_agent.py` runs the same code as a plain script.

The model here only plays one, so that nothing leaves the machine; `Agent("openai:gpt-5", …)` is all it takes to have
a real one. With MODEL_CALLS=FILE it notes there which calls it began and which it answered.
"""

from __future__ import annotations

import asyncio
import os
import sysconfig
from pathlib import Path
from typing import Any

from pydantic_ai import Agent, ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from wakeful import Child, Gateway, Monitor, Session
from wakeful_runtime.adapters.pydantic_ai import durable_run

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


async def play(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Plays a model: asks for one module after the other, then says which is the longest."""
    counted = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
    note("began", len(counted))
    await asyncio.sleep(float(os.environ.get("MODEL_SECONDS", "0.5")))
    if len(counted) < len(MODULES):
        call = ToolCallPart("count_lines", {"module": MODULES[len(counted)]}, tool_call_id=f"call_{len(counted)}")
        response = ModelResponse(parts=[call])
    else:
        lines, module = max((part.content, name) for part, name in zip(counted, MODULES, strict=True))
        response = ModelResponse(parts=[TextPart(f"The longest is {module}, with {lines} lines.")])
    note("answered", len(counted))
    return response


agent = Agent(FunctionModel(play), name="reader", instructions="Find the longest module.")


@agent.tool_plain
async def count_lines(module: str) -> int:
    """How many lines a module of Python's library has; 0 if there is none of this name."""
    return await asyncio.to_thread(lines_of, module)


class Reader(Session[Any]):
    """Five lines around the agent."""

    async def run(self, task: str) -> str:
        return await durable_run(agent, task)


tree = Gateway(
    Monitor(
        "agents",
        Child("reader", Reader, task="Which module is the longest?"),
        failures_in_a_row=20,  # by default the third failure without progress is for a person to look at
        max_restarts=100,
    ),
    preload=["wakeful_runtime.adapters.pydantic_ai"],  # imported once, shared by all lives
)

if __name__ == "__main__":
    print(asyncio.run(Reader().run("Which module is the longest?")))
