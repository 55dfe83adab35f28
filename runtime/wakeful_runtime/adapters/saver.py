"""LangGraph's checkpoints in the session's own: a checkpoint saver, sync and async, with all that LangGraph may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from wakeful.errors import SpecError
from wakeful_runtime.adapters.notebook import Page, notebook
from wakeful_runtime.adapters.threads import Threads

try:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
    )
    from langgraph.checkpoint.serde.base import SerializerProtocol
except ImportError as error:
    raise ImportError(f"langgraph isn't there ({error}): pip install 'wakeful[langgraph]'") from None

HISTORY = 5
"""Checkpoints kept of each namespace of a thread: as many as a run of a session has."""


class Saver(Threads):
    """Keeps LangGraph's threads in the checkpoints of the session that runs them; a put that returned is on disk.

    `builder.compile(checkpointer=Saver())` where you run the graph yourself, with `durability="sync"`, so that a step
    is on disk before the next begins; `durable_run` brings its own. A thread is read from the session's checkpoint
    when it is first asked for. Outside a node threads last as long as the process.

    Args:
        history: how many checkpoints are kept of a thread, and of each of its subgraphs, for time travel: all of a
            session's threads have 16 MiB. A thread with delta channels keeps all it has.
        serde: writes and reads the values, as LangGraph's savers have it.
    """

    def __init__(self, *, history: int = HISTORY, serde: SerializerProtocol | None = None) -> None:
        super().__init__(serde=serde)
        self._history = history
        self._pages: dict[str, Page] = {}
        self._changed: dict[str, bool] = {}

    def adopt(self, page: Page) -> None:
        """Keep the thread named as the page on it, and read what it holds."""
        self.drop(page.name)
        self._pages[page.name] = page
        if isinstance(page.state, dict) and "checkpoints" in page.state:
            self.read(page.name, page.state)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As LangGraph's savers, like all below; what changes something is committed when it returns."""
        self._page(_thread(config))
        return super().get_tuple(config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        for thread in notebook().pages() if config is None else (_thread(config),):
            self._page(thread)
        return super().list(config, filter=filter, before=before, limit=limit)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        for found in self.list(config, filter=filter, before=before, limit=limit):
            yield found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        found = self._put(config, checkpoint, metadata, new_versions)
        self._commit("step")
        return found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        found = self._put(config, checkpoint, metadata, new_versions)
        await self._acommit("step")
        return found

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._put_writes(config, writes, task_id, task_path)
        self._commit("node")

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._put_writes(config, writes, task_id, task_path)
        await self._acommit("node")

    def delete_thread(self, thread_id: str) -> None:
        self._delete_thread(thread_id)
        self._commit("forgotten")

    async def adelete_thread(self, thread_id: str) -> None:
        self._delete_thread(thread_id)
        await self._acommit("forgotten")

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._delete_for_runs(run_ids)
        self._commit("forgotten")

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._delete_for_runs(run_ids)
        await self._acommit("forgotten")

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self._copy_thread(source_thread_id, target_thread_id)
        self._commit("copied")

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self._copy_thread(source_thread_id, target_thread_id)
        await self._acommit("copied")

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self._prune(thread_ids, strategy)
        self._commit("pruned")

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self._prune(thread_ids, strategy)
        await self._acommit("pruned")

    def _put(self, config: RunnableConfig, *what: Any) -> RunnableConfig:
        thread = _thread(config)
        self._page(thread)
        found = super().put(config, *what)
        self.keep_newest(thread, self._history)
        whole_step = not found.get("configurable", {}).get("checkpoint_ns")
        self._changed[thread] = self._changed.get(thread, False) or whole_step
        return found

    def _put_writes(self, config: RunnableConfig, *what: Any) -> None:
        self._page(_thread(config))
        super().put_writes(config, *what)
        self._changed.setdefault(_thread(config), False)

    def _delete_thread(self, thread: str) -> None:
        self.drop(thread)
        self._pages.pop(thread, None)
        self._changed.pop(thread, None)
        notebook().tear_out(thread)

    def _delete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._read_all()
        self._touched(self.drop_runs(run_ids))

    def _copy_thread(self, source: str, target: str) -> None:
        for thread in (source, target):
            self._page(thread)
        self.copy(source, target)
        self._touched([target])

    def _prune(self, threads: Sequence[str], strategy: str) -> None:
        if strategy not in ("keep_latest", "delete"):
            raise ValueError(f"prune: strategy={strategy!r}; write 'keep_latest' or 'delete'")
        for thread in threads:
            self._page(thread)
            if strategy == "delete":
                self._delete_thread(thread)
            else:
                self.keep_newest(thread, 1)
                self._touched([thread])

    def _touched(self, threads: Iterable[str]) -> None:
        for thread in threads:
            self._changed.setdefault(thread, False)

    def _read_all(self) -> None:
        for thread in notebook().pages():
            self._page(thread)

    def _page(self, thread: str) -> Page:
        if thread not in self._pages:
            self.adopt(notebook().page(thread))
        return self._pages[thread]

    def _write(self) -> None:
        """Put what has changed on its pages; a whole step of the graph ends what was answered within it."""
        for thread, whole_step in self._changed.items():
            self._page(thread).write(self.dump(thread), keep_answers=not whole_step)
        self._changed.clear()

    def _commit(self, what: str) -> None:
        self._write()
        notebook().commit_now(what)

    async def _acommit(self, what: str) -> None:
        self._write()
        await notebook().commit(what)


def _thread(config: RunnableConfig) -> str:
    thread = config.get("configurable", {}).get("thread_id")
    if not isinstance(thread, str):
        raise SpecError("a graph with a checkpointer needs a thread: config={'configurable': {'thread_id': 'a-name'}}")
    return thread
