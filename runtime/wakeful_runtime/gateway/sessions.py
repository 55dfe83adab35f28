"""Sessions on demand: spawn, send, list, stop, result; the JSON of api.md §3."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from wakeful.errors import NodeError, SpecError
from wakeful.plan import ChildPlan
from wakeful.policy import Heartbeat
from wakeful_runtime.gateway.naming import find_row
from wakeful_runtime.gateway.nodeplan import SESSIONS, NodeStart
from wakeful_runtime.gateway.outcomes import outcome_json
from wakeful_runtime.store.client import StoreRefused
from wakeful_runtime.supervision.child import Body
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.verbs import Verbs

_POLL_S = 0.05
_STORE_S = 5.0
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII)


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
        self._agents = {each.name: each for each in start.plan.agents}
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
        if not isinstance(args.get("task"), str):
            return {"status": "error", "error": "task is required: what should the session do?"}
        try:
            plan = self._plan(args)
        except (NodeError, SpecError) as error:
            return {"status": "error", "error": str(error)}
        try:
            told = await self._root.call("add", {"path": SESSIONS, "plan": plan.model_dump(mode="python")})
        except NodeError as error:
            forbidden = "running" in str(error) or "max_" in str(error)
            return {"status": "forbidden" if forbidden else "error", "error": str(error)}
        key = f"agent:{plan.agent}:session:{plan.run_id}"
        return {
            "status": "accepted",
            "runId": plan.run_id,
            "key": key,
            "childSessionKey": key,
            "path": told["path"],
        }

    def _plan(self, args: Body) -> ChildPlan:
        agent = self._agent(args.get("agentId"))
        chosen = _chosen(args.get("runId"))
        run_id = chosen or uuid.uuid4().hex
        name = args.get("label") or chosen or run_id[:12]
        update: Body = {"name": name, "label": args.get("label"), "agent": agent.name, "run_id": run_id}
        given = dict(agent.args) | dict(args.get("args") or {})
        update["args"] = {**given, "task": args["task"]}
        if args.get("runTimeoutSeconds"):
            update["run_timeout"] = float(args["runTimeoutSeconds"])
        if args.get("notBefore"):
            update["not_before"] = float(args["notBefore"])
        if args.get("cleanup"):
            update["cleanup"] = args["cleanup"]
        if args.get("recovery"):
            update["recovery"] = args["recovery"]
        if args.get("heartbeat"):
            given = dict(args["heartbeat"])
            if unknown := set(given) - {"every", "timeout", "progress", "startup"}:
                raise NodeError(
                    f"heartbeat: {', '.join(sorted(unknown))} is no part of it; every, timeout, progress are"
                )
            update["heartbeat"] = Heartbeat(**given).for_session()
        return ChildPlan.model_validate({**agent.model_dump(mode="python"), **update})

    def _agent(self, name: object) -> ChildPlan:
        if name is None:
            if "main" in self._agents:
                return self._agents["main"]
            if len(self._agents) == 1:
                return next(iter(self._agents.values()))
        found = self._agents.get(str(name)) if name is not None else None
        if found is None:
            there = ", ".join(sorted(self._agents)) or "none: add `agents=[Child(…)]` to the Gateway"
            raise NodeError(
                f"no agent {name!r}; agents are {there}" if name else f"say which agentId; agents are {there}"
            )
        return found

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


def _chosen(run_id: object) -> str | None:
    """A run id the caller chose, so that asking twice starts one session.

    Raises:
        NodeError: it can't be one: it names a directory.
    """
    if run_id is None:
        return None
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        raise NodeError(f"runId {run_id!r}: write 8 to 64 letters, digits, '.', '_' and '-'")
    return run_id


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
