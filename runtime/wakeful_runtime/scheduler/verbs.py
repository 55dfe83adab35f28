"""The `cron` verb: jobs added, listed, changed, removed, run; the JSON of api.md §3."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.gateway.keys import CRON_FOREIGN, Keys
from wakeful_runtime.scheduler.job import Job, new_job
from wakeful_runtime.scheduler.jobspec import JOB, Given, moment, patched, read_job
from wakeful_runtime.scheduler.runs import GRACE_S, run_json
from wakeful_runtime.scheduler.scheduler import Scheduler

Body = dict[str, Any]

ACTIONS = ("add", "list", "remove", "update", "run", "runs")
LIMIT = 100
LARGEST_LIMIT = 10_000

_CALL = Keys("cron", ("action", "job", "jobId", "id", "name", "patch", "limit"), CRON_FOREIGN)


class CronVerbs:
    """Answers `cron`.

    Args:
        ring: has the scheduler look at its jobs now.
    """

    def __init__(self, scheduler: Scheduler, ring: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._book = scheduler.book
        self._ring = ring
        self._actions: dict[str, Callable[[Body], Awaitable[Body | list[Body]]]] = {
            "add": self._add,
            "list": self._list,
            "remove": self._remove,
            "update": self._update,
            "run": self._run,
            "runs": self._runs,
        }

    async def cron(self, args: Body) -> Body | list[Body]:
        """One action.

        Raises:
            NodeError: one line on why not.
        """
        action = self._actions.get(str(args.get("action")))
        if action is None:
            raise NodeError(f"cron: action={args.get('action')!r}: write {', '.join(ACTIONS)}")
        args = _whole(args)
        ignored = _CALL.ignored(args)
        answer = await action(args)
        return answer if isinstance(answer, list) else {**answer, "ignored": [*ignored, *answer.get("ignored", [])]}

    async def _add(self, args: Body) -> Body:
        given = read_job(args.get("job"), self._book.defaults)
        now = self._scheduler.clock()
        async with self._scheduler.lock:
            known = next((job for job in self._book.jobs.values() if job.name == given.spec["name"]), None)
            if known is not None:
                if known.spec == given.spec:
                    return {**self._json(known), "ignored": given.ignored}
                raise NodeError(
                    f"cron: there is a job {known.name!r} already ({known.id}); change it with action update, "
                    "or choose another name"
                )
            _must_come(given, now)
            job = new_job(given.spec, now, enabled=given.enabled)
            await self._book.put(job)
        self._ring()
        return {**self._json(job), "ignored": given.ignored}

    async def _list(self, args: Body) -> list[Body]:
        jobs = sorted(self._book.jobs.values(), key=lambda job: job.name)
        return [self._json(job) for job in jobs[: _limit(args, LARGEST_LIMIT)]]

    async def _remove(self, args: Body) -> Body:
        async with self._scheduler.lock:
            job = self._job(args)
            if job.declared:
                raise NodeError(
                    f"cron: {job.name!r} stands in the tree: remove it there, or switch it off with "
                    f"`wakeful cron update {job.name!r} --disable`"
                )
            await self._book.remove(job)
            await self._scheduler.drop(job, "the job was removed")
        return {"id": job.id, "name": job.name, "status": "removed"}

    async def _update(self, args: Body) -> Body:
        async with self._scheduler.lock:
            job = self._job(args)
            given = patched(job.spec, job.enabled, args.get("patch"), self._book.defaults)
            if job.declared and given.spec != job.spec:
                raise NodeError(
                    f"cron: {job.name!r} stands in the tree: change it there; only `enabled` can be patched"
                )
            await self._change(job, given)
        self._ring()
        return {**self._json(self._book.jobs[job.id]), "ignored": given.ignored}

    async def _change(self, job: Job, given: Given) -> None:
        now = self._scheduler.clock()
        other_times = given.spec["schedule"] != job.spec["schedule"]
        if other_times:
            _must_come(given, now)
        if other_times or not given.enabled:
            await self._scheduler.drop(job, "the job was changed" if given.enabled else "the job was switched off")
        changed = replace(job, name=given.spec["name"], spec=given.spec, enabled=given.enabled)
        if other_times or (given.enabled and not job.enabled):
            changed.cursor = now  # what passed while it was off was not missed
            changed.failures, changed.held_until, changed.why = 0, 0.0, ""
        if other_times:
            changed.anchor = round(now, 3)
        if job.enabled and not given.enabled:
            changed.why = "switched off by a person"
        await self._book.put(changed)

    async def _run(self, args: Body) -> Body:
        job = self._job(args)
        run, why = await self._scheduler.fire_now(job)
        key = f"agent:{run.agent}:session:{run.run_id}"
        told = {"jobId": job.id, "runId": run.run_id, "key": key, "childSessionKey": key, "path": run.path}
        return {"status": "accepted" if run.state == "due" else run.state, **told, "why": why}

    async def _runs(self, args: Body) -> list[Body]:
        name = _name(args)
        job = None
        if name is not None:
            try:
                job = self._book.job(name)
            except NodeError:
                if not await self._book.history(None, 1, name):  # of a job that is gone, its id still names the runs
                    raise
        rows = await self._book.history(job, _limit(args, LIMIT), name)
        return [run_json(row, self._grace(row)) for row in rows]

    def _grace(self, row: Body) -> float:
        job = self._book.jobs.get(row["job_id"])
        return job.grace if job is not None else GRACE_S

    def _job(self, args: Body) -> Job:
        name = _name(args)
        if name is None:
            raise NodeError("cron: say which job: jobId or name")
        return self._book.job(name)

    def _json(self, job: Job) -> Body:
        return job.json(self._scheduler.clock(), self._book.defaults.tz, self._book.runs_of(job))


def _whole(args: Body) -> Body:
    """A job whose keys stand beside `action`, as some models write it, is taken as one."""
    if args.get("action") != "add" or "job" in args:
        return args
    inner = {key: value for key, value in args.items() if key in JOB.known or key in JOB.foreign}
    outer = {key: value for key, value in args.items() if key not in inner}
    return {**outer, "job": inner}


def _must_come(given: Given, now: float) -> None:
    schedule = given.spec["schedule"]
    if schedule["kind"] == "at" and moment(schedule["at"], schedule["tz"]) <= now:
        raise NodeError(f"cron: at={schedule['at']!r} ({schedule['tz']}) has passed; write a time to come")


def _name(args: Body) -> str | None:
    found = args.get("jobId") or args.get("id") or args.get("name")
    return None if found is None else str(found)


def _limit(args: Body, otherwise: int) -> int:
    limit = args.get("limit")
    if limit is None:
        return otherwise
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LARGEST_LIMIT:
        raise NodeError(f"cron: limit={limit!r}: write a whole number from 1 to {LARGEST_LIMIT}")
    return limit
