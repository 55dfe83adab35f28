"""LangGraph's own conformance suite, on a saver that reads everything back from what the session has committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from langgraph.checkpoint.base import CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate

from wakeful import BlockingSession, Session, testing
from wakeful.values import decode, encode
from wakeful_runtime.adapters.notebook import Page, notebook
from wakeful_runtime.adapters.saver import Saver


class Forgetful(Saver):
    """Before each look it forgets all, and reads it from the session's state as it is kept."""

    def get_tuple(self, config: Any) -> CheckpointTuple | None:
        self._forget()
        return super().get_tuple(config)

    def list(self, config: Any, **how: Any) -> Any:
        self._forget()
        return super().list(config, **how)

    def _forget(self) -> None:
        book = notebook()
        pages = decode(encode(book.plain()))["agents"]
        for name in book.pages():
            book.tear_out(name)
        self._pages.clear()
        self.storage.clear()
        self.writes.clear()
        self.blobs.clear()
        for name, kept in pages.items():
            self.adopt(Page(book, name, kept))
            book._open[name] = self._pages[name]


@checkpointer_test(name="wakeful")
async def forgetful() -> AsyncIterator[Saver]:
    yield Forgetful()


class Validates(Session[Any]):
    async def run(self) -> list[str]:
        report = await validate(forgetful)
        assert report.passed_all_base()
        assert report.passed_all()
        return sorted(str(name) for name in report.results)


async def test_it_passes_all_of_langgraphs_conformance_suite() -> None:
    life = await testing.live(Validates)
    assert len(life.result) == 8
    assert len(life.checkpoints) > 100


def config(number: str | None = None) -> Any:
    more = {"checkpoint_id": number} if number else {}
    return {"configurable": {"thread_id": "t", "checkpoint_ns": "", **more}}


class Blocking(BlockingSession[Any]):
    """As a graph that is run by `graph.invoke`."""

    def run(self) -> int:
        saver = Saver(history=3)
        last = None
        for step in range(6):
            last = saver.put(config(last), empty_checkpoint(), {"source": "loop", "step": step}, {})["configurable"][
                "checkpoint_id"
            ]
        saver.put_writes(config(last), [("channel", step)], "task")
        return len(list(saver.list(config())))


async def test_what_is_put_without_awaiting_is_committed_and_the_history_is_bounded() -> None:
    life = await testing.live(Blocking)
    assert life.result == 3
    assert len(life.checkpoints) == 7
    assert len(life.checkpoints[-1].state["agents"]["t"]["state"]["checkpoints"]) == 3
    assert len(life.checkpoints[-1].state["agents"]["t"]["state"]["writes"]) == 1
