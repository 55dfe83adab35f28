"""The gateway's verbs about alerts: what people were told of, that they know, and whether they can be told at all."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from wakeful.errors import NodeError
from wakeful.plan import NodePlan
from wakeful.rules.routes import Route, routes_of
from wakeful_runtime.herald.delivery import DEADLINE_S
from wakeful_runtime.scheduler.zone import machine_zone
from wakeful_runtime.store.journal_rows import rfc3339
from wakeful_runtime.supervision.child import Body
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.verbs import Verbs

STORE_S = 5.0
TROUBLE_S = 2.0

FAILING_S = 60.0
"""A route that takes nothing for so long makes the node unhealthy."""

ON_ACK = "alert_first"
"""What begins the reason of a child that waits for an acknowledgement."""


class Alerts:
    """Answers about notices and routes from the store; only a test needs the herald.

    Args:
        call: another verb of the gateway.
    """

    def __init__(
        self, plan: NodePlan, lines: Lines, system: Verbs, call: Callable[[str, Body], Awaitable[Any]]
    ) -> None:
        self._lines = lines
        self._system = system
        self._call = call
        self._routes = routes_of(plan.alerts, ZoneInfo(plan.timezone or machine_zone()))
        self.verbs: dict[str, Callable[[Body], Awaitable[Any]]] = {
            "alerts": self._list,
            "alerts_test": self._test,
            "ack": self._ack,
        }

    async def trouble(self) -> str:
        """Which routes do not get their messages out; empty if none."""
        if not self._routes:
            return ""
        try:
            told = await self._lines.store.request("routes", timeout=TROUBLE_S)
        except NodeError:
            return ""  # that is told of by itself
        failing = [each for each in self._known(told["routes"]) if _lasts(each)]
        if not failing:
            return ""
        names = ", ".join(f"{each['route']} ({each['error']})" for each in failing)
        return f"alerts do not get out by {names}: see `wakeful alerts`"

    async def _list(self, args: Body) -> Body:
        told = await self._lines.store.request(
            "notices", timeout=STORE_S, open=bool(args.get("open")), limit=int(args.get("limit") or 100)
        )
        return {"rows": told["rows"], "routes": self._known(told["routes"])}

    async def _test(self, args: Body) -> list[Body]:
        if not self._routes:
            raise NodeError("the tree names nobody to tell; write Gateway(…, alerts=['env:NAME'])")
        asked = {"route": args.get("route"), "wait": DEADLINE_S}
        try:
            rows: list[Body] = await self._system.ask("herald", "test", asked)
        except TimeoutError:
            raise NodeError("the herald does not answer; see `wakeful logs herald`") from None
        return rows

    async def _ack(self, args: Body) -> Body:
        """Somebody knows; a child that waits for just that goes on."""
        told = await self._lines.store.request("notice_ack", timeout=STORE_S, id=str(args["id"]))
        try:
            resumed, why = await self._resume_waiting(told["path"]), ""
        except (NodeError, TimeoutError) as error:  # the acknowledgement is kept all the same
            resumed, why = False, str(error) or "its monitor does not answer"
        return {**told, "resumed": resumed, "not_resumed": why}

    async def _resume_waiting(self, path: str) -> bool:
        """Whether it waited for an acknowledgement, and goes on.

        Raises:
            NodeError: it waited when it was looked at, and by now there is nothing to resume.
            TimeoutError: its monitor does not answer.
        """
        rows: list[Body] = await self._call("ps", {})
        row = next((each for each in rows if each["path"] == path), None)
        if row is None or row["state"] != "review" or not str(row.get("why") or "").startswith(ON_ACK):
            return False
        await self._call("resume", {"path": path})
        return True

    def _known(self, states: list[Body]) -> list[Body]:
        """A row per route of the tree, in its order."""
        kept = {each["route"]: each for each in states}
        now = time.time()
        return [_row(route, kept.get(name) or {}, now) for name, route in self._routes.items()]


def _row(route: Route, state: Body, now: float) -> Body:
    opens = None if route.open(now) else route.opens_at(now)
    return {
        "route": route.name,
        "least": route.least,
        "labels": list(route.labels),
        "opens_at": None if opens is None else rfc3339(opens),
        "otherwise": route.otherwise,
        "escalate": route.escalate,
        "sent_at": state.get("sent_at"),
        "failing_since": state.get("failing_since"),
        "failures": state.get("failures") or 0,
        "error": state.get("error") or "",
        "next_at": state.get("next_at"),
    }


def _lasts(row: Body) -> bool:
    since = row["failing_since"]
    return since is not None and (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds() >= FAILING_S
