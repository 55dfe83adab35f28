"""Where alerts may go: the tree's alerts laid out flat, who wants what, and who gets it at this hour."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from wakeful.rules.hours import Week, week

SEVERITIES = ("info", "warning", "error", "critical")


def rank(severity: str) -> int:
    """How grave it is; an unknown word counts as an error."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else SEVERITIES.index("error")


@dataclass(frozen=True, slots=True)
class Route:
    """One Alert of the tree.

    Attributes:
        name: the same over node restarts, and nothing of a secret: `env:NAME`, `file:PATH`, or the URL's scheme and a
            number made of it.
        url: as given; it may hold a secret.
        first: it is asked by itself; the others only stand in, or are escalated to.
        otherwise, escalate: names of other routes.
        cooldown, escalate_after: seconds.
    """

    name: str
    url: str = field(repr=False)
    first: bool = True
    least: str = "warning"
    labels: tuple[str, ...] = ()
    hours: Week | None = None
    zone: tzinfo = UTC
    otherwise: str | None = None
    escalate: str | None = None
    cooldown: float = 600.0
    escalate_after: float = 1800.0

    def wants(self, severity: str, names: Iterable[str]) -> bool:
        """Whether it is there for trouble so grave, of something that is called so."""
        if rank(severity) < rank(self.least):
            return False
        return not self.labels or any(fnmatchcase(name, label) for name in names for label in self.labels)

    def open(self, at: float) -> bool:
        """Whether it may disturb at this moment (seconds since the epoch)."""
        return self.hours is None or self.hours.contains(datetime.fromtimestamp(at, self.zone))

    def opens_at(self, at: float) -> float | None:
        """The first moment from `at` on at which it may disturb; None: never."""
        if self.hours is None:
            return at
        found = self.hours.opening(datetime.fromtimestamp(at, UTC), self.zone)
        return None if found is None else found.timestamp()


Routes = Mapping[str, Route]


def routes_of(plans: Iterable[Mapping[str, Any]], zone: tzinfo) -> dict[str, Route]:
    """The routes of a tree by name, in the tree's order.

    Args:
        plans: as `Alert.plan` made them.
        zone: of hours that name none.
    """
    found: dict[str, Route] = {}
    for plan in plans:
        _add(found, plan, zone, first=True, escalate=None)
    return found


def placed(routes: Routes, route: Route, severity: str, names: Iterable[str], at: float) -> Route:
    """Who gets it now: the route, or outside its hours what stands in for it; else it is held for the route itself."""
    known = tuple(names)
    asked = route
    while not asked.open(at):
        other = routes.get(asked.otherwise or "")
        if other is None or not other.wants(severity, known):
            return route
        asked = other
    return asked


def _add(found: dict[str, Route], plan: Mapping[str, Any], zone: tzinfo, *, first: bool, escalate: str | None) -> str:
    name = _name(str(plan["url"]), found)
    found[name] = Route(name, str(plan["url"]))  # its place is before those it leads to
    if plan.get("escalate") is not None:
        escalate = _add(found, plan["escalate"], zone, first=False, escalate=None)
    other: str | None = None
    if isinstance(plan.get("otherwise"), Mapping):
        other = _add(found, plan["otherwise"], zone, first=False, escalate=escalate)
    when = plan.get("when")
    found[name] = Route(
        name=name,
        url=str(plan["url"]),
        first=first,
        least=str(plan.get("least") or "warning"),
        labels=tuple(plan.get("labels") or ()),
        hours=None if when is None else week(str(when["hours"]), tuple(when.get("holidays") or ())),
        zone=zone if when is None or not when.get("tz") else ZoneInfo(str(when["tz"])),
        otherwise=other,
        escalate=escalate,
        cooldown=float(plan.get("cooldown") or 600.0),
        escalate_after=float(plan.get("escalate_after") or 1800.0),
    )
    return name


def _name(url: str, taken: Mapping[str, Route]) -> str:
    if url.startswith(("env:", "file:")):
        name = url
    else:
        name = f"{url.partition('://')[0]}:{hashlib.sha256(url.encode()).hexdigest()[:6]}"
    number = 2
    while (unique := name if number == 2 and name not in taken else f"{name}.{number}") in taken:
        number += 1
    return unique
