"""One child before the judge: its facts, the clock being judged, and what is wanted next."""

from __future__ import annotations

from dataclasses import dataclass, field

from wakeful.exits import Verdict
from wakeful.policy import Heartbeat
from wakeful.rules.facts import Facts, Look

LONGEST_CONFIRMATION = 2.0
"""Seconds; the confirming probe has a quarter of the time promised, and at most this."""

ALIBI = 60.0
"""Seconds, or ten limits: for so long a want of CPU excuses silence. After that it is judged as it looks."""

LEAD = 0.05
"""Seconds before a deadline at which the last question is asked, so that the answer is there in time."""


@dataclass(frozen=True, slots=True)
class Window:
    """A silence or standstill with its limit, in seconds of the monotonic clock.

    Its first quarter passes without a look; a first look is what later ones are compared with; in the last quarter
    the child is suspect and must fail a probe of its own.
    """

    start: float
    limit: float

    @property
    def first_look(self) -> float:
        return self.start + self.limit / 4

    @property
    def confirmation(self) -> float:
        return min(self.limit / 4, LONGEST_CONFIRMATION)

    @property
    def suspect_at(self) -> float:
        return self.start + self.limit - self.confirmation

    @property
    def lead(self) -> float:
        return min(LEAD, self.limit / 10)

    @property
    def ask_at(self) -> float:
        """When the last question is asked."""
        return self.end - self.lead

    @property
    def end(self) -> float:
        return self.start + self.limit

    @property
    def alibi_end(self) -> float:
        return self.end + max(ALIBI, 10 * self.limit)


@dataclass(slots=True)
class Agenda:
    """The earliest times wanted so far."""

    judge_at: float
    probe_at: float | None = None
    look_at: float | None = None

    def judge(self, at: float) -> None:
        self.judge_at = min(self.judge_at, at)

    def probe(self, at: float) -> None:
        self.probe_at = at if self.probe_at is None else min(self.probe_at, at)

    def look(self, at: float) -> None:
        self.look_at = at if self.look_at is None else min(self.look_at, at)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one clock says, before anything is held back."""

    verdict: Verdict
    since: float
    threshold: float
    words: str
    killing: bool = False
    suspect: bool = True
    alert: bool = False
    cancellable: bool = False
    held: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """The facts, the policy and the time; `agenda` collects what is wanted next."""

    facts: Facts
    policy: Heartbeat
    now: float
    agenda: Agenda = field(repr=False)

    def probe_since(self, at: float) -> bool:
        """Whether a probe was sent at or after `at`; if not, one is wanted now."""
        if self.facts.probed_at is not None and self.facts.probed_at >= at:
            return True
        self.agenda.probe(self.now)
        return False

    def look_since(self, at: float) -> Look | None:
        """The latest look if it was at or after `at`; if there is none, one is wanted now."""
        looks = self.facts.looks
        if looks and looks[-1].at >= at:
            return looks[-1]
        self.agenda.look(self.now)
        return None
