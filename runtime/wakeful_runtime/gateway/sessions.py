"""Sessions on demand: spawn, send, list, stop, result; the JSON of api.md §3."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.gateway.nodeplan import NodeStart, startable
from wakeful_runtime.gateway.outcomes import outcome_json
from wakeful_runtime.gateway.settling import Settling
from wakeful_runtime.gateway.spawnrequest import Agents, read_spawn
from wakeful_runtime.gateway.targets import Target, Targets
from wakeful_runtime.gateway.texts import Texts, mark_key
from wakeful_runtime.gateway.watching import AGENT, read_watch
from wakeful_runtime.supervision.child import Body
from wakeful_runtime.supervision.lines import Lines
from wakeful_runtime.supervision.verbs import Verbs

_STORE_S = 5.0

NEWEST = -1
"""Of events: not those after some number, but the last ones."""

OVER = ("done", "failed")


class Sessions:
    """The sessions verbs of the gateway."""

    def __init__(self, start: NodeStart, verbs: Verbs, lines: Lines, rows: Callable[[], Awaitable[list[Body]]]) -> None:
        self._agents = Agents(startable(start.plan))
        self._root = verbs
        self._lines = lines
        self._rows = rows
        self._targets = Targets(lines.store, rows)
        self._settling = Settling(lines.store)
        texts = Texts(lines.store, self._targets, self._settling, self._mark)
        self.verbs: dict[str, Callable[[Body], Awaitable[Any]]] = {
            "sessions_spawn": self._spawn,
            "sessions_send": texts.send,
            "sessions_stop": self._stop,
            "sessions_result": self._result,
            "sessions_list": self._list,
            "session_status": self._status,
            "sessions_history": self._history,
        }

    async def _spawn(self, args: Body) -> Body:
        if args.get("agentId") == AGENT and AGENT not in self._agents.plans:
            return await self._watch(args)
        try:
            asked = read_spawn(args, self._agents)
            plan = asked.plan.model_dump(mode="python")
            call = {"path": asked.under, "plan": plan, "again": asked.again, "waits": asked.again}
            told = await self._root.call("add", call)
        except NodeError as error:
            return {"status": "error", "error": str(error)}
        return _spawned(told, asked.ignored)

    async def _watch(self, args: Body) -> Body:
        """Have a session watched by a monitor of its own."""
        try:
            path, plan, ignored = read_watch(args, await self._rows())
            call = {"path": path, "plan": plan.model_dump(mode="python"), "heartbeat": args.get("heartbeat")}
            told = await self._root.call("lend", call)
        except (NodeError, TimeoutError) as error:
            return {"status": "error", "error": str(error) or "its monitor did not come up in time"}
        return {**_spawned(told, ignored), "watching": path}

    async def _stop(self, args: Body) -> Body:
        target = await self._targets.find(args)
        if target.row is not None and target.row["state"] not in OVER:
            await self._root.call("stop", {"path": target.path, "why": "sessions_stop"})
        return await self._outcome(target, float(args.get("timeoutSeconds") or 0))

    async def _result(self, args: Body) -> Body:
        return await self._outcome(await self._targets.find(args), float(args.get("timeoutSeconds") or 0))

    async def _outcome(self, target: Target, timeout: float) -> Body:
        """Wait for the run's outcome, at most `timeout` seconds."""
        run_id = target.run_id
        if run_id is None:
            return {"status": "timeout" if timeout else "accepted"}
        if timeout and not await self._settling.wait("runs", run_id, timeout):
            return {"status": "timeout"}
        run = await self._targets.run(run_id=run_id)
        if run is None or not run.get("outcome"):
            return {"status": "accepted"}
        told = await self._lines.store.request("result", timeout=_STORE_S, run_id=run_id)
        return {"status": "ok", **outcome_json(told)}

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
        target = await self._targets.find(args)
        run = await self._targets.run(run_id=target.run_id) if target.run_id else None
        row = target.row or _gone(run or {})
        told = {"outcome": None, "lives": 0, "run_id": target.run_id, "mark": None}
        if run is not None:
            kept = await self._lines.store.request("meta_get", timeout=_STORE_S, key=mark_key(target.run_id))
            mark: Body = kept.get("value") or {}
            told |= {"outcome": run["outcome"], "lives": run["lives"], "mark": mark.get("name")}
        return {**row, **told}

    async def _mark(self, path: str, name: str) -> None:
        """The mark is recorded; a session that can't be told now has lost no progress by it."""
        with contextlib.suppress(NodeError, TimeoutError):
            await self._root.call("mark", {"path": path, "name": name})

    async def _history(self, args: Body) -> Body:
        """The newest `limit` events, in the order they happened; lives and checkpoints newest first."""
        target = await self._targets.find(args)
        path, limit = target.path, int(args.get("limit") or 100)
        ask = self._lines.store.request
        return {
            "path": path,
            "events": (await ask("events", timeout=_STORE_S, after=NEWEST, limit=limit, path=path))["rows"],
            "lives": (await ask("lives", timeout=_STORE_S, path=path, limit=limit))["rows"],
            "checkpoints": (await ask("checkpoints", timeout=_STORE_S, path=path))["rows"],
        }


def _spawned(told: Body, ignored: Sequence[str]) -> Body:
    """The answer of `sessions_spawn`."""
    if told.get("refused"):
        return {"status": "forbidden" if told["refused"] == "limit" else "error", "error": told["why"]}
    key = f"agent:{told['agent']}:session:{told['run_id']}"
    found = {"runId": told["run_id"], "key": key, "childSessionKey": key, "path": told["path"]}
    return {"status": "accepted", **found, **({"ignored": list(ignored)} if ignored else {})}


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
