"""A tree as plain data: what a node starts from.

The tree file is imported once, by a short-lived check process, and turned into these. Every process of a node
reads plans; only sessions and actors import user code.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from wakeful.policy import (
    AutoShutdown,
    Budget,
    Cleanup,
    Heartbeat,
    Limits,
    OnExhausted,
    Recovery,
    Restart,
    Strategy,
)

ChildKind = Literal["session", "actor", "command", "monitor", "store", "scheduler", "herald", "web"]


class Plan(BaseModel):
    """Frozen, and equal to itself after `model_validate(model_dump())`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Code(Plan):
    """Where a class is found.

    Attributes:
        module: the module's name, as the child will import it.
        name: the class's qualified name in it.
        file: for a module that came from a script given by its path: that path; else None.
        search: directories the check process had put in front of `sys.path` for it.
    """

    module: str
    name: str
    file: str | None = None
    search: tuple[str, ...] = ()


class CommandPlan(Plan):
    """A program as a session; see `wakeful.Command`."""

    argv: tuple[str, ...]
    ready: str = "notify"
    alive: str | tuple[str, ...] | None = None
    env: dict[str, str] = Field(default_factory=dict[str, str])
    cwd: str | None = None
    user: str | None = None
    inbox: bool = False
    success: tuple[int, ...] = (0,)
    never_restart: tuple[int, ...] = ()
    stop_signal: str = "SIGTERM"


class ChildPlan(Plan):
    """One child of a supervisor, all durations in seconds.

    Attributes:
        agent, label: what it was started from and called, for a session on demand.
        parent_run: the run that spawned it.
        run_id: the id of its first run, where whoever started it chose one.
        not_before: wall time before which `run` isn't called; the life itself may begin earlier.
        depth: how many sessions it was spawned below.
        task_name: the argument its task is; None: it takes no task.
        takes: the names of the arguments it takes; None: any.
    """

    name: str
    kind: ChildKind
    code: Code | None = None
    command: CommandPlan | None = None
    monitor: MonitorPlan | None = None
    blocking: bool = False
    args: dict[str, Any] = Field(default_factory=dict[str, Any])
    restart: Restart = "permanent"
    recovery: Recovery = "immediate"
    wait: float = 3600.0
    heartbeat: Heartbeat = Heartbeat()
    shutdown: float | None = 5.0
    limits: Limits = Limits()
    budget: Budget = Budget()
    run_timeout: float | None = None
    cleanup: Cleanup = "keep"
    significant: bool = False
    failures_in_a_row: int = 3
    idempotent: bool = False
    state_version: int = 1
    python: str | None = None
    agent: str | None = None
    label: str | None = None
    parent_run: str | None = None
    run_id: str | None = None
    not_before: float | None = None
    depth: int = 0
    task_name: str | None = "task"
    takes: tuple[str, ...] | None = None


class MonitorPlan(Plan):
    """A supervisor and its children, in start order.

    Attributes:
        watch: path of the one session that this monitor has taken over from its own; None: it is a monitor of the tree.
        lent: that session's plan, as it is given back.
        until: wall time at which it is.
    """

    name: str
    children: tuple[ChildPlan, ...] = ()
    strategy: Strategy = "one_for_one"
    failures_in_a_row: int = 3
    max_restarts: int = 10
    within: float = 600.0
    on_exhausted: OnExhausted = "review"
    auto_shutdown: AutoShutdown = "never"
    max_children: int | None = None
    agents: tuple[ChildPlan, ...] = ()
    max_running: int = 8
    watch: str | None = None
    lent: ChildPlan | None = None
    until: float | None = None


class JobPlan(Plan):
    """One schedule."""

    name: str
    agent: str
    task: str | None = None
    expr: str | None = None
    every: float | None = None
    at: str | None = None
    tz: str | None = None
    misfire: Literal["skip", "run_once", "run_all"] = "skip"
    overlap: Literal["skip", "queue", "replace"] = "skip"
    grace: float = 600.0
    timeout: float | None = None


class WebPlan(Plan):
    """Where the node listens for HTTP; port 0: any free one."""

    host: str
    port: int = Field(ge=0, le=65535)


class NodePlan(Plan):
    """A whole tree.

    Attributes:
        root: the gateway as a supervisor; its children are monitors and direct children, in order.
        agents: what `sessions_spawn`, schedules and `spawn` may start, by name.
        target: the `file.py:tree` it came from, for people.
        web: None: the node is not to be asked over HTTP.
    """

    root: MonitorPlan
    agents: tuple[ChildPlan, ...] = ()
    schedule: tuple[JobPlan, ...] = ()
    alerts: tuple[dict[str, Any], ...] = ()
    preload: tuple[str, ...] = ()
    timezone: str | None = None
    target: str = ""
    web: WebPlan | None = None


ChildPlan.model_rebuild()
