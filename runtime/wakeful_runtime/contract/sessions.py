"""The sessions verbs: what they take and answer (api.md §3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from wakeful.policy import Cleanup, Preset, Recovery
from wakeful_runtime.contract.fields import (
    TEN_YEARS_S,
    Answer,
    Arguments,
    Duration,
    Limit,
    Named,
    NewName,
    Plain,
    Text,
    Wait,
)
from wakeful_runtime.gateway.keys import CALL_FOREIGN, SPAWN_FOREIGN


class HeartbeatKeys(Arguments):
    """How the session is watched; what is left out is as its agent has it."""

    of = "heartbeat"
    keeps_null = True
    every: Duration = 60.0
    timeout: Duration = 20.0
    progress: Duration | None = Field(default=None, description="How long it may go without an act of its own.")
    startup: Duration = 60.0


class Spawn(Arguments):
    """A new session of one of the tree's agents."""

    of = "sessions_spawn"
    foreign = SPAWN_FOREIGN | CALL_FOREIGN
    task: Annotated[Text, Field(min_length=1)] = Field(description="What it is to do: the first argument of its run.")
    agentId: NewName | None = Field(
        default=None, description="Which agent. Without: the one called main, else the only one there is."
    )
    label: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Its name: it runs as sessions/LABEL."
    )
    runTimeoutSeconds: float | None = Field(default=None, ge=0, le=TEN_YEARS_S, description="0: none.")
    cleanup: Cleanup | None = Field(default=None, description="What becomes of its directory when it is over.")
    heartbeat: HeartbeatKeys | Preset | None = None
    recovery: Recovery | None = None
    args: dict[str, Plain] | None = Field(default=None, description="More keyword arguments of its run.")
    runId: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$")] | None = Field(
        default=None, description="The run's id, chosen by who asks: asked again with it, the same run is answered."
    )
    timeoutSeconds: float | None = Field(
        default=None, ge=0, le=TEN_YEARS_S, description="OpenClaw's older word for runTimeoutSeconds."
    )
    watch: Named | None = Field(default=None, description="For heartbeat-monitor: the session it takes over.")


class Target(Arguments):
    """Which session: its key, its label or its path; each may hold any of them."""

    foreign: ClassVar[Collection[str]] = CALL_FOREIGN
    sessionKey: Named | None = None
    label: Named | None = None
    path: Named | None = None


class Send(Target):
    """A text for a session's inbox. `checkpoint:NAME` records the progress marker NAME."""

    of = "sessions_send"
    foreign: ClassVar[Collection[str]] = CALL_FOREIGN | {"agentId"}
    message: Annotated[str, Field(max_length=100_000)]
    timeoutSeconds: Wait | None = None
    deadlineSeconds: float | None = Field(default=None, ge=0, lt=1e9, description="Not delivered later than that.")
    idempotencyKey: Named | None = Field(
        default=None, description="The same one is the same text: send it again to wait for its reply again."
    )
    sender: Named | None = Field(default=None, description="Who says it; what the session sees.")


class Stop(Target):
    """Stop a session in order."""

    of = "sessions_stop"
    timeoutSeconds: Wait | None = None


class Result(Target):
    """How a session's run ended."""

    of = "sessions_result"
    timeoutSeconds: Wait | None = None


class Listed(Target):
    """All sessions, or the one named."""

    of = "sessions_list"
    limit: Limit | None = None


class Status(Target):
    """One session."""

    of = "session_status"
    limit: Limit | None = None


class HistoryOf(Target):
    """What happened to one session."""

    of = "sessions_history"
    limit: Limit | None = None


class Spawned(Answer):
    """Whether the session was started."""

    problems: ClassVar[dict[str, int]] = {"forbidden": 403, "error": 409}
    status: Literal["accepted", "forbidden", "error"]
    runId: str | None = None
    key: str | None = None
    childSessionKey: str | None = None
    path: str | None = None
    error: str | None = Field(default=None, description="Why not; of a limit, with the count.")
    ignored: list[str] | None = Field(default=None, description="Keys of OpenClaw that mean nothing here.")


class Sent(Answer):
    """What became of the text."""

    problems: ClassVar[dict[str, int]] = {"error": 409}
    status: Literal["ok", "accepted", "timeout", "error"]
    reply: Any = None
    runId: str | None = None
    error: str | None = None


class Outcome(Answer):
    """How the run ended, if it has."""

    problems: ClassVar[dict[str, int]] = {"error": 409}
    status: str
    outcome: Literal["ok", "incomplete", "error", "timeout", "killed", "unknown"] | None = None
    result: Any = None
    partial: Any = Field(default=None, description="The last checkpoint's state, if the run did not end ok.")
    why: str | None = None


class Row(Answer):
    """One process, as `ps` shows it."""

    path: str
    kind: str
    pid: int | None = None
    incarnation: int | None = None
    state: str
    verdict: str | None = None
    restarts: int | None = None
    beat_age_s: float | None = None
    progress_age_s: float | None = None
    checkpoint: Any = None
    memory_mb: float | None = None
    key: str | None = None
    label: str | None = None
    run_id: str | None = None
    why: str | None = None


class SessionRow(Row):
    """A session, there or over."""

    outcome: str | None = None


class Event(Answer):
    """An entry of the journal."""

    seq: int
    at: str = Field(description="RFC 3339 UTC.")
    event: str
    path: str | None = None
    incarnation: int | None = None


class History(Answer):
    """A session's journal, lives and kept checkpoints."""

    path: str
    events: list[Event]
    lives: list[dict[str, Any]]
    checkpoints: list[dict[str, Any]]
