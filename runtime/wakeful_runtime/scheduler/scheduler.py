"""Decides, writes down, starts, follows: the scheduler without a process, a socket or a clock of its own.

The order is what makes a firing happen once. A time is written down under an id made of job and time; only then its
session is asked for, under that id, as often as it takes; a session that was asked for before is the same session.
Whoever is killed in between: the next scheduler reads what is open, and goes on there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from wakeful.errors import NodeError
from wakeful.life import Log
from wakeful.rules.firing import Firing, after_run, clock_set_back, due
from wakeful_runtime.scheduler.book import Book, comes_again
from wakeful_runtime.scheduler.chronicle import Chronicle
from wakeful_runtime.scheduler.job import Job, OpenRun
from wakeful_runtime.scheduler.starter import Starter

Body = dict[str, Any]

LEAD_S = 1.0
LEAD_EACH_S = 0.15
LONGEST_LEAD_S = 30.0
"""A session is asked for this long before its time, longer where many come together: a fork takes its time."""

UNBEGUN_S = 10.0
"""An accepted session that has not begun by then is looked for: somebody may have stopped it while it waited."""

STARTED_S = 8.0
"""Who asks for a run by hand waits so long for its session; it is asked for on and on."""

_STATES = {"start": "due", "queue": "queued", "replace": "queued"}


class Scheduler:
    """`turn` decides about all that is due, `follow` learns what became of what was started.

    Args:
        clock: wall time.

    Attributes:
        lock: held while jobs are decided about or changed.
    """

    def __init__(
        self, book: Book, starter: Starter, chronicle: Chronicle, log: Log, clock: Callable[[], float]
    ) -> None:
        self.book = book
        self.clock = clock
        self.lock = asyncio.Lock()
        self._starter = starter
        self._chronicle = chronicle
        self._log = log

    def recover(self) -> None:
        """Go on with what a scheduler before this one had written down."""
        for run in self.book.open.values():
            if run.state == "due":
                self._starter.start(run)

    async def turn(self) -> float | None:
        """Decide about every time that has come or is near; when to look again (wall time)."""
        async with self.lock:
            now = self.clock()
            await self._after_clock_steps(now)
            lead = self._lead(now)
            if self._in_the_way(now + lead):
                await self._learn()
            runs, jobs = list[tuple[OpenRun, Firing]](), list[Job]()
            for job in list(self.book.jobs.values()):
                at = self.book.next_time(job)
                if at is not None and at <= now + lead and (found := self._decide(job, now, lead)) is not None:
                    jobs.append(job)
                    runs += found
            if jobs:
                await self._fire(runs, jobs)
            return self._wakes_at(now, lead)

    def _in_the_way(self, until: float) -> bool:
        """Whether a job has a time up to then, and a run before it that was not over when it was looked at last."""
        busy = (self.book.jobs.get(job_id) for job_id in {run.job_id for run in self.book.open.values()})
        times = (self.book.next_time(job) for job in busy if job is not None)
        return any(at is not None and at <= until for at in times)

    def _decide(self, job: Job, now: float, lead: float) -> list[tuple[OpenRun, Firing]] | None:
        """What becomes of the job's times, its cursor set behind them; None: nothing is to be decided yet."""
        found = due(job.schedule, job.rule, job.standing(self.book.runs_of(job)), now, lead)
        if found.cursor == job.cursor and not found.firings:
            return None
        job.cursor = found.cursor
        if not comes_again(job.schedule, job.cursor):
            job.enabled, job.why = False, "its only time has come"
        if found.older:
            self._chronicle.older_missed(job, now)
        return [(_run(job, firing), firing) for firing in found.firings]

    async def _fire(self, runs: list[tuple[OpenRun, Firing]], jobs: list[Job]) -> None:
        firings = {run.run_id: firing for run, firing in runs}
        for run in await self.book.fire([(run, firing.why) for run, firing in runs], jobs):
            firing, job = firings[run.run_id], self.book.jobs[run.job_id]
            if firing.late:
                self._chronicle.run(job, "missed", run, "it is started later than its grace (misfire=run_once)")
            if run.state == "due":
                self._starter.start(run)
            elif run.state == "queued" and firing.fate == "replace":
                await self._replace(run)
            elif run.state in ("missed", "skipped"):
                self._chronicle.run(job, run.state, run, firing.why)

    async def fire_now(self, job: Job) -> tuple[OpenRun, str]:
        """A run that a person asks for, outside of the schedule; the run, and why it isn't started now.

        Raises:
            NodeError: this moment had one already.
        """
        scheduled = round(self.clock(), 3)
        run = OpenRun(job.run_id(scheduled), job.id, job.name, job.agent, scheduled, "due", manual=True)
        why = ""
        async with self.lock:
            if self.book.runs_of(job):
                skip = job.rule.overlap == "skip"
                run.state = "skipped" if skip else "queued"
                why = "the run before it still goes on" + (" (overlap=skip)" if skip else "; it waits for that")
            if not await self.book.fire([(run, why)], []):
                raise NodeError(f"cron: {job.name!r} has a run of this moment already; try again")
            if run.state == "queued" and job.rule.overlap == "replace":
                await self._replace(run)
        if run.state == "due":
            await asyncio.wait({self._starter.start(run)}, timeout=STARTED_S)
            why = run.trouble if run.state == "due" else ""
        return run, why

    async def drop(self, job: Job, why: str) -> None:
        """End what was prepared for times to come, and what waits: the job is changed, or gone."""
        for run in self.book.runs_of(job):
            if run.state == "queued" or run.scheduled > self.clock():
                self._starter.stop(run)
                await self.book.close(run, "skipped", why)

    async def follow(self) -> None:
        """Learn how started runs ended, count it, and start what waited for them."""
        async with self.lock:
            await self._learn()

    async def _learn(self) -> None:
        overdue = list[OpenRun]()
        for row in await self.book.looked_at():
            run = self.book.open.get(row["run_id"])
            if run is None or run.state != "accepted":
                continue
            if row["run_outcome"] is not None:
                await self._over(run, row)
            elif row["run_began_at"] is None and self._overdue(run):
                overdue.append(run)
        if overdue:
            await self._look_for(overdue)
        await self._unqueue()

    async def _over(self, run: OpenRun, row: Body) -> None:
        job = self.book.jobs.get(run.job_id)
        outcome, finished = str(row["run_outcome"]), float(row["run_finished_at"] or self.clock())
        began = row["began_at"] or max(float(row["run_began_at"]), run.scheduled)
        if job is not None and not run.stopping:
            verdict = after_run(job.schedule, job.failures, outcome, finished)
            job.failures, job.held_until = verdict.failures, verdict.held_until
            if verdict.disabled and job.enabled:
                job.enabled, job.why = False, verdict.disabled
                self._chronicle.disabled(job, run)
        told = {"outcome": outcome, "began_at": began, "finished_at": finished}
        await self.book.close(run, "over", str(row["run_why"] or ""), job=job, **told)

    def _overdue(self, run: OpenRun) -> bool:
        """Whether it was accepted so long ago that it is to be looked for; true once in that time."""
        now = self.clock()
        run.since = run.since or now
        if now - run.since <= UNBEGUN_S:
            return False
        run.since = now
        return True

    async def _look_for(self, overdue: list[OpenRun]) -> None:
        """They were accepted and have not begun: they wait for their turn, or somebody stopped them before that."""
        try:
            there = await self._starter.present()
        except NodeError as error:
            self._log.warning("the gateway doesn't say what is there", why=str(error))
            return
        for run in overdue:
            if run.path not in there:
                await self.book.close(run, "over", "it was stopped before it began", outcome="killed")

    async def _unqueue(self) -> None:
        """The oldest time that waits is started where nothing of its job runs any more."""
        waiting = [run for run in self.book.open.values() if run.state == "queued"]
        busy = {run.job_id for run in self.book.open.values() if run.state != "queued"}
        for run in sorted(waiting, key=lambda run: run.scheduled):
            if run.job_id not in busy:
                busy.add(run.job_id)
                await self.book.unqueue(run)
                self._starter.start(run)

    async def _replace(self, run: OpenRun) -> None:
        """Only the newest of the times that wait is started; what runs is stopped for it."""
        for other in [each for each in self.book.open.values() if each.job_id == run.job_id and each is not run]:
            if other.state == "queued":
                await self.book.close(other, "skipped", "a later time replaced it (overlap=replace)")
            else:
                self._starter.stop(other)

    async def _after_clock_steps(self, now: float) -> None:
        for job in list(self.book.jobs.values()):
            cursor = clock_set_back(job.schedule, job.cursor, now) if job.cursor > now else None
            if cursor is not None:
                self._log.warning("the clock was set back", job=job.name, seconds=round(job.cursor - now, 1))
                job.cursor = job.anchor = cursor
                await self.book.put(job)
                await self.drop(job, "the clock was set back")

    def _lead(self, now: float) -> float:
        times = (self.book.next_time(job) for job in self.book.jobs.values())
        near = sum(at is not None and at <= now + LONGEST_LEAD_S for at in times)
        return min(LEAD_S + LEAD_EACH_S * near, LONGEST_LEAD_S)

    def _wakes_at(self, now: float, lead: float) -> float | None:
        """What is near and not decided waits for its very time: something stands in its way."""
        times = [at for job in self.book.jobs.values() if (at := self.book.next_time(job)) is not None]
        return min((at - lead if at - lead > now else at for at in times), default=None)


def _run(job: Job, firing: Firing) -> OpenRun:
    state = _STATES.get(firing.fate, firing.fate)
    return OpenRun(job.run_id(firing.scheduled), job.id, job.name, job.agent, firing.scheduled, state)
