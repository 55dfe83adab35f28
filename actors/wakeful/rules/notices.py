"""What people are told of: a notice per trouble, and for each route how far it has been told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from wakeful.rules.findings import Finding, State
from wakeful.rules.routes import rank

Stage = Literal["alert", "raised", "again", "escalation", "recovered", "over"]
"""Found; it has become graver, or needs a person now; again after a cooldown; nobody has acknowledged it; it is well
again; it is over otherwise."""

ENDS: frozenset[str] = frozenset({"recovered", "over"})
KEYS_KEPT = 20
"""Of the incidents one notice covers, so many of the latest are known by their ids."""


class Telling(BaseModel):
    """How far one route has been told of one notice; times in seconds since the epoch.

    Attributes:
        wanted: what it is to be told next, `since` then and not before `due`.
        told: what it has been told last, and of how many repeats.
        sending: a message with it is under way.
        perhaps: an attempt ended without an answer: it may have been told already.
        tries: attempts so far of what is wanted.
    """

    wanted: Stage | None = None
    since: float = 0.0
    due: float = 0.0
    told: Stage | None = None
    told_at: float | None = None
    told_repeats: int = 0
    sending: bool = False
    perhaps: bool = False
    tries: int = 0

    def want(self, stage: Stage, now: float, *, due: float = 0.0) -> None:
        """Have it told; it is told as things are then, with all that has come to it."""
        if self.wanted is not None and not self.sending and _outlasts(self.wanted, stage):
            return
        self.wanted, self.since, self.due, self.tries = stage, now, due, 0

    def sent(self, stage: Stage, now: float, repeats: int) -> None:
        """The message with `stage` has arrived."""
        if self.tries:  # nothing else has come up meanwhile
            self.wanted = None
        self.told, self.told_at, self.told_repeats = stage, now, repeats
        self.sending = self.perhaps = False

    def failed(self, stage: Stage, *, perhaps: bool) -> None:
        """It has not, or nobody knows; it is tried again."""
        if self.wanted is None or _outlasts(stage, self.wanted):
            self.wanted, self.due = stage, 0.0
        self.sending = False
        self.perhaps = self.perhaps or perhaps


def _outlasts(waiting: Stage, stage: Stage) -> bool:
    """Whether what waits to be told stays when `stage` comes up: a first message tells of everything."""
    return waiting in ("alert", "escalation", stage) or (waiting == "raised" and stage == "again")


class Notice(BaseModel):
    """One trouble: the incidents of one path with one verdict, as long as they follow each other closely.

    Attributes:
        no: what people call it by.
        keys: of the findings it covers, the latest last.
        finding: the latest.
        severity: the gravest of what is open.
        repeats: how often it came again.
        opened_at, last_at: when it was seen first, and when something was last seen of it.
        tellings: by route.
    """

    no: int
    keys: list[str]
    finding: Finding
    severity: str
    opened_at: float
    last_at: float
    repeats: int = 0
    acked_at: float | None = None
    tellings: dict[str, Telling] = Field(default_factory=dict[str, Telling])

    @property
    def state(self) -> State:
        """As its latest finding is."""
        return self.finding.state

    @property
    def waits(self) -> bool:
        """Whether something of it is still to be told."""
        return any(telling.wanted is not None for telling in self.tellings.values())

    @property
    def first_told_at(self) -> float | None:
        """When anybody was told first."""
        return min((each.told_at for each in self.tellings.values() if each.told_at is not None), default=None)

    def telling(self, route: str) -> Telling:
        """How far this route has been told; it need not have been."""
        return self.tellings.setdefault(route, Telling())

    def update(self, finding: Finding) -> bool:
        """News of its latest finding; whether it has become graver."""
        graver = rank(finding.severity) > rank(self.severity) or (finding.needs and not self.finding.needs)
        self.finding = finding
        self.severity = max(self.severity, finding.severity, key=rank)
        return graver and finding.state == "open"

    def repeat(self, finding: Finding, now: float) -> bool:
        """It came again; whether that is graver than what has been told."""
        before = self.severity if self.state == "open" else "info"
        graver = rank(finding.severity) > rank(self.severity) or finding.needs
        self.severity = max(before, finding.severity, key=rank)
        self.finding, self.last_at = finding, now
        self.keys = [*self.keys, finding.key][-KEYS_KEPT:]
        self.repeats += 1
        if finding.needs:
            self.acked_at = None
        return graver
