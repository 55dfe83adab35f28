"""What happened, and why: questions to the store, put into words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.child import Body
from wakeful_runtime.lines import Lines
from wakeful_runtime.naming import find_row

STORE_S = 5.0


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
            return await self._incidents({"since": args.get("since"), "limit": 10})
        row = find_row(await self._rows(), str(args["path"]))
        told = await self._ask("incidents", path=row["path"], limit=1)
        lives = await self._ask("lives", path=row["path"], limit=1)
        return why(row, told["rows"][0] if told["rows"] else None, lives["rows"][0] if lives["rows"] else None)


def why(row: Body, incident: Body | None, life: Body | None) -> Body:
    """The answer to `wakeful why PATH`: `{path verdict since what facts evidence action outcome next}`."""
    answer: Body = {
        "path": row["path"],
        "state": row["state"],
        "verdict": row["verdict"],
        "since": life["began_at"] if life else None,
        "what": row.get("why") or row.get("last_exit") or f"{row['state']}, {row['verdict']}",
        "facts": {
            key: row.get(key)
            for key in ("beat_age_s", "progress_age_s", "progress", "note", "waiting_for", "memory_mb")
        },
        "evidence": None,
        "action": None,
        "outcome": None,
        "next": _next(row),
    }
    if incident is not None:
        answer |= {
            "verdict": incident["verdict"],
            "since": incident["opened_at"],
            "what": str((incident.get("facts") or {}).get("words") or answer["what"]),
            "facts": {**(incident.get("facts") or {}), **(incident.get("thresholds") or {})},
            "evidence": incident.get("evidence"),
            "action": incident.get("action"),
            "outcome": incident.get("outcome"),
            "incident": incident["id"],
        }
    return answer


def _next(row: Body) -> str:
    path = row["path"]
    match row["state"]:
        case "review":
            return f"wakeful resume {path}"
        case "paused":
            return f"wakeful unpause {path}"
        case "backoff":
            return "nothing: it is restarted by itself"
        case _:
            return f"nothing; `wakeful logs {path}` shows its log"
