"""Schedules: what `cron` takes and answers (api.md §3). The gateway knows the finer rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from wakeful_runtime.contract.fields import Answer, Arguments, Limit, Named, Plain, Text, Whole
from wakeful_runtime.gateway.keys import CALL_FOREIGN


class JobPart(BaseModel):
    """A part of a job. Keys that aren't here may be OpenClaw's; the gateway refuses or ignores them."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, Plain]  # pyright: ignore[reportIncompatibleVariableOverride]


class ScheduleKeys(JobPart):
    """When it fires."""

    kind: Literal["cron", "every", "at"] | None = None
    expr: str | None = Field(default=None, max_length=256, description="Five or six fields, or @daily and the like.")
    tz: str | None = Field(default=None, max_length=64, description="An IANA zone.")
    everyMs: Annotated[int, Field(ge=1, lt=2**53), Whole] | None = None
    at: str | Annotated[int, Field(ge=0, lt=2**53)] | None = None


class PayloadKeys(JobPart):
    """What it starts."""

    kind: str | None = Field(default=None, description="agentTurn")
    message: Text | None = Field(default=None, description="The task of the run.")
    timeoutSeconds: float | None = Field(default=None, ge=0)


class JobKeys(JobPart):
    """A job, or what is to be changed of one."""

    name: str | None = Field(default=None, max_length=256)
    schedule: ScheduleKeys | None = None
    payload: PayloadKeys | None = None
    sessionTarget: str | None = Field(default=None, description="isolated")
    agentId: str | None = None
    misfire: Literal["skip", "run_once", "run_all"] | None = None
    grace: float | None = Field(default=None, ge=0)
    overlap: Literal["skip", "queue", "replace"] | None = None


class Cron(Arguments):
    """Schedules: add, list, remove, update, run, runs."""

    of = "cron"
    foreign = CALL_FOREIGN | {"includeDisabled", "runMode", "contextMessages", "text", "mode"}
    action: Literal["add", "list", "remove", "update", "run", "runs"]
    job: JobKeys | None = None
    jobId: Named | None = None
    name: Named | None = None
    patch: JobKeys | None = None
    limit: Limit | None = None


class Scheduled(Answer):
    """A job with its id and next fire times, or a run of one."""

    id: str | None = None
    name: Any = None
