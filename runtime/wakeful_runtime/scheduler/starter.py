"""Asks for the sessions of runs that are written down, as often as it takes; the same one each time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from wakeful.errors import NodeError
from wakeful.life import Log
from wakeful_runtime.scheduler.book import Book
from wakeful_runtime.scheduler.chronicle import Chronicle
from wakeful_runtime.scheduler.job import Job, OpenRun

Body = dict[str, Any]

SPAWNS_AT_ONCE = 8
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
TRIED_S = 60.0
"""A session that is refused is asked for again for so long, or for the job's grace if that is longer."""


class Sessions(Protocol):
    """What is asked of the gateway."""

    async def spawn(self, args: Body) -> Body:
        """The answer of `sessions_spawn`; raises NodeError while the gateway is away."""
        ...

    async def stop(self, path: str) -> None:
        """Stop a session in order; one that is gone already is no error."""
        ...

    async def paths(self) -> frozenset[str]:
        """Of all that is there, running or waiting."""
        ...


class Starter:
    """Starts and stops sessions for the scheduler, beside it.

    Args:
        clock: wall time.

    Attributes:
        failed: gets the error of work that can't go on; a new scheduler takes over from the store.
        starting: ids of the runs whose session isn't accepted yet.
    """

    def __init__(
        self, book: Book, sessions: Sessions, chronicle: Chronicle, log: Log, clock: Callable[[], float]
    ) -> None:
        self._book = book
        self._sessions = sessions
        self._chronicle = chronicle
        self._log = log
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(SPAWNS_AT_ONCE)
        self.starting: set[str] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, run: OpenRun) -> asyncio.Task[None]:
        """Have its session started, beside; the task ends when it is accepted, or given up."""
        return self._beside(self._once(run))

    def stop(self, run: OpenRun) -> None:
        """Have its session stopped, once."""
        if run.path is not None and not run.stopping:
            run.stopping = True
            self._beside(self._sessions.stop(run.path))

    async def present(self) -> frozenset[str]:
        """Paths of all that is there; nothing is known while the gateway is away, so NodeError passes through."""
        return await self._sessions.paths()

    async def _once(self, run: OpenRun) -> None:
        if run.run_id in self.starting:
            return
        self.starting.add(run.run_id)
        try:
            await self._begin(run)
        finally:
            self.starting.discard(run.run_id)

    async def _begin(self, run: OpenRun) -> None:
        """Ask for its session until it is accepted, or too late, or not wanted any more."""
        pause = FIRST_PAUSE_S
        while run.run_id in self._book.open:
            job = self._book.jobs.get(run.job_id)
            if job is None:
                await self._book.close(run, "skipped", "the job was removed")
                return
            if self._clock() - run.scheduled > max(TRIED_S, job.grace):
                await self._give_up(run, job)
                return
            try:
                async with self._slots:
                    told = await self._sessions.spawn(_asked(run, job))
                if told.get("status") == "accepted":
                    await self._begun(run, job, str(told["path"]))
                    return
                run.trouble = str(told.get("error"))
            except NodeError as error:
                run.trouble = str(error)
            self._log.warning("not started yet", run=run.run_id, why=run.trouble)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _give_up(self, run: OpenRun, job: Job) -> None:
        """Too late: unless the session is there already, asked for by a scheduler that could not write that down."""
        begun = {row["run_id"]: f"sessions/{run.run_id}" for row in await self._book.looked_at() if row["run_began_at"]}
        try:
            there = {path.rpartition("/")[2]: path for path in await self._sessions.paths()}
        except NodeError as error:
            self._log.warning("the gateway doesn't say what is there", why=str(error))
            there = {}
        path = there.get(run.run_id) or begun.get(run.run_id)
        if path is not None:
            await self._begun(run, job, path)
            return
        told = f"it could not be started: {run.trouble}" if run.trouble else "nobody was there to start it"
        await self._book.close(run, "missed", told)
        self._chronicle.run(job, "missed", run, told)

    async def _begun(self, run: OpenRun, job: Job, path: str) -> None:
        if run.run_id not in self._book.open:  # dropped while it was asked for
            await self._sessions.stop(path)
            return
        await self._book.begun(run, path)
        self._chronicle.run(job, "fired", run)

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            self.failed.set_exception(error)

    async def settle(self) -> None:
        """Until nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def close(self) -> None:
        """Leave the rest to the next scheduler."""
        for task in self._tasks:
            task.cancel()
        self.failed.cancel()


def _asked(run: OpenRun, job: Job) -> Body:
    payload = job.spec["payload"]
    asked: Body = {
        "task": payload["message"],
        "agentId": run.agent,
        "runId": run.run_id,
        "notBefore": run.scheduled,
    }
    if "timeoutSeconds" in payload:
        asked["runTimeoutSeconds"] = payload["timeoutSeconds"]
    return asked
