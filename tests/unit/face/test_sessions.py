"""Sessions: checkpoints, resuming, progress, leases, the inbox, children, the postcondition."""

from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeVar

import pytest
from pydantic import BaseModel

import wakeful
from wakeful import CodecError, ExitReason, Fatal, RunFailed, Session, SpecError, testing
from wakeful.actor import make
from wakeful.errors import Fenced
from wakeful.life import KeptCheckpoint
from wakeful.session import result_type
from wakeful.standin import ScriptLife
from wakeful.values import encode

T = TypeVar("T")


class Notes(BaseModel):
    done: list[int] = []


class Count(Session[Notes]):
    async def run(self, upto: int = 3) -> Notes:
        notes = self.resumed.state if self.resumed else Notes()
        for number in range(len(notes.done), upto):
            with self.lease(60, f"count {number}"):
                await asyncio.sleep(30)
            notes.done.append(number)
            await self.checkpoint("counted", notes)
            self.progress(done=number + 1, total=upto)
        return notes


class Page(Session[Any]):
    async def run(self, url: str, *, fail: bool = False) -> Notes:
        await self.checkpoint("begun", {"url": url})
        if fail:
            raise ValueError(url)
        return Notes(done=[len(url)])


class Parent(Session[None]):
    async def run(self, fail: bool = False) -> list[int]:
        first = await self.spawn(Page, "a", fail=fail)
        second = await self.spawn(Page, url="bb")
        await self.checkpoint("spawned")
        return [*(await first.result()).done, *(await second.result(timeout="1h")).done]


async def test_a_restart_continues_from_the_last_checkpoint() -> None:
    life = await testing.live(Count, crash_at=("counted", 2))
    assert life.result is None
    assert life.reason is not None
    assert life.reason.kind == "killed"
    again = await testing.live(Count, resumed=life)
    assert again.result == Notes(done=[0, 1, 2])
    assert [each.state for each in again.checkpoints] == [Notes(done=[0, 1, 2])]
    assert (life.took, again.took) == (60, 30)
    assert (life.incarnation, again.incarnation, again.run_id) == (1, 2, life.run_id)


async def test_a_life_knows_its_checkpoint_and_how_the_one_before_ended() -> None:
    seen: list[Any] = []

    class Curious(Session[dict[str, int]]):
        async def run(self) -> None:
            seen.extend([self.resumed, self.previous, self.incarnation])
            await self.checkpoint("here", {"a": 1})

    life = await testing.live(Curious, crash_at="here")
    await testing.live(Curious, resumed=life)
    assert seen[:3] == [None, None, 1]
    checkpoint, previous, incarnation = seen[3:]
    assert (checkpoint.name, checkpoint.state, checkpoint.seq) == ("here", {"a": 1}, 1)
    assert checkpoint.at > 1.7e9
    assert isinstance(previous, ExitReason)
    assert (previous.kind, previous.in_a_row, incarnation) == ("killed", 1, 2)


async def test_the_state_comes_back_equal_and_typed() -> None:
    class Sets(Session[set[int]]):
        async def run(self) -> set[int]:
            if self.resumed:
                return self.resumed.state | {3}
            await self.checkpoint("a", {1, 2})
            return set()

    life = await testing.live(Sets, crash_at="a")
    assert (await testing.live(Sets, resumed=life)).result == {1, 2, 3}


async def test_a_checkpoint_without_a_state_remembers_its_name() -> None:
    class Marker(Session[Notes]):
        async def run(self) -> str:
            if self.resumed:
                return f"{self.resumed.name} {self.resumed.state}"
            await self.checkpoint("half-way")
            return ""

    life = await testing.live(Marker, crash_at="half-way")
    assert (await testing.live(Marker, resumed=life)).result == "half-way None"


async def test_a_state_that_would_not_come_back_is_refused_when_it_is_written() -> None:
    class Bad(Session[Any]):
        async def run(self) -> None:
            await self.checkpoint("bad", {"seen": {1}})

    with pytest.raises(CodecError, match=r"checkpoint 'bad'\['seen'\]"):
        await testing.live(Bad)


async def test_a_result_that_would_not_come_back_is_refused() -> None:
    class Bad(Session[Any]):
        async def run(self) -> Any:
            return {1}

    with pytest.raises(CodecError, match=r"Bad\.run's result"):
        await testing.live(Bad)


def _with_checkpoint(version: int) -> ScriptLife:
    life = ScriptLife()
    life.resumed = KeptCheckpoint("old", encode({"a": 1}), 7, 1.0, version)
    return life


def test_a_checkpoint_of_another_state_version_goes_to_review() -> None:
    class New(Session[dict[str, int]]):
        state_version = 2

    with pytest.raises(Fatal, match="state_version 1"):
        _ = make(New, _with_checkpoint(1), {}, process=False).resumed
    checkpoint = make(New, _with_checkpoint(2), {}, process=False).resumed
    assert checkpoint is not None
    assert checkpoint.state == {"a": 1}


def test_an_idempotent_session_starts_anew_instead() -> None:
    class New(Session[dict[str, int]]):
        state_version = 2
        idempotent = True

    assert make(New, _with_checkpoint(1), {}, process=False).resumed is None


def test_a_checkpoint_that_does_not_fit_the_class_is_an_error_of_the_start() -> None:
    class New(Session[Notes]): ...

    life = ScriptLife()
    life.resumed = KeptCheckpoint("old", encode({"done": "no list"}), 7, 1.0)
    with pytest.raises(CodecError, match="checkpoint 'old'"):
        _ = make(New, life, {}, process=False).resumed


def test_the_type_of_state_is_found_through_generic_bases() -> None:
    class Base(Session[T], Generic[T]): ...

    class Middle(Base[T]): ...

    class Leaf(Middle[Notes]): ...

    class Untyped(Session): ...  # type: ignore[type-arg]

    assert Leaf.state_type() is Notes
    assert Untyped.state_type() is Any
    assert result_type(Count) is Notes


def test_no_super_init_is_needed() -> None:
    class Plain(Session[None]):
        def __init__(self) -> None:
            self.known = self.path

    assert make(Plain, ScriptLife(), {}, process=False).known == "script"


def test_a_session_runs_async() -> None:
    with pytest.raises(SpecError, match="async def run"):

        class Bad(Session[None]):
            def run(self) -> None:  # type: ignore[override]
                ...


async def test_progress_and_leases_are_reported() -> None:
    life = await testing.live(Count, upto=1)
    assert life.progress == [testing.Progress(1, 1, None)]
    (lease,) = life.leases
    assert (lease.what, lease.seconds, lease.blocking) == ("count 0", 60, False)
    assert lease.closed_at == pytest.approx(lease.since + 30)


async def test_leases_nest_extend_and_take_texts() -> None:
    class Leaser(Session[None]):
        async def run(self) -> None:
            async with self.lease("2m", "outer") as outer, self.lease(10, "inner", blocking=True):
                outer.extend("1m")
            with pytest.raises(RuntimeError):
                outer.extend(1)
            with pytest.raises(RuntimeError):
                outer.__enter__()

    life = await testing.live(Leaser)
    assert [(each.what, each.seconds, each.blocking) for each in life.leases] == [
        ("outer", 180, False),
        ("inner", 10, True),
    ]


async def test_a_lease_that_ran_out_ends_the_life() -> None:
    class Hung(Session[None]):
        async def run(self) -> None:
            with self.lease(60, "fetch"):
                await asyncio.sleep(1e6)

    life = await testing.live(Hung)
    assert life.reason is not None
    assert (life.reason.kind, life.took) == ("overdue", 61)
    assert "fetch" in life.reason.what


async def test_an_outer_lease_that_lasts_longer_is_the_deadline() -> None:
    class Nested(Session[None]):
        async def run(self) -> int:
            with self.lease(600, "outer"), self.lease(10, "inner"):
                await asyncio.sleep(100)
            return 1

    assert (await testing.live(Nested)).result == 1


async def test_a_life_that_ended_does_nothing_more() -> None:
    tried: list[str] = []

    class Stubborn(Session[None]):
        async def run(self) -> None:
            try:
                await self.checkpoint("a")
            finally:
                try:
                    await self.checkpoint("b")
                except Fenced:
                    tried.append("fenced")

    life = await testing.live(Stubborn, crash_at="a")
    assert (tried, [each.name for each in life.checkpoints]) == (["fenced"], ["a"])


async def test_mail_is_handled_at_the_next_at_reply_or_at_a_checkpoint() -> None:
    texts: list[str] = []

    class Reader(Session[None]):
        async def run(self) -> None:
            async for mail in self.inbox:
                texts.append(mail.text)
                if mail.text == "question":
                    await mail.reply("answer")
                    assert (mail.sender, mail.message) == ("test", None)
                elif mail.text == "mark":
                    await self.checkpoint("marked")
                elif mail.text == "end":
                    return

    life = await testing.live(Reader, mail=["one", "question", "mark", "end"])
    assert texts == ["one", "question", "mark", "end"]
    assert life.replies == [None, "answer", None, None]


async def test_a_postcondition_that_does_not_hold_makes_the_run_incomplete() -> None:
    class Picky(Session[None]):
        async def run(self, n: int) -> int:
            return n

        async def postcondition(self, result: int) -> bool | str:
            return result > 5 or "too few"

    assert (await testing.live(Picky, n=6)).outcome == "ok"
    life = await testing.live(Picky, n=5)
    assert (life.outcome, life.why, life.result) == ("incomplete", "too few", 5)


async def test_a_child_is_the_same_in_every_life_and_its_result_is_typed() -> None:
    life = await testing.live(Parent, crash_at="spawned")
    children = dict(life.run.children)
    again = await testing.live(Parent, resumed=life)
    assert again.result == [1, 2]
    assert again.run.children == children


async def test_a_child_that_failed_raises_run_failed_with_its_partial_state() -> None:
    with pytest.raises(RunFailed) as failed:
        await testing.live(Parent, fail=True)
    assert (failed.value.outcome, failed.value.partial) == ("error", {"url": "a"})
    assert "ValueError" in failed.value.why


@pytest.mark.parametrize(
    ("args", "message"), [((), "url"), ((1,), "url: str"), (("a", "b", "c"), "too many"), ((object(),), "url")]
)
async def test_spawn_checks_the_arguments(args: tuple[Any, ...], message: str) -> None:
    class Spawner(Session[None]):
        async def run(self) -> None:
            await self.spawn(Page, *args)

    with pytest.raises((SpecError, CodecError), match=message):
        await testing.live(Spawner)


async def test_spawn_needs_a_class_a_child_can_import() -> None:
    class Local(Session[None]):
        async def run(self) -> None: ...

    class Spawner(Session[None]):
        async def run(self) -> None:
            await self.spawn(Local)

    with pytest.raises(SpecError, match="local"):
        await testing.live(Spawner)


async def test_arguments_are_checked_before_a_life_begins() -> None:
    with pytest.raises(SpecError, match="up"):
        await testing.live(Count, up=3)


async def test_what_run_raises_reaches_the_test() -> None:
    class Broken(Session[None]):
        async def run(self) -> None:
            raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await testing.live(Broken)


async def test_current_is_the_actor_in_its_functions_and_threads() -> None:
    class Deep(Session[None]):
        async def run(self) -> bool:
            return wakeful.current() is self and await asyncio.to_thread(wakeful.current) is self

    assert (await testing.live(Deep)).result is True


async def test_a_run_has_a_directory_kept_over_its_lives() -> None:
    class Writer(Session[None]):
        async def run(self) -> str:
            file = self.directory / "big.txt"
            if self.resumed:
                return file.read_text()
            file.write_text("big")
            await self.checkpoint("written")
            return ""

    life = await testing.live(Writer, crash_at="written")
    assert (await testing.live(Writer, resumed=life)).result == "big"


async def test_what_a_session_sends_is_seen() -> None:
    class Note(wakeful.Message):
        text: str

    class Sender(Session[None]):
        async def run(self) -> None:
            self.actor("somewhere").tell(Note(text="a"))
            await self.spend(tokens=5, cost=0.1)
            self.log.info("sent", to="somewhere")

    life = await testing.live(Sender)
    assert life.sent == [("somewhere", Note(text="a"))]
    assert life.spent == {"tokens": 5, "cost": 0.1, "calls": 0}
    assert life.log == [("info", "sent", {"to": "somewhere"})]
