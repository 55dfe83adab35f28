"""LangGraph graphs as sessions that survive being killed.

    from wakeful import Session
    from wakeful_runtime.adapters.langgraph import durable_model, durable_run

    model = durable_model(ChatOpenAI(model="gpt-5"))
    graph = builder.compile()                       # its nodes ask `model`

    class Researcher(Session):
        async def run(self, task: str) -> str:
            result = await durable_run(graph, {"task": task})
            return result["report"]

LangGraph's checkpoints are in the session's, each node that ends is progress, each model call is a lease. The next life
goes on with the nodes that had not ended; of those, it doesn't make again the calls of a `durable_model` that were
answered. What else a node does it may do twice, so what must happen at most once belongs in
`wakeful.current().once(…)` inside it. Outside a node of Wakeful's the same code runs as a plain script.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from pydantic_core import to_json

from wakeful.errors import SpecError
from wakeful.lease import Lease
from wakeful.policy import Duration
from wakeful_runtime.adapters.notebook import CALL, Codec, Page, notebook, to_the_end
from wakeful_runtime.adapters.saver import Saver

try:
    from langchain_core.callbacks import AsyncCallbackHandler
    from langchain_core.runnables import Runnable, RunnableConfig
    from langchain_core.runnables.config import merge_configs
    from langgraph.config import get_config
    from langgraph.pregel import Pregel
    from langgraph.types import Command, Interrupt
except ImportError as error:
    raise ImportError(f"langgraph isn't there ({error}): pip install 'wakeful[langgraph]'") from None

__all__ = ["Saver", "durable_model", "durable_run"]


@dataclass
class _Running:
    """A run under way; `asked` counts how often a node has asked the same."""

    page: Page
    saver: Saver
    asked: Counter[str] = field(default_factory=Counter[str])


_running: ContextVar[_Running | None] = ContextVar("wakeful_langgraph", default=None)


async def durable_run(
    graph: Pregel[Any, Any, Any, Any],
    input: Any,  # noqa: A002 - LangGraph's word
    *,
    key: str | None = None,
    answer: Callable[[Sequence[Interrupt]], Awaitable[Any]] | None = None,
    call_timeout: Duration = CALL,
    config: RunnableConfig | None = None,
    **options: Any,
) -> Any:
    """Run the graph to its end, over as many lives of the session as that takes.

    Args:
        graph: yours, compiled without a checkpointer, or with a `Saver`.
        input: what it begins with.
        key: names this run within the session, and is the thread's id. By default the graph's name and the input do:
            give a key where the input differs from life to life (it holds the time, say), or a killed run would begin
            anew.
        answer: awaited when the graph interrupts itself; what it returns is what `interrupt(…)` returns in the node.
        call_timeout: how long a model call may be silent before the life is ended and resumed, seconds or "10m".
        config: as `graph.ainvoke` takes it: callbacks, recursion_limit, configurable.
        options: as `graph.astream` takes them: `context`, …

    Returns:
        What `graph.ainvoke` returns: the values of its output channels.

    Raises:
        CodecError: an answer would not come back equal.
        SpecError: the graph has another checkpointer, the session's checkpoint is typed, or this is no async session;
            or the graph waits for an answer and there is no `answer`.
    """
    given: object = getattr(graph, "checkpointer", None)
    if not isinstance(given, Saver | bool | None):
        kind = type(given).__name__
        raise SpecError(f"the graph keeps its state by {kind}: compile it without, or with a Saver of this module")
    saver = given if isinstance(given, Saver) else Saver()

    async def run(page: Page) -> Any:
        saver.adopt(page)
        here: RunnableConfig = {"configurable": {"thread_id": page.name}, "callbacks": [_Leases(page, call_timeout)]}
        stream = _Stream(graph.copy({"checkpointer": saver}), merge_configs(config, here), options, page)
        running = _Running(page, saver)
        token = _running.set(running)
        try:
            begun = await saver.aget_tuple(stream.config) is not None
            waits = await stream.run(None if begun else input)
            while waits:
                if answer is None:
                    raise SpecError(f"the graph waits for an answer to {waits[0].value!r}: durable_run(…, answer=…)")
                running.asked.clear()  # the nodes that wait begin again, and ask the same
                waits = await stream.run(Command(resume=await answer(waits)))
            return stream.values
        finally:
            _running.reset(token)

    name = key or notebook().free_name(graph.get_name(), input)
    return await to_the_end(name, run)


class _Stream:
    """Runs a graph to its end or to an interrupt, and reports each node."""

    def __init__(self, graph: Any, config: RunnableConfig, options: dict[str, Any], page: Page) -> None:
        self.config = config
        self.values: Any = None
        self._graph = graph
        self._options = {**options, "stream_mode": ["updates", "values"], "durability": "sync"}
        self._page = page

    async def run(self, begin: Any) -> list[Interrupt]:
        """What the graph waits for; empty: it is done."""
        waits: list[Interrupt] = []
        async for mode, chunk in self._graph.astream(begin, self.config, **self._options):
            if mode == "values":
                self.values = chunk
                continue
            for node, update in chunk.items():
                if node == "__interrupt__":
                    waits.extend(update)
                else:
                    self._page.session.progress(note=f"{self._page.name}: {node}")
        return waits


class _Leases(AsyncCallbackHandler):
    """A lease for each model call of the graph, whichever model it is."""

    run_inline = True

    def __init__(self, page: Page, call_timeout: Duration) -> None:
        self._page = page
        self._call_timeout = call_timeout
        self._open: dict[UUID, Lease] = {}

    async def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **more: Any) -> None:
        lease = self._page.session.lease(self._call_timeout, f"{self._page.name}: model call")
        self._open[run_id] = lease.__enter__()

    async def on_llm_start(self, serialized: Any, prompts: Any, *, run_id: UUID, **more: Any) -> None:
        await self.on_chat_model_start(serialized, prompts, run_id=run_id)

    async def on_llm_end(self, response: Any, *, run_id: UUID, **more: Any) -> None:
        self._close(run_id)

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **more: Any) -> None:
        self._close(run_id)

    def _close(self, run_id: UUID) -> None:
        lease = self._open.pop(run_id, None)
        if lease is not None:
            lease.__exit__(None, None, None)


def durable_model(model: Runnable[Any, Any]) -> DurableModel:
    """A model whose answers are kept: a node that is begun again after a kill hears them, without a call.

    Args:
        model: a chat model, or what `bind_tools` or `with_structured_output` made of one.
    """
    return DurableModel(model)


class DurableModel(Runnable[Any, Any]):
    """As the model it was made of; what it answers within `durable_run` is on disk before the node has it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **more: Any) -> Any:  # noqa: A002
        async def ask() -> Any:
            return await self.model.ainvoke(input, config, **more)

        here = _running.get()
        if here is None:
            return await ask()
        serde = here.saver.serde
        codec = Codec[Any](lambda value: [*serde.dumps_typed(value)], lambda kept: serde.loads_typed(tuple(kept)))
        return await here.page.answer(_question(here, [input, more]), ask, codec)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **more: Any) -> Any:  # noqa: A002
        """Without a trace where nothing is kept; in a durable run it must be awaited.

        Raises:
            SpecError: in a durable run.
        """
        if _running.get() is not None:
            raise SpecError(
                "a durable model is awaited: write the node `async def`, and `await model.ainvoke(…)` in it"
            )
        return self.model.invoke(input, config, **more)

    def bind_tools(self, *args: Any, **more: Any) -> DurableModel:
        """As the model's own."""
        return DurableModel(self.model.bind_tools(*args, **more))

    def with_structured_output(self, *args: Any, **more: Any) -> DurableModel:
        """As the model's own."""
        return DurableModel(self.model.with_structured_output(*args, **more))


def _question(here: _Running, about: object) -> str:
    """The same in every life: the node's task, what it asks, and how often it has asked that."""
    configurable: Mapping[str, Any] = get_config().get("configurable", {})
    task = cast("str", configurable.get("__pregel_task_id", ""))
    key = f"{task} {hashlib.sha256(to_json(about, fallback=repr)).hexdigest()[:12]}"
    here.asked[key] += 1
    return f"{key} {here.asked[key]}"
