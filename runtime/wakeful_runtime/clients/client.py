"""Talking to a running node from outside."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from wakeful.errors import NodeError
from wakeful_runtime.clients.answers import Spawned, outcome_of, spawn_arguments, spawned
from wakeful_runtime.clients.asking import asking
from wakeful_runtime.directory import NodeDirectory, default_directory
from wakeful_runtime.init import locks
from wakeful_runtime.transport.calls import CallClient

if TYPE_CHECKING:
    from wakeful.ref import BlockingRef
    from wakeful_runtime.clients.outsider import Outsider
    from wakeful_runtime.clients.sideloop import SideLoop

CALL_S = 10.0


class NoNode(NodeError):
    """No node runs in this directory."""


def runs_in(directory: NodeDirectory) -> bool:
    """Whether a node, or any part of one that can bring it back, runs there."""
    return any(locks.held(directory.lock(role)) for role in ("keeper", "init", "gateway"))


class Client:
    """For code that isn't async: `with Client(directory) as node: node.call("ps", {})`.

    Args:
        directory: the node's; default `$WAKEFUL_NODE`, else `~/.local/state/wakeful/default`.

    Raises:
        NoNode: no node runs there.
    """

    def __init__(self, directory: Path | str | None = None, *, sender: str | None = None) -> None:
        self._sender = sender or os.environ.get("WAKEFUL_PATH")  # a program's own tools speak for it
        self.directory = NodeDirectory(directory or default_directory())
        if not runs_in(self.directory):
            raise NoNode(f"no node runs in {self.directory.root}; start one with `wakeful run file.py:tree`")
        self._side: SideLoop | None = None
        self._outsider: Outsider | None = None
        self._calls = CallClient(self.directory.control("api"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the node; it runs on."""
        if self._side is not None and self._outsider is not None:
            self._side.call(self._outsider.close())
            self._side.close()
            self._side = self._outsider = None
        self._calls.close()

    def call(self, verb: str, args: dict[str, Any] | None = None, *, timeout: float = CALL_S) -> Any:
        """One verb of api.md §3.

        Raises:
            NodeError: the node refuses, or did not answer within `timeout` seconds.
            NoNode: it went away meanwhile.
        """
        given = dict(args or {})
        if verb == "sessions_send" and self._sender is not None:
            given.setdefault("sender", self._sender)
        asked = asking(verb, given, timeout)
        answer = self._calls.call(verb, asked.args, asked.within, again=asked.again)
        if answer is None:
            if not runs_in(self.directory):
                raise NoNode(f"no node runs in {self.directory.root} any more")
            raise NodeError(f"{verb}: no answer within {asked.within:g} s; `wakeful status` says what is wrong")
        if not answer.get("ok"):
            raise NodeError(str(answer.get("why")))
        return answer.get("value")

    # the sessions API, in Python's spelling

    def sessions_spawn(
        self,
        *,
        task: str,
        agent_id: str | None = None,
        label: str | None = None,
        run_timeout_seconds: float | None = None,
        cleanup: str | None = None,
        args: dict[str, Any] | None = None,
        heartbeat: dict[str, Any] | str | None = None,
        recovery: str | None = None,
        watch: str | None = None,
    ) -> Spawned:
        """Start a session; what isn't given is as its agent has it.

        Args:
            run_timeout_seconds: 0: no limit.
            heartbeat: `{every, timeout, progress}` in seconds, or the name of a preset.
            watch: for the agent `heartbeat-monitor`: key, label or path of the session to take over.

        Raises:
            SpawnRefused: a limit, or a bad argument.
        """
        more = {"args": args, "heartbeat": heartbeat, "recovery": recovery, "watch": watch}
        return spawned(
            self.call("sessions_spawn", spawn_arguments(task, agent_id, label, run_timeout_seconds, cleanup, more))
        )

    def actor(self, path: str) -> BlockingRef:
        """A ref to an actor of the node; its `tell`, `ask` and `drain` are plain calls."""
        from wakeful.ref import BlockingRef
        from wakeful_runtime.clients.outsider import Outsider
        from wakeful_runtime.clients.sideloop import SideLoop

        if self._side is None:
            self._side = SideLoop()
            self._outsider = Outsider(self.directory.root)
            self._side.call(self._outsider.open())
        return BlockingRef(path, self._side.call, courier=self._outsider)

    def sessions_send(self, key: str, message: str, *, timeout_seconds: float = 0) -> dict[str, Any]:
        """Send a text to a session; with a timeout, wait for its reply."""
        given = {"sessionKey": key, "message": message, "timeoutSeconds": timeout_seconds}
        answer: dict[str, Any] = self.call("sessions_send", given)
        return answer

    def sessions_stop(self, key: str, *, timeout_seconds: float = 0) -> dict[str, Any]:
        """Stop a session in order."""
        answer: dict[str, Any] = self.call("sessions_stop", {"sessionKey": key, "timeoutSeconds": timeout_seconds})
        return answer

    def sessions_result(self, key: str, *, timeout_seconds: float = 0) -> dict[str, Any]:
        """How the session's run ended: `{status, outcome?, result?, partial?, why?}`."""
        answer: dict[str, Any] = self.call("sessions_result", {"sessionKey": key, "timeoutSeconds": timeout_seconds})
        return answer

    def sessions_list(self, limit: int = 1000) -> list[dict[str, Any]]:
        """A row per session."""
        rows: list[dict[str, Any]] = self.call("sessions_list", {"limit": limit})
        return rows

    def session_status(self, key: str) -> dict[str, Any]:
        """One session's row and its outcome."""
        row: dict[str, Any] = self.call("session_status", {"sessionKey": key})
        return row

    def sessions_history(self, key: str, limit: int = 100) -> dict[str, Any]:
        """What happened to one session: its newest events, in their order; lives and checkpoints newest first."""
        told: dict[str, Any] = self.call("sessions_history", {"sessionKey": key, "limit": limit})
        return told

    def result(self, key: str, timeout: float | None = None) -> Any:
        """What the session's run returned; waits for it.

        Raises:
            wakeful.RunFailed: the run ended otherwise than ok.
            TimeoutError: it has no outcome within `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 3600.0 if deadline is None else max(0.0, deadline - time.monotonic())
            answer = self.call("sessions_result", {"sessionKey": key, "timeoutSeconds": min(left, 3600.0)})
            if answer["status"] == "ok" or (deadline is not None and time.monotonic() >= deadline):
                return outcome_of(answer)

    def cron(self, action: str, **args: Any) -> Any:
        """Jobs: `add` (job), `list`, `update` (jobId or name, patch), `remove`, `run`, `runs` (jobId or name, limit).

        Raises:
            NodeError: the job can't be, or there is none of that name.
        """
        return self.call("cron", {"action": action, **args})

    def ps(self) -> list[dict[str, Any]]:
        """A row per process."""
        rows: list[dict[str, Any]] = self.call("ps")
        return rows

    def why(self, path: str) -> dict[str, Any]:
        """Why a child is as it is, with evidence."""
        answer: dict[str, Any] = self.call("why", {"path": path})
        return answer

    def incidents(self, since: float | None = None) -> list[dict[str, Any]]:
        """Incidents, newest first."""
        rows: list[dict[str, Any]] = self.call("incidents", {"since": since})
        return rows

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Journal entries after a seq."""
        rows: list[dict[str, Any]] = self.call("events", {"after": after})
        return rows
