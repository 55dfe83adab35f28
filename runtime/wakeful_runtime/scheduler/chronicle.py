"""What the journal is told of jobs: fired, missed, skipped, switched off; stored once, whoever tells it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wakeful_runtime.scheduler.job import Job, OpenRun
from wakeful_runtime.store.journal_rows import rfc3339

Body = dict[str, Any]

Write = Callable[[str, str, Body, str], None]
"""Event, path, fields, and the key under which it is stored once."""


class Chronicle:
    """Entries about a job stand under the path `cron/NAME`."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def run(self, job: Job, event: str, run: OpenRun, why: str = "") -> None:
        """What became of one of its times."""
        fields: Body = {"run_id": run.run_id, "scheduled": rfc3339(run.scheduled)}
        if run.path is not None:
            fields["session"] = run.path
        if why:
            fields["why"] = why
        self._tell(job, event, fields, f"{run.run_id} {event}")

    def older_missed(self, job: Job, now: float) -> None:
        """More times were missed than are told of one by one."""
        fields = {"why": f"more times than are told one by one, all before {rfc3339(now)}"}
        self._tell(job, "missed", fields, f"{job.id} {now} missed")

    def disabled(self, job: Job, run: OpenRun) -> None:
        """It failed too often."""
        words = f"the job {job.name!r} is switched off: {job.why}"
        fields = {
            "verdict": "job_disabled",
            "severity": "error",
            "words": words,
            "done": "none of its times is started any more",
            "run_id": run.run_id,
            "next": f"wakeful cron update {job.name!r} --enable",
        }
        self._tell(job, "alert", fields, f"{run.run_id} disabled")

    def _tell(self, job: Job, event: str, fields: Body, key: str) -> None:
        self._write(event, f"cron/{job.name}", {"job": job.name, "job_id": job.id, **fields}, key)
