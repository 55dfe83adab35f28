"""A job as the scheduler holds it, and its runs that are open."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from wakeful.rules.cron import Schedule, times_after
from wakeful.rules.firing import Rule, Standing
from wakeful_runtime.scheduler.jobspec import moment, slug
from wakeful_runtime.store.journal_rows import rfc3339

Body = dict[str, Any]

SHOWN_TIMES = 3


@dataclass(slots=True)
class Job:
    """One job. What is kept of it is a row of the store's `jobs`; times are wall time.

    Attributes:
        spec: its JSON, complete.
        declared: it stands in the tree.
        why: why it is switched off, empty while it isn't.
        cursor: up to here all its times are decided about.
        anchor: what an interval counts from.
        failures: runs that failed in a row.
        held_until: no start before this, because of them.
    """

    id: str
    name: str
    spec: Body
    declared: bool
    enabled: bool
    cursor: float
    anchor: float
    created_at: float
    why: str = ""
    failures: int = 0
    held_until: float = 0.0

    def row(self) -> Body:
        """As the store keeps it."""
        return asdict(self)

    @property
    def schedule(self) -> Schedule:
        """When it comes."""
        given = self.spec["schedule"]
        match given["kind"]:
            case "cron":
                return Schedule(expr=given["expr"], tz=given["tz"])
            case "every":
                return Schedule(every=given["everyMs"] / 1000, anchor=self.anchor)
            case _:
                return Schedule(at=round(moment(given["at"], given["tz"]), 3))

    @property
    def rule(self) -> Rule:
        """How its times are treated."""
        return Rule(self.spec["misfire"], self.spec["overlap"], self.spec["grace"])

    @property
    def agent(self) -> str:
        return str(self.spec["agentId"])

    @property
    def grace(self) -> float:
        return float(self.spec["grace"])

    def standing(self, runs: list[OpenRun]) -> Standing:
        """What the rules need to know of it."""
        queued = sum(run.state == "queued" for run in runs)
        return Standing(self.cursor, self.failures, self.held_until, len(runs) - queued, queued)

    def run_id(self, scheduled: float) -> str:
        """The id of the run of one of its times: the same whoever computes it."""
        at = datetime.fromtimestamp(scheduled, UTC)
        split = f".{round(scheduled * 1000) % 1000:03}" if round(scheduled * 1000) % 1000 else ""
        return f"{self.id}-{at:%Y%m%dT%H%M%S}{split}Z"

    def json(self, now: float, tz: str, runs: list[OpenRun]) -> Body:
        """For callers: with its zone spelled out and its next times."""
        zone = str(self.spec["schedule"].get("tz") or tz)
        times = list(islice(times_after(self.schedule, max(self.cursor, now)), SHOWN_TIMES)) if self.enabled else []
        local = [datetime.fromtimestamp(time, ZoneInfo(zone)).isoformat(timespec="seconds") for time in times]
        return {
            "id": self.id,
            **self.spec,
            "enabled": self.enabled,
            "declared": self.declared,
            "tz": zone,
            "next": [rfc3339(time) for time in times],
            "next_local": local,
            "failures": self.failures,
            "running": [run.run_id for run in runs if run.state != "queued"],
            "queued": sum(run.state == "queued" for run in runs),
            "created": rfc3339(self.created_at),
            "why": self.why or self._held(now),
        }

    def _held(self, now: float) -> str:
        if self.held_until <= now:
            return ""
        return f"backing off after {self.failures} failures in a row, until {rfc3339(self.held_until)}"


@dataclass(slots=True)
class OpenRun:
    """A run of a job that isn't at its end.

    Attributes:
        state: `due`: written down, its session not accepted yet; `queued`; `accepted`.
        stopping: its session was asked to stop.
        since: when it was first seen accepted and not begun.
        trouble: why its session was not accepted when it was asked for last.
    """

    run_id: str
    job_id: str
    job: str
    agent: str
    scheduled: float
    state: str
    manual: bool = False
    path: str | None = None
    stopping: bool = False
    since: float = 0.0
    trouble: str = ""

    def row(self, why: str = "") -> Body:
        """As the store writes it down."""
        keys = ("run_id", "job_id", "job", "agent", "scheduled", "state", "manual")
        return {**{key: getattr(self, key) for key in keys}, "why": why}


def new_job(spec: Body, now: float, *, enabled: bool = True, declared: bool = False) -> Job:
    """A job that begins now; one of the tree has the same id each time."""
    name = str(spec["name"])
    stamp = uuid.uuid5(uuid.NAMESPACE_OID, f"wakeful job {name}") if declared else uuid.uuid4()
    return Job(
        id=f"{slug(name)}-{stamp.hex[:8]}",
        name=name,
        spec=spec,
        declared=declared,
        enabled=enabled,
        why="" if enabled else "switched off by a person",
        cursor=now,
        anchor=round(now, 3),
        created_at=now,
    )
