"""The scheduler's book: jobs and open runs, in memory as they are in the store. The store is always first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from wakeful.errors import NodeError
from wakeful.plan import JobPlan
from wakeful.rules.cron import Schedule, next_after
from wakeful_runtime.scheduler.job import Job, OpenRun, new_job
from wakeful_runtime.scheduler.jobspec import Defaults, declared
from wakeful_runtime.store.client import StoreRefused

Body = dict[str, Any]

OPEN_RUNS = 10_000
"""More than can be open: each job has at most a running one and a bounded queue."""

MAX_JOBS = 5_000


class Store(Protocol):
    """What is asked of the store (`store.client.StoreClient`)."""

    async def request(self, op: str, *, timeout: float | None = None, **arguments: Any) -> dict[str, Any]: ...


class Book:
    """Written by the scheduler alone; each change is committed before it is believed."""

    def __init__(self, store: Store, defaults: Defaults) -> None:
        self._store = store
        self.defaults = defaults
        self.jobs: dict[str, Job] = {}
        self.open: dict[str, OpenRun] = {}
        self._next: dict[str, float | None] = {}

    async def load(self, plans: Iterable[JobPlan], now: float) -> None:
        """Read what is kept, and bring the jobs of the tree up to date.

        A job of the tree that has changed begins anew; one that is gone from it is forgotten, its runs are not.
        """
        rows = (await self._store.request("jobs"))["rows"]
        self.jobs = {row["id"]: Job(**row) for row in rows}
        wanted = {job.id: job for job in (new_job(declared(plan, self.defaults), now, declared=True) for plan in plans)}
        names = {job.name for job in wanted.values()}
        for job in [each for each in self.jobs.values() if each.id not in wanted]:
            if job.declared or job.name in names:
                await self.remove(job)
        changed = [job for job in wanted.values() if job.id not in self.jobs or self.jobs[job.id].spec != job.spec]
        await self.put(*changed)
        for row in (await self._store.request("job_runs", open=True, limit=OPEN_RUNS))["rows"]:
            self._take(row)

    def _take(self, row: Body) -> None:
        keys = ("run_id", "job_id", "job", "agent", "scheduled", "state", "manual", "path")
        self.open[row["run_id"]] = OpenRun(**{key: row[key] for key in keys})

    def job(self, name: str) -> Job:
        """A job by its id or name.

        Raises:
            NodeError: there is none; the text lists them.
        """
        found = self.jobs.get(name) or next((job for job in self.jobs.values() if job.name == name), None)
        if found is None:
            known = ", ".join(sorted(job.name for job in self.jobs.values())[:12]) or "none"
            raise NodeError(f"cron: there is no job {name!r}; there is {known}")
        return found

    def runs_of(self, job: Job) -> list[OpenRun]:
        """Its open runs, in the order of their times."""
        return sorted((run for run in self.open.values() if run.job_id == job.id), key=lambda run: run.scheduled)

    def next_time(self, job: Job) -> float | None:
        """When something is to be decided about it."""
        if not job.enabled:
            return None
        if job.id not in self._next:
            self._next[job.id] = next_after(job.schedule, job.cursor)
        return self._next[job.id]

    async def put(self, *jobs: Job) -> None:
        """Keep jobs, new or changed.

        Raises:
            NodeError: another one has that name, or there are too many.
        """
        if not jobs:
            return
        if len({*self.jobs, *(job.id for job in jobs)}) > MAX_JOBS:
            raise NodeError(f"cron: there are {MAX_JOBS} jobs already")
        try:
            await self._store.request("job_put", jobs=[job.row() for job in jobs])
        except StoreRefused as refused:
            raise NodeError(f"cron: {refused.why}") from None
        for job in jobs:
            self.jobs[job.id] = job
            self._next.pop(job.id, None)

    async def remove(self, job: Job) -> None:
        """Forget a job."""
        await self._store.request("job_remove", id=job.id)
        self.jobs.pop(job.id, None)
        self._next.pop(job.id, None)

    async def fire(self, runs: list[tuple[OpenRun, str]], jobs: list[Job]) -> list[OpenRun]:
        """Write down times and how their jobs stand now, in one commit; those that were not there before.

        Args:
            runs: each with why it is what it is.
        """
        told = await self._store.request(
            "job_fire", runs=[run.row(why) for run, why in runs], jobs=[job.row() for job in jobs]
        )
        for job in jobs:
            self._next.pop(job.id, None)
        new = set(told["new"])
        found = [run for run, _ in runs if run.run_id in new]
        self.open |= {run.run_id: run for run in found if run.state in ("due", "queued")}
        return found

    async def begun(self, run: OpenRun, path: str) -> None:
        """Its session is accepted."""
        await self._store.request("job_run_set", run_id=run.run_id, state="accepted", path=path)
        run.state, run.path = "accepted", path

    async def unqueue(self, run: OpenRun) -> None:
        """Its turn has come."""
        await self._store.request("job_run_set", run_id=run.run_id, state="due")
        run.state = "due"

    async def close(self, run: OpenRun, state: str, why: str, *, job: Job | None = None, **told: Any) -> None:
        """It is at its end: `over` with its outcome and times, `missed` or `skipped`."""
        row = None if job is None else job.row()
        await self._store.request("job_run_set", run_id=run.run_id, state=state, why=why, job=row, **told)
        self.open.pop(run.run_id, None)
        if job is not None:
            self._next.pop(job.id, None)

    async def looked_at(self) -> list[Body]:
        """The open runs with what the store knows of their sessions."""
        rows: list[Body] = (await self._store.request("job_runs", open=True, limit=OPEN_RUNS))["rows"]
        return rows

    async def history(self, job: Job | None, limit: int, name: str | None = None) -> list[Body]:
        """Runs of a job, or of all, newest first."""
        told = await self._store.request("job_runs", job_id=job.id if job else name, limit=limit)
        rows: list[Body] = told["rows"]
        return rows


def comes_again(schedule: Schedule, cursor: float) -> bool:
    """Whether it has any time left."""
    return next_after(schedule, cursor) is not None
