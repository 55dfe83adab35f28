"""A store without a process: the operations as a client meets them, on a clock that the test holds."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from wakeful_runtime.store.checkpoints import state_hash
from wakeful_runtime.store.group import Groups
from wakeful_runtime.store.protocol import Reply, Request, unpack_reply
from wakeful_runtime.store.schema import open_store
from wakeful_runtime.store.work import Moment
from wakeful_runtime.wire import pack

PATH = "research/weekly"
ENDED: dict[str, Any] = {"kind": "killed", "what": "by a test"}


class RefusedError(Exception):
    """The store's no."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body["why"])
        self.code: str = reply.body["code"]
        self.facts: dict[str, Any] = reply.body.get("facts", {})
        self.again = reply.kind == "wait"


class Books:
    """One group per request unless `group` is used; `now` is wall time."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self.path = path
        self.db = open_store(path)
        self.now = 1_000_000.0
        self._numbers = itertools.count(1)
        self.groups = Groups(self.db, self._moment)

    def _moment(self) -> Moment:
        return Moment(self.now, self.now - 900_000.0, "boot-a")

    def restart(self) -> None:
        """A new store process on the same file: nothing is remembered but what was committed."""
        self.db.close()
        self.db = open_store(self.path)
        self.groups = Groups(self.db, self._moment)

    def request(self, op: str, arguments: dict[str, Any], request: str | None = None) -> Request:
        return Request(request or f"r{next(self._numbers)}", op, arguments)

    def group(self, *requests: Request) -> list[Reply]:
        replies = self.groups.run(requests)
        return [unpack_reply(replies[request.id], request.id) for request in requests]

    def ask(self, op: str, *, request: str | None = None, **arguments: Any) -> dict[str, Any]:
        reply = self.group(self.request(op, arguments, request))[0]
        if reply.kind != "ok":
            raise RefusedError(reply)
        return reply.body

    def begin(
        self, incarnation: int = 1, *, path: str = PATH, request: str | None = None, **more: Any
    ) -> dict[str, Any]:
        about = {
            "owner": path.rpartition("/")[0],
            "kind": "session",
            "boot_id": "boot-a",
            "new_run": False,
            "run": {"agent": "r"},
        }
        return self.ask("begin_life", request=request, path=path, incarnation=incarnation, **{**about, **more})

    def end(self, incarnation: int = 1, *, path: str = PATH, reason: dict[str, Any] = ENDED) -> dict[str, Any]:
        return self.ask("end_life", path=path, incarnation=incarnation, reason=reason)

    def checkpoint(
        self,
        run_id: str,
        value: Any = None,
        *,
        incarnation: int = 1,
        path: str = PATH,
        request: str | None = None,
        **more: Any,
    ) -> int:
        state = pack(value)
        about = {
            "path": path,
            "incarnation": incarnation,
            "run_id": run_id,
            "name": f"at {value}",
            "form": "plain",
            "version": 1,
        }
        asked = {**about, "state": state, "hash": state_hash(state), **more}
        seq: int = self.ask("checkpoint", request=request, **asked)["seq"]
        return seq

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.ask("events", event=event)["rows"]
        return rows

    def close(self) -> None:
        self.db.close()
