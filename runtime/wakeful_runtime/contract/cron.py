"""Schedules: what `cron` takes and answers (api.md §3). The scheduler knows the finer rules."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from wakeful.rules.firing import Misfire, Overlap
from wakeful_runtime.contract.fields import Answer, Arguments, Limit, Named, Text
from wakeful_runtime.gateway.keys import CALL_FOREIGN, CRON_FOREIGN, JOB_FOREIGN, PAYLOAD_FOREIGN, SCHEDULE_FOREIGN

LONGEST_NAME = 64


class ScheduleKeys(Arguments):
    """When it fires: cron with expr, every with everyMs, or at."""

    of = "cron: schedule"
    foreign: ClassVar[Collection[str]] = SCHEDULE_FOREIGN
    kind: Literal["cron", "every", "at"] | None = None
    expr: str | None = Field(default=None, max_length=256, description="Five or six fields, or @daily and the like.")
    tz: str | None = Field(default=None, max_length=64, description="An IANA zone.")
    everyMs: Annotated[float, Field(gt=0, lt=1e13)] | None = None
    at: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="2026-12-01T09:00")


class PayloadKeys(Arguments):
    """What it starts."""

    of = "cron: payload"
    foreign: ClassVar[Collection[str]] = PAYLOAD_FOREIGN
    kind: Literal["agentTurn"] | None = None
    message: Text | None = Field(default=None, description="The task of the run.")
    timeoutSeconds: float | None = Field(default=None, ge=0)


class JobKeys(Arguments):
    """A job, or what is to be changed of one."""

    of = "cron: job"
    foreign: ClassVar[Collection[str]] = JOB_FOREIGN
    name: Annotated[str, Field(max_length=LONGEST_NAME)] | None = None
    schedule: ScheduleKeys | None = None
    payload: PayloadKeys | None = None
    sessionTarget: Literal["isolated"] | None = None
    agentId: Named | None = None
    misfire: Misfire | None = None
    grace: float | None = Field(default=None, ge=0, description="Seconds a fire may be late.")
    overlap: Overlap | None = None
    enabled: bool | None = None
    description: Text | None = None


class Cron(JobKeys):
    """Schedules: add, list, remove, update, run, runs. What a job has may stand beside `action`, too."""

    of = "cron"
    foreign: ClassVar[Collection[str]] = CALL_FOREIGN | CRON_FOREIGN | JOB_FOREIGN
    action: Literal["add", "list", "remove", "update", "run", "runs"]
    job: JobKeys | None = None
    jobId: Named | None = None
    id: Named | None = None
    patch: JobKeys | None = None
    limit: Limit | None = None


class Scheduled(Answer):
    """A job with its id and next fire times, or a run of one."""

    problems: ClassVar[dict[str, int]] = {"error": 409}
    id: str | None = None
    name: Any = None
