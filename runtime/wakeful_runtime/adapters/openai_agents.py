"""Agents of the OpenAI Agents SDK as sessions that survive being killed.

    from agents import Agent
    from wakeful import Session
    from wakeful_runtime.adapters.openai_agents import durable_run

    agent = Agent("Researcher", model="gpt-5", tools=[search])

    class Researcher(Session):
        async def run(self, task: str) -> str:
            return await durable_run(agent, task)

The SDK's session memory is the session's checkpoint, its hooks are progress, each model call is a lease. The next life
goes on with the agent whose turn it was, after the last answer of its model, and no call that was answered is made
again. The tools of a turn that was cut short run again, so what must happen at most once belongs in
`wakeful.current().once(…)` inside them. Outside a node the same code runs as a plain script.
"""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic_core import to_json

from wakeful.policy import Duration
from wakeful.values import plain
from wakeful_runtime.adapters.notebook import CALL, Codec, Page, notebook, to_the_end

try:
    from agents import Agent, Handoff, Model, ModelProvider, ModelResponse, RunConfig, RunHooks, Runner
    from agents.items import TResponseInputItem
    from agents.memory import SessionABC
except ImportError as error:
    raise ImportError(f"openai-agents isn't there ({error}): pip install 'wakeful[openai-agents]'") from None

_RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)
_RESPONSES = Codec[ModelResponse](
    lambda response: _RESPONSE.dump_json(response, by_alias=True, exclude_unset=True).decode(), _RESPONSE.validate_json
)
_running: ContextVar[_Running | None] = ContextVar("wakeful_openai_agents", default=None)
"""The run whose model calls are kept, in it and in the agents it uses as tools."""


async def durable_run(
    agent: Agent[Any],
    prompt: str | list[TResponseInputItem],
    *,
    key: str | None = None,
    call_timeout: Duration = CALL,
    max_turns: int | None = 10,
    **options: Any,
) -> Any:
    """Run the agent to its end, over as many lives of the session as that takes.

    The models of the agent, and of those it hands over to, are wrapped in place; elsewhere the wrappers change nothing.

    Args:
        agent: yours; those it may hand over to have names of their own.
        prompt: what it is asked.
        key: names this run within the session. By default the agent's name and the prompt do: give a key where the
            prompt differs from life to life (it holds the time, say), or a killed run would begin anew.
        call_timeout: how long a model call may be silent before the life is ended and resumed, seconds or "10m".
        max_turns: of all lives together; None: any number.
        options: as `Runner.run` takes them: `context`, `hooks`, `run_config`, …; but for `session`, which is ours.

    Returns:
        The final output.

    Raises:
        CodecError: an item would not come back equal.
        SpecError: the session's checkpoint is typed, or this is no async session.
    """
    config: RunConfig = options.pop("run_config", None) or RunConfig()
    config = replace(config, model_provider=_KeptProvider(config.model_provider))
    if isinstance(config.model, Model):
        config = replace(config, model=durable_model(config.model))
    agents = _reachable(agent)
    for each in agents.values():
        if isinstance(each.model, Model):
            each.model = durable_model(each.model)

    async def run(page: Page) -> Any:
        memory = _Memory(page, agent.name)
        here = _Running(page, memory, call_timeout)
        more: dict[str, Any] = {
            **options,
            "hooks": _Hooks(here, options.get("hooks")),
            "run_config": config,
            "session": memory,
        }
        if max_turns is not None:
            more["max_turns"] = max_turns - memory.turns
        token = _running.set(here)
        try:
            result = await Runner.run(agents[memory.agent], prompt if page.state is None else [], **more)
            return result.final_output
        finally:
            _running.reset(token)

    return await to_the_end(key or notebook().free_name(agent.name, prompt), run)


def _reachable(first: Agent[Any]) -> dict[str, Agent[Any]]:
    """The agent and those that it may hand over to, by name."""
    found: dict[str, Agent[Any]] = {}
    left: list[Any] = [first]
    while left:
        agent = left.pop()
        if isinstance(agent, Handoff):
            reference = agent._agent_ref
            agent = reference() if reference else None
        if isinstance(agent, Agent) and agent.name not in found:
            found[agent.name] = agent
            left.extend(cast("Any", agent).handoffs)
    return found


class _Memory(SessionABC):
    """The SDK's session memory on a page. It is committed before each model call, with what that call will see."""

    def __init__(self, page: Page, agent: str) -> None:
        state = cast("dict[str, Any]", page.state or {"items": [], "agent": agent, "turns": 0})
        self.session_id = page.name
        self.agent: str = state["agent"]
        self.turns: int = state["turns"]
        self._items: list[Any] = list(state["items"])
        self._page = page
        self._changed = page.state is None

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        items = self._items if limit is None else self._items[max(0, len(self._items) - limit) :]
        return copy.deepcopy(items)

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        self._items.extend(plain([*items], of=f"{self._page.name}: items"))  # type: ignore[arg-type]
        self._changed = True

    async def pop_item(self) -> TResponseInputItem | None:
        self._changed = True
        return self._items.pop() if self._items else None

    async def clear_session(self) -> None:
        self._changed = True
        self._items.clear()

    async def commit(self) -> None:
        """Make it the page's state, unless it is what this life resumed with."""
        if self._changed:
            await self._page.step({"items": list(self._items), "agent": self.agent, "turns": self.turns})
            self._changed = False
        self.turns += 1


class _Running:
    """A run under way.

    Attributes:
        own_turn: the next model call is the run's own, not one of an agent it uses as a tool.
    """

    def __init__(self, page: Page, memory: _Memory, call_timeout: Duration) -> None:
        self.page = page
        self.memory = memory
        self.own_turn = False
        self._call_timeout = call_timeout
        self._asked: Counter[str] = Counter()

    async def call(self, ask: Callable[[], Awaitable[ModelResponse]], about: object) -> ModelResponse:
        """A model call: one in each turn of the run itself; others are told apart by what they ask."""
        if self.own_turn:
            self.own_turn = False
            self._asked.clear()
            await self.memory.commit()
            key = "model call"
        else:
            digest = hashlib.sha256(to_json(about, fallback=repr)).hexdigest()[:12]
            self._asked[digest] += 1
            key = f"model call {digest} {self._asked[digest]}"
        return await self.page.answer(key, ask, _RESPONSES, lease=self._call_timeout)


class _KeptModel(Model):
    """A model whose answers are kept while a durable run asks it."""

    def __init__(self, model: Model) -> None:
        self.model = model

    async def get_response(self, system_instructions: str | None, input: Any, *args: Any, **more: Any) -> ModelResponse:  # noqa: A002
        async def ask() -> ModelResponse:
            return await self.model.get_response(system_instructions, input, *args, **more)

        here = _running.get()
        return await (ask() if here is None else here.call(ask, [system_instructions, input]))

    def stream_response(self, *args: Any, **more: Any) -> AsyncIterator[Any]:
        return self.model.stream_response(*args, **more)  # a stream is for people who watch; it isn't kept

    def get_retry_advice(self, request: Any) -> Any:
        return self.model.get_retry_advice(request)

    async def close(self) -> None:
        await self.model.close()


def durable_model(model: Model) -> Model:
    """A model whose answers are kept while a durable run asks it, for an agent that others use as a tool.

    Models that are named by a text, and those of the agents a run may hand over to, need no wrapping.
    """
    return model if isinstance(model, _KeptModel) else _KeptModel(model)


class _KeptProvider(ModelProvider):
    """Finds models by name, and keeps their answers."""

    def __init__(self, provider: ModelProvider) -> None:
        self._provider = provider

    def get_model(self, model_name: str | None) -> Model:
        return durable_model(self._provider.get_model(model_name))

    async def aclose(self) -> None:
        await self._provider.aclose()


class _Hooks(RunHooks[Any]):
    """Reports progress, and calls the user's hooks."""

    def __init__(self, running: _Running, theirs: RunHooks[Any] | None) -> None:
        self._running = running
        self._theirs: RunHooks[Any] = theirs or RunHooks()

    def _progress(self, note: str) -> None:
        self._running.page.session.progress(note=f"turn {self._running.memory.turns}: {note}")

    async def on_agent_start(self, context: Any, agent: Any) -> None:
        await self._theirs.on_agent_start(context, agent)

    async def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
        self._progress(f"{agent.name} is done")
        await self._theirs.on_agent_end(context, agent, output)

    async def on_handoff(self, context: Any, from_agent: Any, to_agent: Any) -> None:
        self._running.memory.agent = to_agent.name
        self._progress(f"{from_agent.name} hands over to {to_agent.name}")
        await self._theirs.on_handoff(context, from_agent, to_agent)

    async def on_llm_start(self, context: Any, agent: Any, system_prompt: Any, input_items: Any) -> None:
        await self._theirs.on_llm_start(context, agent, system_prompt, input_items)
        self._running.own_turn = True

    async def on_llm_end(self, context: Any, agent: Any, response: Any) -> None:
        self._progress(f"{agent.name} has an answer")
        await self._theirs.on_llm_end(context, agent, response)

    async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
        await self._theirs.on_tool_start(context, agent, tool)

    async def on_tool_end(self, context: Any, agent: Any, tool: Any, result: Any) -> None:
        self._progress(f"{tool.name} returned")
        await self._theirs.on_tool_end(context, agent, tool, result)
