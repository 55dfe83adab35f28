"""The gateway's verbs: the same JSON from Python, the command line, HTTP and MCP."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.boots import WITHIN_S
from wakeful_runtime.gateway.alerts import Alerts
from wakeful_runtime.gateway.deadman import DeadMan
from wakeful_runtime.gateway.history import History
from wakeful_runtime.gateway.naming import find_row
from wakeful_runtime.gateway.nodeplan import NodeStart
from wakeful_runtime.gateway.refusals import NoVerb
from wakeful_runtime.gateway.sessions import Sessions
from wakeful_runtime.supervision.child import Body
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.supervisor import Supervisor
from wakeful_runtime.supervision.verbs import Verbs

ON_ONE = frozenset({"stop", "restart", "kill", "pause", "unpause", "resume", "dump", "chaos"})
"""Verbs about one child, carried out by its supervisor."""


STORE_AWAY_S = 2.0

TABLE_S = 1.0
"""What init doesn't say by then is left out: a listing must not hang with it."""

_AFTER_ANSWER_S = 0.05
"""So that the answer leaves before the gateway rehearses its own death."""


class Api:
    """Answers calls. Nothing here waits for a child longer than its own deadline."""

    def __init__(self, start: NodeStart, system: Supervisor, root: Supervisor, lines: Lines) -> None:
        self._start = start
        self._lines = lines
        self._system = Verbs(system)
        self._system_supervisor = system
        self._root = Verbs(root)
        self._root_supervisor = root
        self._history = History(lines, self.rows)
        self._alerts = Alerts(start.plan, lines, self._system, self.call)
        self._sessions = Sessions(start, self._root, lines, self.rows)
        self.deadman = DeadMan(lines.store, self._scheduler)
        self._verbs: dict[str, Callable[[Body], Awaitable[Any]]] = {
            "ps": self._ps,
            "tree": self._tree,
            "status": self._status,
            "down": self._down,
            "resolve": self._resolve,
            "alive": self._alive,
            "review": self._review,
            "cron": self._cron,
            **self._alerts.verbs,
            **self._history.verbs,
            **self._sessions.verbs,
        }

    async def call(self, verb: str, args: Body) -> Any:
        """Answer one call with plain data.

        Raises:
            NodeError: one line on why not.
        """
        if verb in ON_ONE:
            return await self._on_one(verb, args)
        answer = self._verbs.get(verb)
        if answer is None:
            raise NoVerb(f"there is no verb {verb!r}")
        return await answer(args)

    async def rows(self, *, fresh: bool = False) -> list[Body]:
        """A row per process of the node.

        Args:
            fresh: as for `Verbs.rows`.
        """
        return [*await self._init_rows(), *await self._system.rows(), *await self._root.rows(fresh=fresh)]

    async def _init_rows(self) -> list[Body]:
        try:
            table = await self._lines.init.table(TABLE_S)
        except NodeError:
            return [self._own_row()]
        init = _row("init", "init", table.get("init"), int(table.get("init_incarnation") or 0))
        return [init, self._own_row()]

    def _own_row(self) -> Body:
        return _row("gateway", "gateway", os.getpid(), self._lines.incarnation)

    async def _on_one(self, verb: str, args: Body) -> Any:
        if args.get("path") is None:
            return await self._root.call("all", {"verb": verb})
        name = str(args["path"])
        row = find_row(await self.rows(), name)
        path = row["path"]
        if row["kind"] in ("init", "gateway"):
            return await self._on_own(verb, row, args)
        verbs = self._system if self._system_supervisor.child(path) is not None else self._root
        return await verbs.call(verb, {**args, "path": path})

    async def _on_own(self, verb: str, row: Body, args: Body) -> Body:
        mode = "kill" if verb == "kill" else str(args.get("mode"))
        if verb not in ("kill", "chaos") or mode not in ("kill", "stop"):
            raise NodeError(f"{verb} can't be done to {row['path']}; `wakeful down` stops the node")
        number = 9 if mode == "kill" else 19
        pid = int(row["pid"])
        asyncio.get_running_loop().call_later(_AFTER_ANSWER_S, os.kill, pid, number)
        return {"path": row["path"], "pid": row["pid"], "mode": mode}

    async def _ps(self, args: Body) -> list[Body]:
        return await self.rows(fresh=True)

    async def _tree(self, args: Body) -> Body:
        plan = self._start.plan
        return {"target": plan.target, "root": plan.root.model_dump(mode="json"), "rows": await self.rows(fresh=True)}

    async def _status(self, args: Body) -> Body:
        rows = await self.rows()
        waiting = [row["path"] for row in rows if row["state"] in ("review", "failed") and row["kind"] != "init"]
        try:
            table = await self._lines.init.table(TABLE_S)
        except NodeError:
            table = {}
        keeper = table.get("keeper")
        why = (
            ""
            if keeper
            else "no keeper: the node runs on without one; `wakeful run` on this directory becomes its keeper"
        )
        why = await self._store_trouble() or why or await self._alerts.trouble()
        return {
            "healthy": not waiting and not why,
            "keeper": keeper,
            "why": why,
            "waiting_for_a_person": waiting,
            "target": self._start.plan.target,
            "directory": str(self._lines.directory.root),
            "up_s": round(time.time() - self._start.at, 1),
            "processes": len([row for row in rows if row["pid"]]),
            "store_away_s": round(self._lines.store.away_for(), 1),
        }

    async def _store_trouble(self) -> str:
        """Why everything waits for the store, empty if nothing has to."""
        try:
            told = await self._lines.store.request("status", timeout=STORE_AWAY_S)
        except NodeError:
            return "the store does not answer: everything waits for it; see `wakeful logs store`"
        trouble = told.get("trouble")
        return f"the store can't write: {trouble}; everything waits until it can" if trouble else ""

    async def _down(self, args: Body) -> Body:
        await self._lines.init.stop(str(args.get("why") or "wakeful down"))
        return {"status": "stopping"}

    async def _resolve(self, args: Body) -> str:
        return str(find_row(await self.rows(), str(args["path"]))["path"])

    async def _alive(self, args: Body) -> bool:
        """Whether that life is still there, as init knows it; True where init can't be asked now."""
        try:
            table = await self._lines.init.table(TABLE_S)
        except NodeError:
            return True
        wanted = (args["path"], args["incarnation"])
        return any((row["path"], row["incarnation"]) == wanted and row["state"] != "exited" for row in table["table"])

    async def _scheduler(self, verb: str) -> Any:
        """For its watch: `kill` ends its life, other verbs are its own."""
        if verb == "kill":
            return await self._system.call("kill", {"path": "scheduler"})
        return await self._system.ask("scheduler", verb, {})

    async def _cron(self, args: Body) -> Any:
        return await self._system.ask("scheduler", "cron", args)

    async def _review(self, args: Body) -> list[Body]:
        rows = await self.rows()
        parked = [row for row in rows if row["state"] == "review"]
        since = await self._history.since([row["path"] for row in parked])
        told = [{**row, "since": since.get(row["path"]), "next": f"wakeful resume {row['path']}"} for row in parked]
        if not self._start.resumes:
            why = (
                f"the node ended hard {self._start.unclean} times within {WITHIN_S / 60:g} minutes: nothing is resumed"
            )
            held = [row for row in rows if row["state"] == "paused"]
            told += [{**row, "since": None, "why": why, "next": "wakeful unpause --all"} for row in held]
        return told


def _row(path: str, kind: str, pid: int | None, incarnation: int) -> Body:
    return {
        "path": path,
        "kind": kind,
        "pid": pid,
        "incarnation": incarnation,
        "state": "running",
        "verdict": "healthy",
        "restarts": max(0, incarnation - 1),
        "beat_age_s": 0.0,
        "progress_age_s": None,
        "checkpoint": None,
        "memory_mb": None,
        "key": None,
        "label": None,
        "run_id": None,
        "why": "",
    }
