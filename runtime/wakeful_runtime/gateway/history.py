"""What happened, and why: questions to the store, put into words."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.evidence.why import DAY, of_incident, why
from wakeful_runtime.gateway.naming import find_row
from wakeful_runtime.gateway.outcomes import outcome_json
from wakeful_runtime.supervision.child import Body
from wakeful_runtime.supervision.lines import Lines

STORE_S = 5.0

DAY_LIMIT = 100
"""The most incidents `why` looks at."""
RESULT_CHARS = 300
"""Of a result, in the answer of `why`; the whole is `sessions_result`."""


class History:
    """The gateway's read verbs: events, checkpoints, incidents, why."""

    def __init__(self, lines: Lines, rows: Callable[[], Awaitable[list[Body]]]) -> None:
        self._lines = lines
        self._rows = rows
        self.verbs: dict[str, Callable[[Body], Awaitable[Any]]] = {
            "events": self._events,
            "checkpoints": self._checkpoints,
            "incidents": self._incidents,
            "why": self._why,
            "deadletters": self._deadletters,
            "settle": self._settle,
            "backup": self._backup,
        }

    async def _ask(self, op: str, **args: Any) -> Any:
        return await self._lines.store.request(op, timeout=STORE_S, **args)

    async def _path(self, args: Body) -> str | None:
        name = args.get("path")
        if name is None:
            return None
        try:
            return str(find_row(await self._rows(), str(name))["path"])
        except NodeError:
            return str(name)  # it may have left the tree; its history is still there

    async def _events(self, args: Body) -> list[Body]:
        told = await self._ask(
            "events",
            after=int(args.get("after") or 0),
            limit=int(args.get("limit") or 1000),
            path=await self._path(args),
        )
        rows: list[Body] = told["rows"]
        return rows

    async def _checkpoints(self, args: Body) -> list[Body]:
        told = await self._ask("checkpoints", path=await self._path(args))
        rows: list[Body] = told["rows"]
        return rows

    async def _incidents(self, args: Body) -> list[Body]:
        if args.get("id"):
            return [await self._ask("incident", id=str(args["id"]))]
        told = await self._ask(
            "incidents",
            since=args.get("since"),
            open=bool(args.get("open")),
            path=await self._path(args),
            limit=int(args.get("limit") or 100),
        )
        rows: list[Body] = told["rows"]
        return rows

    async def _deadletters(self, args: Body) -> Any:
        """Without an action the list; `retry` and `drop` take an `id`."""
        action = args.get("action") or "list"
        if action == "list":
            told = await self._ask("deadletters", to=await self._path(args), limit=int(args.get("limit") or 100))
            rows: list[Body] = told["rows"]
            return rows
        if action not in ("retry", "drop") or not args.get("id"):
            raise NodeError("deadletters: say retry or drop, and the id")
        return await self._ask(f"deadletter_{action}", id=str(args["id"]))

    async def _settle(self, args: Body) -> Any:
        """A person says whether an effect of unknown outcome happened."""
        path = await self._path(args)
        return await self._ask(
            "settle",
            path=path,
            key=str(args["key"]),
            done=bool(args["done"]),
            form="plain" if args["done"] else None,
            result=args.get("result"),
        )

    async def _backup(self, args: Body) -> Any:
        """Copy the store to a file while it is in use."""
        return await self._lines.store.request("backup", timeout=300.0, file=str(args["file"]))

    async def _why(self, args: Body) -> Any:
        if args.get("path") is None:
            rows = await self._incidents({"since": args.get("since") or since_yesterday(), "limit": DAY_LIMIT})
            return [of_incident(row) for row in rows]
        row = await self._row(str(args["path"]))
        told = await self._ask("incidents", path=row["path"], limit=DAY_LIMIT)
        own = [each for each in told["rows"] if each["path"] == row["path"]]
        lives = await self._ask("lives", path=row["path"], limit=1)
        answer = why(row, own[0] if own else None, lives["rows"][0] if lives["rows"] else None)
        return {**answer, **await self._result(row)}

    async def _result(self, row: Body) -> Body:
        """`{result}` of what is done: what its last run returned, as JSON text, cut."""
        if row.get("state") != "done":
            return {}
        runs = [
            run for run in (await self._ask("runs", path=row["path"], limit=1))["rows"] if run["path"] == row["path"]
        ]
        if not runs or not runs[0].get("outcome"):
            return {}
        told = outcome_json(await self._ask("result", run_id=runs[0]["run_id"]))
        if told.get("result") is None:
            return {}
        text = json.dumps(told["result"], ensure_ascii=False, default=str)
        return {"result": text if len(text) <= RESULT_CHARS else f"{text[: RESULT_CHARS - 1]}…"}

    async def since(self, paths: list[str]) -> dict[str, str]:
        """When the last lives of these paths ended."""
        told = [(await self._ask("lives", path=path, limit=1))["rows"] for path in paths]
        return {rows[0]["path"]: rows[0]["ended_at"] for rows in told if rows}

    async def _row(self, name: str) -> Body:
        """As `ps` has it; of a path that has left the tree, what the store knows."""
        try:
            return find_row(await self._rows(), name)
        except NodeError:
            told = await self._ask("runs", path=name, limit=1)
            if not told["rows"]:
                raise
            return gone(told["rows"][0])


def gone(run: Body) -> Body:
    """A row of a path that is no part of the tree (any more), by its last run."""
    outcome = run.get("outcome")
    what = (
        f"its run is over: {outcome}{', ' + run['why'] if run.get('why') else ''}" if outcome else "nothing runs it now"
    )
    return {"path": run["path"], "state": "done" if outcome else "down", "verdict": None, "why": what}


def since_yesterday() -> str:
    """24 hours ago, RFC 3339."""
    return (datetime.now(UTC) - DAY).isoformat(timespec="milliseconds").replace("+00:00", "Z")
