"""The faults the demo injects, and what became of them, read from the node's journal and from the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

FOUND = frozenset({"confirmed", "exited", "killed"})
"""Journal events that say that a life is known to be over or lost."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong.

    Attributes:
        mode: a mode of `wakeful chaos`.
        path: whom it hits.
        words: what it is, for people.
    """

    mode: str
    path: str
    words: str


GATEWAY = "gateway"

PLAN = (
    Fault("kill", "research/ada", "a session is killed"),
    Fault("loop-block", "research/barbara", "a session's event loop is blocked"),
    Fault("await-forever", "research/edsger", "a session waits for ever"),
    Fault("kill", "research", "the monitor is killed"),
    Fault("kill", GATEWAY, "the gateway is killed"),
)


@dataclass(slots=True)
class Injected:
    """A fault that was injected, and what was seen of it.

    Attributes:
        at: wall time of the injection, seconds since the epoch.
        life: the incarnation it hit.
        pids: the pids of the sessions when it was injected, by path.
        verdict: what the node held the life to be.
        found_s: seconds until the node knew.
        back_s: seconds until the next life got on: a session's first checkpoint; a supervisor is there and its sessions
            run.
        redone: documents that were read by both lives.
        touched: sessions that have another pid now although the fault didn't hit them.
    """

    fault: Fault
    at: float
    life: int
    pids: dict[str, int] = field(default_factory=dict[str, int])
    verdict: str | None = None
    found_s: float | None = None
    back_s: float | None = None
    redone: list[str] = field(default_factory=list[str])
    touched: list[str] = field(default_factory=list[str])

    @property
    def recovered(self) -> bool:
        """Whether it was found, is back, and cost nobody else anything."""
        return self.found_s is not None and self.back_s is not None and not self.touched

    def observe(self, events: Sequence[Row]) -> None:
        """Take from journal rows, oldest first, when it was found and when the next life got on."""
        for row in events:
            late = wall(row["at"]) - self.at
            if row.get("path") != self.fault.path or late < -0.05:
                continue
            life = int(row.get("incarnation") or 0)
            if life == self.life and row["event"] in FOUND:
                self.found_s = late if self.found_s is None else self.found_s
                self.verdict = self.verdict or _verdict(row)
            elif life > self.life and row["event"] == "checkpoint" and self.back_s is None:
                self.back_s = late

    def observe_supervisor(self, rows: Sequence[Row], now: float) -> None:
        """Take from `ps` rows whether the next supervisor is there and the sessions are those from before."""
        by_path = {str(row["path"]): row for row in rows}
        supervisor = by_path.get(self.fault.path)
        if (
            supervisor is None
            or int(supervisor.get("incarnation") or 0) <= self.life
            or supervisor.get("state") not in {"running", "waiting"}
        ):
            return
        running = {path: int(by_path[path]["pid"]) for path in self.pids if by_path.get(path, {}).get("pid")}
        if self.back_s is None and running.keys() == self.pids.keys():
            self.back_s = now - self.at
            self.touched = sorted(path for path, pid in self.pids.items() if running[path] != pid)

    def count_redone(self, served: Sequence[Mapping[str, str]]) -> None:
        """Which documents the server sent whole to this life and again to the next one."""
        before = {row["document"] for row in served if row["life"] == f"{self.fault.path}#{self.life}"}
        after = {row["document"] for row in served if row["life"] == f"{self.fault.path}#{self.life + 1}"}
        self.redone = sorted(before & after)


def wall(at: object) -> float:
    """A journal time as seconds since the epoch."""
    return float(at) if isinstance(at, int | float) else datetime.fromisoformat(str(at)).timestamp()


def _verdict(row: Row) -> str | None:
    found = row.get("verdict") or row.get("kind")
    return str(found) if found else "exited" if row["event"] == "exited" else None
