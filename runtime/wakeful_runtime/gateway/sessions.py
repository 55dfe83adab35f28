"""Sessions on demand: spawn, send, list, stop, result; the JSON of api.md §3."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.gateway.naming import find_row
from wakeful_runtime.gateway.nodeplan import SESSIONS, NodeStart, startable
from wakeful_runtime.gateway.outcomes import outcome_json
from wakeful_runtime.gateway.spawnrequest import Agents, read_spawn
from wakeful_runtime.store.client import StoreRefused
from wakeful_runtime.supervision.child import Body
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.verbs import Verbs

_POLL_S = 0.05
_STORE_S = 5.0


OVER = ("done", "failed")


@dataclass(frozen=True, slots=True)
class Target:
    """A session that was named.

    Attributes:
        run_id: the run that was named by its key; None: the last one.
        row: its row, while it is there.
    """

    path: str
    run_id: str | None
    row: Body | None


class Sessions:
    """The sessions verbs of the gateway."""

    def __init__(self, start: NodeStart, verbs: Verbs, lines: Lines, rows: Callable[[], Awaitable[list[Body]]]) -> None:
        self._agents = Agents(startable(start.plan))
        self._root = verbs
        self._lines = lines
        self._rows = rows
        self.verbs: dict[str, Callable[[Body], Awaitable[Any]]] = {
            "sessions_spawn": self._spawn,
            "sessions_send": self._send,
            "sessions_stop": self._stop,
            "sessions_result": self._result,
            "sessions_list": self._list,
            "session_status": self._status,
            "sessions_history": self._history,
        }

    async def _spawn(self, args: Body) -> Body:
        try:
            asked = read_spawn(args, self._agents)
            plan = asked.plan.model_dump(mode="python")
            call = {"path": asked.under, "plan": plan, "again": asked.again, "waits": asked.again}
            told = await self._root.call("add", call)
        except NodeError as error:
            return {"status": "error", "error": str(error)}
        if told.get("refused"):
            limit = told["refused"] == "limit"
            return {"status": "forbidden" if limit else "error", "error": told["why"]}
        key = f"agent:{told['agent']}:session:{told['run_id']}"
        found = {"runId": told["run_id"], "key": key, "childSessionKey": key, "path": told["path"]}
        return {"status": "accepted", **found, **({"ignored": list(asked.ignored)} if asked.ignored else {})}

    async def _target(self, args: Body) -> Target:
        """The session a key, label or path means: one that is there, else one that was."""
        key, label = args.get("sessionKey"), args.get("label")
        if key and label and key != label:
            raise NodeError("give sessionKey or label, not two different ones")
        name = str(key or label or args.get("path") or "")
        if not name:
            raise NodeError("say which session: sessionKey or label")
        rows = await self._rows()
        run_id = name.rpartition(":session:")[2] if ":session:" in name else None
        try:
            row = find_row(rows, name)
        except NodeError:
            run = await self._run(run_id=run_id) if run_id else await self._run(path=f"{SESSIONS}/{name}")
            run = run or await self._run(path=name)
            if run is None:
                raise
            return Target(run["path"], run["run_id"], None)
        return Target(row["path"], run_id, row)

    async def _stop(self, args: Body) -> Body:
        target = await self._target(args)
        if target.row is not None and target.row["state"] not in OVER:
            await self._root.call("stop", {"path": target.path, "why": "sessions_stop"})
        return await self._outcome(target, float(args.get("timeoutSeconds") or 0))

    async def _result(self, args: Body) -> Body:
        return await self._outcome(await self._target(args), float(args.get("timeoutSeconds") or 0))

    async def _outcome(self, target: Target, timeout: float) -> Body:
        """Wait for the run's outcome, at most `timeout` seconds."""
        deadline = self._lines.clock() + timeout
        while True:
            run = await self._run_of(target)
            if run is not None and run.get("outcome"):
                told = await self._lines.store.request("result", timeout=_STORE_S, run_id=run["run_id"])
                return {"status": "ok", **outcome_json(told)}
            if self._lines.clock() >= deadline:
                return {"status": "timeout" if timeout else "accepted"}
            await asyncio.sleep(_POLL_S)

    async def _list(self, args: Body) -> list[Body]:
        """Those that are there, then those that were, newest first."""
        limit = int(args.get("limit") or 1000)
        rows = [row for row in await self._rows() if row["kind"] in ("session", "command")]
        there = {row["run_id"] for row in rows}
        told = await self._lines.store.request("runs", timeout=_STORE_S, limit=limit)
        runs = {run["run_id"]: run for run in told["rows"]}
        found = [{**row, "outcome": runs.get(row["run_id"], {}).get("outcome")} for row in rows]
        found += [_gone(run) for run in runs.values() if run.get("agent") and run["run_id"] not in there]
        return found[:limit]

    async def _status(self, args: Body) -> Body:
        target = await self._target(args)
        run = await self._run_of(target) or {}
        row = target.row or _gone(run)
        return {**row, "outcome": run.get("outcome"), "lives": run.get("lives"), "run_id": run.get("run_id")}

    async def _run_of(self, target: Target) -> Body | None:
        return await (self._run(run_id=target.run_id) if target.run_id else self._run(path=target.path))

    async def _run(self, **which: str | None) -> Body | None:
        """A run by its id, or the last one of a path; None before its first life has begun."""
        try:
            return await self._lines.store.request("run", timeout=_STORE_S, **which)
        except StoreRefused as refused:
            if refused.code == "missing":
                return None
            raise

    async def _send(self, args: Body) -> Body:
        text = args.get("message")
        if not isinstance(text, str):
            raise NodeError("message is required: a text")
        target = await self._target(args)
        if target.row is None:
            return {"status": "error", "error": f"{target.path} is over", "runId": target.run_id}
        row = target.row
        wait = float(args.get("timeoutSeconds") or 0)
        mail = {
            "id": uuid.uuid4().hex,
            "text": text,
            "sender": str(args.get("sender") or "client"),
            "wants_reply": wait > 0,
        }
        try:
            told = await self._root.call("mail", {"path": row["path"], "mail": mail, "wait": wait})
        except TimeoutError:
            return {"status": "timeout", "runId": row.get("run_id")}
        except NodeError as error:
            return {"status": "error", "error": str(error), "runId": row.get("run_id")}
        if wait:
            return {"status": "ok", "reply": told, "runId": row.get("run_id")}
        return {"status": "accepted", "runId": row.get("run_id")}

    async def _history(self, args: Body) -> Body:
        target = await self._target(args)
        path, limit = target.path, int(args.get("limit") or 100)
        ask = self._lines.store.request
        return {
            "path": path,
            "events": (await ask("events", timeout=_STORE_S, after=0, limit=limit, path=path))["rows"],
            "lives": (await ask("lives", timeout=_STORE_S, path=path, limit=limit))["rows"],
            "checkpoints": (await ask("checkpoints", timeout=_STORE_S, path=path))["rows"],
        }


def _gone(run: Body) -> Body:
    """The row of a session that is over and forgotten by its supervisor."""
    return {
        "path": run["path"],
        "kind": "session",
        "pid": None,
        "incarnation": run.get("finished_by"),
        "state": "done",
        "verdict": None,
        "restarts": max(0, int(run["lives"]) - 1),
        "beat_age_s": None,
        "progress_age_s": None,
        "checkpoint": None,
        "memory_mb": None,
        "key": f"agent:{run['agent']}:session:{run['run_id']}" if run.get("agent") else None,
        "label": run.get("label"),
        "run_id": run["run_id"],
        "why": run.get("why") or "",
        "outcome": run.get("outcome"),
    }
