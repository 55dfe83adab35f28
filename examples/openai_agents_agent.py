"""An agent of the OpenAI Agents SDK that survives being killed: `wakeful run examples/openai_agents_agent.py:tree`.

It needs `pip install 'wakeful[openai-agents]'`.

While it runs: `wakeful kill reader`, `wakeful checkpoints reader`, `wakeful why reader`. It goes on after the last
answer of its model. `python examples/openai_agents_agent.py` runs the same code as a plain script.

The model here only plays one, so that nothing leaves the machine; `Agent(…, model="gpt-5")` is all it takes to have a
real one. With MODEL_CALLS=FILE it notes there which calls it began and which it answered.
"""

from __future__ import annotations

import asyncio
import os
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from agents import Agent, Model, ModelResponse, Usage, function_tool, set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from wakeful import Child, Gateway, Monitor, Session
from wakeful_runtime.adapters.openai_agents import durable_run

MODULES = ["abc", "ast", "cmd", "code", "copy", "csv", "glob", "json", "nntplib", "queue", "stat", "types"]

set_tracing_disabled(True)  # traces go to OpenAI; this example talks to nobody


def note(*words: object) -> None:
    """A line for those who count the model's calls."""
    if path := os.environ.get("MODEL_CALLS"):
        with Path(path).open("a") as file:
            file.write(" ".join(map(str, (os.getpid(), *words))) + "\n")


def lines_of(module: str) -> int:
    """How many lines a module of Python's library has; 0 if there is none of this name."""
    path = Path(sysconfig.get_path("stdlib"), f"{module}.py")
    return len(path.read_text().splitlines()) if path.exists() else 0


def called(name: str, number: int, arguments: str) -> ResponseFunctionToolCall:
    """An answer that asks for a tool."""
    return ResponseFunctionToolCall(name=name, call_id=f"call_{number}", arguments=arguments, type="function_call")


def said(text: str) -> ResponseOutputMessage:
    """An answer in words."""
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(id="said", role="assistant", status="completed", type="message", content=[content])


class Play(Model):
    """Plays a model: asks for one module after the other, hands over, then says which is the longest."""

    async def get_response(self, system_instructions: str | None, input: Any, *args: Any, **more: Any) -> ModelResponse:  # noqa: A002
        outputs = [item["output"] for item in input if item.get("type") == "function_call_output"]
        done = len(outputs)
        note("began", done)
        await asyncio.sleep(float(os.environ.get("MODEL_SECONDS", "0.5")))
        answer: ResponseFunctionToolCall | ResponseOutputMessage
        if done < len(MODULES):
            answer = called("count_lines", done, f'{{"module": "{MODULES[done]}"}}')
        elif done == len(MODULES):
            answer = called("transfer_to_writer", done, "{}")
        else:
            lines, module = max((int(output), name) for output, name in zip(outputs, MODULES, strict=False))
            answer = said(f"{system_instructions}: the longest is {module}, with {lines} lines.")
        note("answered", done)
        return ModelResponse(output=[answer], usage=Usage(requests=1), response_id=None)

    def stream_response(self, *args: Any, **more: Any) -> AsyncIterator[Any]:
        """Nobody asks for a stream here."""
        raise NotImplementedError


@function_tool
async def count_lines(module: str) -> int:
    """How many lines a module of Python's library has; 0 if there is none of this name."""
    return await asyncio.to_thread(lines_of, module)


writer = Agent(name="writer", instructions="The writer says", model=Play())
agent = Agent(name="reader", instructions="Find the longest.", model=Play(), tools=[count_lines], handoffs=[writer])


class Reader(Session[Any]):
    """Five lines around the agent."""

    async def run(self, task: str) -> str:
        return str(await durable_run(agent, task, max_turns=30))


tree = Gateway(
    Monitor(
        "agents",
        Child("reader", Reader, task="Which module is the longest?"),
        failures_in_a_row=20,  # by default the third failure without progress is for a person to look at
        max_restarts=100,
    ),
    preload=["wakeful_runtime.adapters.openai_agents"],  # imported once, shared by all lives
)

if __name__ == "__main__":
    print(asyncio.run(Reader().run("Which module is the longest?")))
