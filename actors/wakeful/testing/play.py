"""Playing an actor or a session on the running loop."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import reduce
from typing import Any

from wakeful import present
from wakeful.actor import Actor, Living, make, settled
from wakeful.blocking import BlockingSession
from wakeful.errors import SpecError
from wakeful.exits import ExitReason
from wakeful.life import ChildOutcome, MailItem, Plain
from wakeful.ref import Ref
from wakeful.session import Session, closed, conclude, concluded, result_type
from wakeful.signatures import check
from wakeful.testing.clock import FakeClock, fake_clock
from wakeful.testing.courier import Desk, FakeCourier, World, world
from wakeful.testing.life import FakeLife
from wakeful.testing.log import RecordingLog
from wakeful.testing.record import PlayedLife, Run
from wakeful.values import encode


@asynccontextmanager
async def actor(cls: type[Living], /, **args: Any) -> AsyncGenerator[Ref]:
    """An actor with its mailbox, as long as the block lasts.

    Args:
        cls: an Actor, or a Session (its `run` goes on beside its handlers).
        args: of `__init__`, for a session of `run`.

    Yields:
        The ref to it. Messages still waiting at the block's end are handled, then the actor is stopped.

    Raises:
        Exception: what a handler of a told message raised, at the end of the block; an asker gets HandlerFailed.
    """
    with fake_clock() as clock:
        here = world()
        path = here.free_path(cls)
        session = issubclass(cls, Session)
        life = _life(PlayedLife(Run(cls, dict(args), uuid.uuid4().hex)), path, clock, here, None)
        ready: asyncio.Future[tuple[Living, Desk]] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(_serve(cls, life, {} if session else args, here, ready), name=path)
        await _first(task, ready)
        if not ready.done():
            await task  # raises what __init__ or on_start raised
        made: Any
        made, desk = ready.result()
        running = asyncio.create_task(_run_beside(made, args)) if session else None
        try:
            yield Ref(path, FakeCourier(here))
            await desk.idle.wait()
        finally:
            await _stop(made, life, [each for each in (running, task) if each is not None])
            here.desks.pop(path, None)
        if desk.error is not None:
            raise desk.error


async def live(
    cls: type[Session[Any] | BlockingSession[Any]],
    /,
    *,
    crash_at: str | tuple[str, int] | None = None,
    resumed: PlayedLife | None = None,
    mail: Sequence[str] = (),
    **args: Any,
) -> PlayedLife:
    """One life of a session, from `on_start` to its end.

    Args:
        cls: the session's class.
        crash_at: the life ends, as if killed, right after the checkpoint of this name is durable; or in the effect of
            this key, after it happened and before that is written. `("scraped", 3)`: at the third of that name.
        resumed: the life before; this one continues its run. Its arguments hold unless others are given.
        mail: texts in its inbox.
        args: what `run` takes.

    Returns:
        What it did. A life that was ended by `crash_at` or by a lease that ran out says so in `reason`.

    Raises:
        Exception: what `run`, `on_start` or reading the checkpoint raised.
    """
    with fake_clock() as clock:
        record = _record(cls, resumed, args, clock)
        record.mail = [MailItem(str(number), text, None, "test") for number, text in enumerate(mail, 1)]
        check(cls.run, record.run.args, f"live({cls.__name__})", complete=True)
        crash = (crash_at, 1) if isinstance(crash_at, str) else crash_at
        life = _life(record, world().free_path(cls), clock, world(), crash)
        life.resumed = record.run.kept[-1] if record.run.kept else None
        life.previous = resumed.reason if resumed is not None else None
        began = clock.time()
        await _play(cls, life)
        record.took = clock.time() - began
        return record


def _record(cls: type[Living], resumed: PlayedLife | None, args: dict[str, Any], clock: FakeClock) -> PlayedLife:
    if resumed is None:
        return PlayedLife(Run(cls, dict(args), uuid.uuid4().hex, started_at=clock.wall()))
    if resumed.outcome is not None:
        raise SpecError(f"the run is over ({resumed.outcome}); a new one begins without resumed=")
    resumed.run.cls = cls
    resumed.run.args = dict(args) or resumed.run.args
    return PlayedLife(resumed.run, incarnation=resumed.incarnation + 1)


def _life(record: PlayedLife, path: str, clock: FakeClock, here: World, crash: tuple[str, int] | None) -> FakeLife:
    courier = FakeCourier(here, lambda to, message: record.sent.append((to, message)))
    return FakeLife(record, path, clock, courier, RecordingLog(record), crash, _spawn)


async def _play(cls: type[Any], life: FakeLife) -> None:
    life.thread = issubclass(cls, BlockingSession)
    await _to_end(life, _in_thread(lambda: _live_blocking(cls, life)) if life.thread else _live(cls, life))


async def _live(cls: type[Any], life: FakeLife) -> None:
    session: Session[Any] = make(cls, life, {}, process=False)
    _ = session.resumed
    await settled(session.on_start())
    desk = Desk(session, survives=True)
    world().desks[life.path] = desk
    pump = asyncio.create_task(desk.pump())
    try:
        result = await session.run(**life.record.run.args)
        _keep_result(life, session, result, await settled(session.postcondition(result)))
        await closed(session)
    finally:
        pump.cancel()
        world().desks.pop(life.path, None)


def _live_blocking(cls: type[Any], life: FakeLife) -> None:
    session: BlockingSession[Any] = make(cls, life, {}, process=False)
    _ = session.resumed
    session.on_start()
    result = session.run(**life.record.run.args)
    _keep_result(life, session, result, session.postcondition(result))
    life.call(closed(session))


def _keep_result(life: FakeLife, session: Living, result: object, met: bool | str) -> None:
    record = life.record
    record.result = concluded(type(session), conclude(session, result))
    record.outcome = "ok" if met is True else "incomplete"
    record.why = met if isinstance(met, str) else "" if met else "the postcondition does not hold"


async def _to_end(life: FakeLife, work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work, name=life.path)
    try:
        await _first(task, life.over)
        if not life.over.done():
            task.result()
            life.over.set_result(ExitReason(kind="returned"))
        elif not life.thread:
            task.cancel()
    finally:
        if not life.over.done():
            life.over.set_result(ExitReason(kind="error"))
            task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # after its end: what it raised while it was torn down means nothing
    life.record.reason = life.over.result()


async def _in_thread(work: Callable[[], None]) -> None:
    """The main thread of a BlockingSession. Not the executor's: a life that never ends mustn't hold the loop's end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        error: BaseException | None = None
        try:
            context.run(work)
        except BaseException as raised:  # noqa: BLE001 - handed to the loop, which raises it
            error = raised
        loop.call_soon_threadsafe(_finish, done, error)

    threading.Thread(target=run, name="blocking session", daemon=True).start()
    await done


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _finish(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None or not isinstance(error, Exception):
        done.set_result(None)
    else:
        done.set_exception(error)


async def _serve(
    cls: type[Living], life: FakeLife, args: dict[str, Any], here: World, ready: asyncio.Future[tuple[Living, Desk]]
) -> None:
    made = make(cls, life, args, process=False)
    _ = made.resumed
    if isinstance(made, Actor):
        await settled(made.on_start())
    desk = here.desks[life.path] = Desk(made, survives=isinstance(made, Session))
    ready.set_result((made, desk))
    await desk.pump()


async def _run_beside(session: Any, args: dict[str, Any]) -> None:
    present.enter(session, process=False)
    await session.run(**args)


async def _stop(made: Any, life: FakeLife, tasks: list[asyncio.Task[None]]) -> None:
    life.stopping = True
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await settled(made.on_stop(ExitReason(kind="stop", what="the test's block ended")))
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _spawn(parent: FakeLife, number: int, code: str, args: dict[str, Plain]) -> None:
    """A spawned child is played to its end at once, on the same clock."""
    module, _, name = code.partition(":")
    cls: Any = reduce(getattr, name.split("."), sys.modules[module])
    here = world()
    with fake_clock() as clock:
        record = _record(cls, None, dict(args), clock)
        life = _life(record, here.free_path(cls), clock, here, None)
        try:
            await _play(cls, life)
        except Exception as error:  # noqa: BLE001 - the user's session: how it ended is its parent's to hear
            record.why = repr(error)
    last = record.run.kept[-1].state if record.run.kept else None
    kept = encode(record.result, result_type(cls)) if record.outcome == "ok" else last
    parent.record.run.children[number] = ChildOutcome(record.outcome or "error", record.why, kept)
