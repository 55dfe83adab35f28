"""A herald without processes: rules, a clock that is set by hand, and routes that keep what they are sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wakeful import Alert
from wakeful.rules.alerts import Book
from wakeful.rules.deliveries import Batch, RouteState
from wakeful.rules.findings import Finding
from wakeful.rules.letters import Letter, Where, letter
from wakeful.rules.notices import Notice
from wakeful.rules.routes import routes_of

NOON = 1_795_435_200.0
"""2026-11-23, a Monday, 12:00 UTC."""

HOME = Where(node="host:/srv/node")


def finding(key: str = "a/b#1", **given: Any) -> Finding:
    path, _, number = key.partition("#")
    fields: dict[str, Any] = {
        "key": key,
        "path": path,
        "incarnation": int(number or 0),
        "verdict": "exited",
        "severity": "warning",
        "what": "a signal ended it: SIGKILL",
        "since": NOON,
        "done": "it is started again",
        "commands": (f"why {path}",),
    }
    return Finding.model_validate({**fields, **given})


@dataclass
class Office:
    """Time passes a second at a time; a route that is `down` takes nothing."""

    alerts: list[Alert]
    now: float = NOON
    sent: list[tuple[str, float, Letter]] = field(default_factory=list[tuple[str, float, Letter]])
    batches: list[Batch] = field(default_factory=list[Batch])
    down: dict[str, float | None] = field(default_factory=dict[str, "float | None"])

    def __post_init__(self) -> None:
        self.book = self.open()

    def open(self, notices: list[Notice] | None = None, states: list[RouteState] | None = None) -> Book:
        from datetime import UTC

        return Book(routes_of([each.plan() for each in self.alerts], UTC), notices or [], states or [])

    def restart(self, alerts: list[Alert] | None = None) -> None:
        """As after a SIGKILL: only what was written down is known."""
        notices = [Notice.model_validate(each.model_dump()) for each in self.book.notices.values()]
        states = [RouteState.model_validate(each.model_dump()) for each in self.book.states.values()]
        self.alerts = alerts or self.alerts
        self.book = self.open(notices, states)

    def take(self, *findings: Finding) -> None:
        for each in findings:
            self.book.take(each, self.now)

    def turn(self) -> None:
        self.book.tick(self.now)
        for name in self.book.routes:
            while (batch := self.book.batch(name, self.now)) is not None:
                self.book.begun(batch)
                if name in self.down:
                    self.book.failed(batch, self.now, "HTTP 503", pause=self.down[name], perhaps=False, luck=0.5)
                else:
                    self.sent.append((name, self.now, letter(batch, self.now, HOME)))
                    self.batches.append(batch)
                    self.book.sent(batch, self.now)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.turn()
            self.now = min(self.now + 1.0, until)
        self.turn()

    @property
    def titles(self) -> list[str]:
        return [each.title for _, _, each in self.sent]

    def told(self, route: str) -> list[str]:
        return [each.title for name, _, each in self.sent if name == route]
