"""BlockingSession: the same names as plain calls."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import wakeful
from wakeful import BlockingSession, ExitReason, Message, Request, SpecError, Stopped, testing
from wakeful.actor import make
from wakeful.blocking import BlockingSession as Blocking
from wakeful.standin import ScriptLife


class Note(Message):
    text: str


class Question(Request[int]): ...


class Crawl(BlockingSession[dict[str, int]]):
    def run(self, upto: int) -> int:
        begin = self.resumed.state["n"] if self.resumed else 0
        for number in range(begin, upto):
            with self.lease("1m", f"page {number}") as lease:
                lease.extend(5)
            self.checkpoint("page", {"n": number + 1})
            self.progress(number + 1, upto)
        asyncio.run(asyncio.sleep(0))  # no loop is in the way
        assert wakeful.current(Crawl) is self
        return upto


async def test_nothing_is_awaited() -> None:
    life = await testing.live(Crawl, upto=3, crash_at=("page", 2))
    assert life.result is None
    again = await testing.live(Crawl, resumed=life)
    assert (again.result, [each.state for each in again.checkpoints]) == (3, [{"n": 3}])
    assert again.leases[0].seconds == 65


async def test_run_has_a_thread_without_a_loop() -> None:
    class Where(BlockingSession[None]):
        def run(self) -> bool:
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            return threading.current_thread() is not threading.main_thread()

    assert (await testing.live(Where)).result is True


async def test_refs_and_mail_are_plain_calls() -> None:
    class Talk(BlockingSession[None]):
        def run(self) -> list[str]:
            self.actor("there").tell(Note(text="a"))
            self.actor("there").tell(Note(text="b"), durable=True)
            self.actor("there").drain()
            with pytest.raises(wakeful.ActorDead):
                self.actor("there").ask(Question(), timeout="1s")
            texts: list[str] = []
            for mail in self.inbox:
                texts.append(mail.text)
                mail.reply("yes")
                if mail.text == "end":
                    break
            self.spend(tokens=1)
            return texts

    life = await testing.live(Talk, mail=["one", "end"])
    assert (life.result, life.replies) == (["one", "end"], ["yes", "yes"])
    assert [message for _, message in life.sent] == [Note(text="a"), Note(text="b"), Question()]


class Sum(BlockingSession[None]):
    def run(self, upto: int) -> int:
        if upto == 0:
            return 0
        return upto + self.spawn(Sum, upto - 1).result()


async def test_it_spawns() -> None:
    assert (await testing.live(Sum, upto=3)).result == 6


def test_it_is_a_class_of_its_own() -> None:
    assert not issubclass(BlockingSession, wakeful.Session)
    assert Blocking is BlockingSession


def test_its_run_is_plain() -> None:
    with pytest.raises(SpecError, match="plain `def`"):

        class Bad(BlockingSession[None]):
            async def run(self) -> None: ...


def test_a_coroutine_function_is_refused_by_once() -> None:
    async def effect() -> None: ...

    session = make(Crawl, ScriptLife(), {}, process=False)
    with pytest.raises(SpecError, match="plain function"):
        _ = session.once("a", effect)


class Stoppable(BlockingSession[Any]):
    def run(self) -> None: ...

    def on_stop(self, reason: ExitReason) -> None:
        self.checkpoint("stopped")


def test_the_next_call_raises_stopped_and_a_checkpoint_is_committed_first() -> None:
    life = ScriptLife()
    saved: list[str] = []
    life.save = _saver(saved)  # type: ignore[method-assign]
    session = make(Stoppable, life, {}, process=False)
    session.checkpoint("before")
    life.stopping = True
    with pytest.raises(Stopped):
        session.checkpoint("meanwhile")
    assert session.stopping
    session.on_stop(ExitReason(kind="stop"))
    assert saved == ["before", "meanwhile", "stopped"]


@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.progress(1),
        lambda session: session.lease(1, "x").__enter__(),
        lambda session: session.once("x", int),
        lambda session: session.spawn(Sum, 1),
        lambda session: next(session.inbox),
        lambda session: session.actor("a").tell(Note(text="a")),
        lambda session: session.actor("a").ask(Question()),
        lambda session: session.spend(1),
    ],
)
def test_every_call_raises_stopped(call: Any) -> None:
    life = ScriptLife()
    session = make(Stoppable, life, {}, process=False)
    life.stopping = True
    with pytest.raises(Stopped):
        call(session)


def test_nothing_begins_after_stopped() -> None:
    life = ScriptLife()
    session = make(Stoppable, life, {}, process=False)
    life.stopping = True
    for _ in range(2):
        with pytest.raises(Stopped):
            session.once("x", int)
    session.progress(1)  # what only tells goes on


def _saver(saved: list[str]) -> Any:
    async def save(name: str, state: object, version: int) -> int:
        saved.append(name)
        return len(saved)

    return save
