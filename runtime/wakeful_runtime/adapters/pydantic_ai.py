"""pydantic-ai agents as sessions that survive being killed.

    from pydantic_ai import Agent
    from wakeful import Session
    from wakeful_runtime.adapters.pydantic_ai import durable_run

    agent = Agent("openai:gpt-5", tools=[search])

    class Researcher(Session):
        async def run(self, task: str) -> str:
            return await durable_run(agent, task)

The message history is the session's checkpoint, each turn is progress, each model call a lease. The next life goes on
after the last answer of the model, and no call that was answered is made again. A tool's result is kept too, if it is
made of what JSON has (of another, the JSON that the model was shown comes back); a tool that was cut short runs again,
so what must happen at most once belongs in `wakeful.current().once(…)` inside it. Outside a node the same
code runs as a plain script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from wakeful.errors import CodecError
from wakeful.policy import Duration
from wakeful.values import plain
from wakeful_runtime.adapters.notebook import AS_IT_IS, CALL, Codec, Page, notebook, to_the_end

try:
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.agent import AbstractAgent, AgentRun
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse, ToolCallPart, UserContent
    from pydantic_ai.usage import RunUsage
except ImportError as error:
    raise ImportError(f"pydantic-ai isn't there ({error}): pip install 'wakeful[pydantic-ai]'") from None

Deps = TypeVar("Deps")
Output = TypeVar("Output")
_RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)
_USAGE: TypeAdapter[RunUsage] = TypeAdapter(RunUsage)
_RESPONSES = Codec[ModelResponse](lambda response: _RESPONSE.dump_json(response).decode(), _RESPONSE.validate_json)


async def durable_run(
    agent: AbstractAgent[Deps, Output],
    prompt: str | Sequence[UserContent],
    *,
    key: str | None = None,
    call_timeout: Duration = CALL,
    **options: Any,
) -> Output:
    """Run the agent to its end, over as many lives of the session as that takes.

    Args:
        agent: yours, as it is.
        prompt: what it is asked.
        key: names this run within the session. By default the agent's name and the prompt do: give a key where the
            prompt differs from life to life (it holds the time, say), or a killed run would begin anew.
        call_timeout: how long a model call may be silent before the life is ended and resumed, seconds or "10m".
        options: as `agent.iter` takes them: `deps`, `model`, `message_history`, `usage_limits`, `toolsets`, …

    Returns:
        The agent's output.

    Raises:
        CodecError: a message would not come back as it is.
        SpecError: the session's checkpoint is typed, or this is no async session.
    """
    capabilities: list[Any] = [*(options.pop("capabilities", None) or ())]

    async def run(page: Page) -> Output:
        more: dict[str, Any] = {**options, "capabilities": [*capabilities, _Keeper(page, call_timeout)]}
        more.update(_begun(page, prompt, options))
        async with agent.iter(**more) as steps:
            return cast("Output", await _through(page, steps))

    name = key or notebook().free_name(agent.name or "agent", prompt)
    return await to_the_end(name, run)


def _begun(page: Page, prompt: Any, options: dict[str, Any]) -> dict[str, Any]:
    """What the agent begins with: the prompt, or the messages up to the request that was under way."""
    if page.state is None:
        return {"user_prompt": prompt}
    state = cast("dict[str, Any]", page.state)
    usage: RunUsage = options.get("usage") or RunUsage()
    usage.incr(_USAGE.validate_json(state["usage"]))
    return {
        "user_prompt": None,
        "message_history": ModelMessagesTypeAdapter.validate_json(state["messages"]),
        "usage": usage,
    }


async def _through(page: Page, steps: AgentRun[Any, Any]) -> Any:
    """All steps to the end. Each request is committed before it is sent, but for the one this life resumed with."""
    committed = page.state is not None
    node: Any = steps.next_node
    turns = 0
    while not Agent.is_end_node(node):
        if Agent.is_model_request_node(node):
            if not committed:
                await page.step(_state(steps, [*steps.all_messages(), node.request]))
            committed = False
            turns += 1
        node = await steps.next(node)
        page.session.progress(note=f"{page.name}: turn {turns}")
    assert steps.result is not None
    return steps.result.output


def _state(steps: AgentRun[Any, Any], messages: list[ModelMessage]) -> dict[str, Any]:
    """What a life goes on from.

    Raises:
        CodecError: read again, the messages would not be those that the model saw.
    """
    written = ModelMessagesTypeAdapter.dump_json(messages)
    if ModelMessagesTypeAdapter.dump_json(ModelMessagesTypeAdapter.validate_json(written)) != written:
        raise CodecError("the message history would not come back as it is; have tools return what JSON has")
    return {"messages": written.decode(), "usage": _USAGE.dump_json(steps.usage).decode()}


@dataclass
class _Keeper(AbstractCapability[Any]):
    """Commits each answer of the model, and of a tool, before the agent has it."""

    page: Page
    call_timeout: Duration

    async def wrap_model_request(self, ctx: RunContext[Any], *, request_context: Any, handler: Any) -> ModelResponse:
        async def ask() -> ModelResponse:
            response: ModelResponse = await handler(request_context)
            return response

        return await self.page.answer("model call", ask, _RESPONSES, lease=self.call_timeout)

    async def wrap_tool_execute(
        self, ctx: RunContext[Any], *, call: ToolCallPart, tool_def: Any, args: Any, handler: Any
    ) -> Any:
        async def use() -> Any:
            result = await handler(args)
            if not _is_plain(result):
                raise _Unkept(result)
            return result

        try:
            return await self.page.answer(f"{call.tool_name} {call.tool_call_id}", use, AS_IT_IS, what="tool")
        except _Unkept as unkept:  # such a tool runs again if the life ends within this step
            return unkept.result


class _Unkept(Exception):
    """A tool's result isn't made of what JSON has."""

    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result


def _is_plain(result: object) -> bool:
    try:
        plain(result)
    except CodecError:
        return False
    return True
