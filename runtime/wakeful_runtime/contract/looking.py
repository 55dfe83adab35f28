"""Verbs that look: processes, what happened and why, what waits for a person."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from wakeful_runtime.contract.fields import Answer, Arguments, Limit, Moment, Named, Seq
from wakeful_runtime.contract.sessions import Row


class Nothing(Arguments):
    """No arguments."""

    of = "arguments"


class OfPath(Arguments):
    """One child."""

    of = "arguments"
    path: Named = Field(description="A path, key, label or an unambiguous end of one.")


class OfId(Arguments):
    """One notice or incident."""

    of = "arguments"
    id: Named


class Alerts(Arguments):
    """Which notices, newest first."""

    of = "alerts"
    open: bool | None = Field(default=None, description="Only those nobody has acknowledged.")
    limit: Limit | None = None


class Why(Arguments):
    """One child; without a path: the last 24 hours."""

    of = "why"
    path: Named | None = None
    since: Moment | None = None


class Incidents(Arguments):
    """Which incidents, newest first."""

    of = "incidents"
    id: Named | None = None
    path: Named | None = None
    since: Moment | None = None
    open: bool | None = Field(default=None, description="Only those neither closed nor acknowledged.")
    limit: Limit | None = None


class Events(Arguments):
    """Which entries of the journal, oldest first."""

    of = "events"
    after: Seq | None = Field(default=None, description="Only those whose seq is above.")
    path: Named | None = None
    limit: Limit | None = None


class NodeStatus(Answer):
    """How the node is."""

    healthy: bool
    why: str
    waiting_for_a_person: list[str]
    target: str
    up_s: float
    processes: int


class Explained(Answer):
    """Why one child is as it is."""

    path: str
    verdict: str | None = None
    since: str | None = None
    what: str | None = None
    facts: dict[str, Any] | None = None
    evidence: Any = None
    action: Any = None
    outcome: Any = None
    next: str | None = Field(default=None, description="The command to type.")


class Incident(Answer):
    """What was found, by what evidence, what was done."""

    id: str
    path: str
    verdict: str
    opened_at: str
    closed_at: str | None = None
    acked_at: str | None = None
    action: str | None = None
    outcome: str | None = None


class Checkpoint(Answer):
    """One kept checkpoint."""

    seq: int
    name: str


class Waiting(Row):
    """A child that waits for a person."""

    since: str | None = None
    next: str | None = Field(default=None, description="The command to type.")


class Told(Answer):
    """Notices, and a row per route."""

    rows: list[dict[str, Any]]
    routes: list[dict[str, Any]]


class Acknowledged(Answer):
    """Which one, and whether a child went on."""

    resumed: bool
    not_resumed: str = Field(default="", description="Why a child that waited for it did not go on by it.")
