"""The demo's script: which fault comes when, decided from what is seen. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from wakeful_runtime.demo.faults import GATEWAY, PLAN, Fault, Injected, Row

FIRST_S = 3.0
"""Seconds of quiet work before the first fault."""
BETWEEN_S = 1.5
"""Seconds from a recovery to the next fault."""
PATIENCE_S = 30.0
"""Seconds after which the next fault comes though the last one hasn't recovered."""

_AT_WORK = frozenset({"running", "waiting"})


class Teller(Protocol):
    """Who is told what happens."""

    def tell(self, what: str) -> None: ...


class Play:
    """Injects the plan's faults one after the other.

    Args:
        share: how many documents each session has to read, by path.
        teller: is told of injections and recoveries.
        plan: the faults.
    """

    def __init__(self, share: Mapping[str, int], teller: Teller, plan: Sequence[Fault] = PLAN) -> None:
        self.share = share
        self.planned = len(plan)
        self.over = False
        self._tell = teller.tell
        self._ahead = list(plan)
        self._injected: list[Injected] = []
        self._told: set[int] = set()
        self._quiet_since: float | None = None

    def step(self, rows: Sequence[Row], events: Sequence[Row], now: float) -> Fault | None:
        """Look at the node; the fault to inject now, if one is due.

        Args:
            rows: of `ps`.
            events: journal rows that are new since the last step.
            now: wall time, seconds since the epoch.
        """
        by_path = {str(row["path"]): row for row in rows}
        self._observe(rows, events, now)
        if all(by_path.get(path, {}).get("state") == "done" for path in self.share):
            self.over = True
            return None
        return self._next(by_path, now) if self._due(by_path, now) else None

    def finished(self, served: Sequence[Mapping[str, str]]) -> list[Injected]:
        """The injected faults with what was redone for each, by the server's own record."""
        for one in self._injected:
            one.count_redone(served)
        return self._injected

    def _observe(self, rows: Sequence[Row], events: Sequence[Row], now: float) -> None:
        for number, one in enumerate(self._injected):
            one.observe(events)
            if one.pids:
                one.observe_supervisor(rows, now)
            if one.back_s is not None and number not in self._told:
                self._told.add(number)
                self._quiet_since = now
                found = f"found after {one.found_s:.2f} s, " if one.found_s is not None else ""
                self._tell(f"{one.fault.path}: {one.verdict or 'gone'}; {found}back after {one.back_s:.2f} s")

    def _due(self, rows: Mapping[str, Row], now: float) -> bool:
        if not self._ahead:
            return False
        if not self._injected:
            if self._quiet_since is None and all(rows.get(path, {}).get("checkpoint") for path in self.share):
                self._quiet_since = now
            return self._quiet_since is not None and now - self._quiet_since >= FIRST_S
        last = self._injected[-1]
        if last.back_s is None:
            return now - last.at >= PATIENCE_S
        return now - (self._quiet_since or now) >= BETWEEN_S

    def _next(self, rows: Mapping[str, Row], now: float) -> Fault | None:
        fault = self._ahead[0]
        row = rows.get(fault.path)
        if row is None or row.get("state") not in _AT_WORK:
            return None
        del self._ahead[0]
        hits_all = fault.path == GATEWAY or any(path.startswith(f"{fault.path}/") for path in self.share)
        pids = {path: int(rows[path]["pid"]) for path in self.share if hits_all and rows.get(path, {}).get("pid")}
        self._injected.append(Injected(fault, now, int(row["incarnation"]), pids))
        self._tell(f"{fault.path}: {fault.words} ({fault.mode})")
        return fault
