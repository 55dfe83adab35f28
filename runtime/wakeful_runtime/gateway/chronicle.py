"""What the gateway writes into the journal about those above it: init, the keeper, and the gateway before it."""

from __future__ import annotations

from typing import Any

from wakeful_runtime.init.obituaries import read_ends
from wakeful_runtime.init.pushes import Held
from wakeful_runtime.keeper import NODE_DIED
from wakeful_runtime.supervision.child import Present
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.reasons import reason_of


class Chronicle:
    """Told the same news by each hello, and by each gateway after it; the journal takes them once."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def node(self, facts: dict[str, Any]) -> None:
        """What init says of itself and of its keeper."""
        incarnation = int(facts.get("init_incarnation") or 0)
        ends = read_ends(facts.get("before"))
        for ago, ended in zip(range(len(ends), 0, -1), ends, strict=True):
            self._entry("exited", "init", max(0, incarnation - ago), stamp=ended.stamp, what=ended.how)
            if ended.how == NODE_DIED:
                self._entry("exited", "keeper", 0, stamp=ended.stamp, what=ended.how)
        if ends:
            self._entry("restarted", "init", incarnation)
        for ended in read_ends(facts.get("keepers")):
            self._entry("exited", "keeper", 0, stamp=ended.stamp, what=ended.how)
        if came := facts.get("keeper_came_at"):
            self._entry("restarted", "keeper", 0, stamp=str(came), pid=facts.get("keeper"))

    async def gateway(self, held: Held) -> None:
        """The report of the gateway before this one; acknowledged when it is written down."""
        report, lines = held.exit, self._lines
        if report is None:
            return
        reason = reason_of(Present(held.life, report.incarnation), report, ordered=None)
        why = str(lines.init.facts.get("gateway_before") or "")
        self._entry("exited", "gateway", report.incarnation, kind=reason.kind, what=why or reason.what)
        self._entry("restarted", "gateway", lines.incarnation)
        await lines.store.flush_journal()
        await lines.init.ack(report.path, report.incarnation)

    def _entry(self, event: str, path: str, incarnation: int, *, stamp: str = "", **fields: object) -> None:
        key = f"{path} {event} {stamp}" if stamp else f"{path}#{incarnation} {event}"
        self._lines.journal(event, path, incarnation, fields, key=key)
