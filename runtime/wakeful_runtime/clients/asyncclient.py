"""Talking to a running node from async code; also what `self.node` is inside an actor."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any, Self

from wakeful.errors import NodeError
from wakeful.life import Courier
from wakeful.ref import Ref
from wakeful_runtime.clients.answers import Spawned, outcome_of, spawn_arguments, spawned
from wakeful_runtime.clients.client import CALL_S, Client
from wakeful_runtime.clients.outsider import Outsider

RESULT_SLICE_S = 30.0


class AsyncClient:
    """Every call opens its own line to the gateway, so that many may be under way.

    Args:
        directory: the node's.
        courier: what refs it hands out send by: inside an actor its own mailbox; None: a lane of its own (`open`).
        sender: the path of the actor it is in: who its texts are from.
    """

    def __init__(
        self, directory: Path | str | None = None, courier: Courier | None = None, *, sender: str | None = None
    ) -> None:
        self._sender = sender
        self._directory = directory
        self._courier = courier
        self._outsider: Outsider | None = None

    async def open(self) -> None:
        """Make sure a node runs there, and be able to speak to its actors.

        Raises:
            NoNode: none runs there.
        """
        await self.call("status")
        if self._courier is None:
            self._outsider = Outsider(self._directory)
            await self._outsider.open()
            self._courier = self._outsider

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the node; it runs on."""
        if self._outsider is not None:
            await self._outsider.close()
            self._outsider = self._courier = None

    async def call(self, verb: str, args: dict[str, Any] | None = None, *, timeout: float = CALL_S) -> Any:
        """One verb of api.md §3.

        Raises:
            NodeError: the node refuses, or did not answer in time; NoNode: none runs there.
        """
        return await asyncio.to_thread(self._call, verb, args, timeout)

    def _call(self, verb: str, args: dict[str, Any] | None, timeout: float) -> Any:
        with Client(self._directory, sender=self._sender) as client:
            return client.call(verb, args, timeout=timeout)

    def actor(self, path: str) -> Ref:
        """A ref to an actor of the node, from outside of it."""
        if self._courier is None:
            raise NodeError("this client was not opened: write `async with connect() as node:`")
        return Ref(path, self._courier)

    async def sessions_spawn(
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
        given = spawn_arguments(task, agent_id, label, run_timeout_seconds, cleanup, more)
        return spawned(await self.call("sessions_spawn", given))

    async def sessions_send(self, key: str, message: str, *, timeout_seconds: float = 0) -> dict[str, Any]:
        """Send a text to a session; with a timeout, wait for its reply."""
        given = {"sessionKey": key, "message": message, "timeoutSeconds": timeout_seconds}
        answer: dict[str, Any] = await self.call("sessions_send", given)
        return answer

    async def sessions_stop(self, key: str, *, timeout_seconds: float = 0) -> dict[str, Any]:
        """Stop a session in order."""
        answer: dict[str, Any] = await self.call(
            "sessions_stop", {"sessionKey": key, "timeoutSeconds": timeout_seconds}
        )
        return answer

    async def sessions_result(self, key: str, *, timeout_seconds: float = 0) -> dict[str, Any]:
        """How the session's run ended: `{status, outcome?, result?, partial?, why?}`."""
        answer: dict[str, Any] = await self.call(
            "sessions_result", {"sessionKey": key, "timeoutSeconds": timeout_seconds}
        )
        return answer

    async def sessions_list(self, limit: int = 1000) -> list[dict[str, Any]]:
        """A row per session."""
        rows: list[dict[str, Any]] = await self.call("sessions_list", {"limit": limit})
        return rows

    async def session_status(self, key: str) -> dict[str, Any]:
        """One session's row and its outcome."""
        row: dict[str, Any] = await self.call("session_status", {"sessionKey": key})
        return row

    async def sessions_history(self, key: str, limit: int = 100) -> dict[str, Any]:
        """What happened to one session: its newest events, in their order; lives and checkpoints newest first."""
        told: dict[str, Any] = await self.call("sessions_history", {"sessionKey": key, "limit": limit})
        return told

    async def result(self, key: str, timeout: float | None = None) -> Any:
        """What the session's run returned; waits for it.

        Raises:
            RunFailed: the run ended otherwise than ok.
            TimeoutError: it has no outcome within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            while True:
                answer = await self.call("sessions_result", {"sessionKey": key, "timeoutSeconds": RESULT_SLICE_S})
                if answer["status"] == "ok":
                    return outcome_of(answer)

    async def cron(self, action: str, **args: Any) -> Any:
        """Jobs: `add` (job), `list`, `update` (jobId or name, patch), `remove`, `run`, `runs` (jobId or name, limit).

        Raises:
            NodeError: the job can't be, or there is none of that name.
        """
        return await self.call("cron", {"action": action, **args})

    async def ps(self) -> list[dict[str, Any]]:
        """A row per process."""
        rows: list[dict[str, Any]] = await self.call("ps")
        return rows

    async def why(self, path: str) -> dict[str, Any]:
        """Why a child is as it is, with evidence."""
        answer: dict[str, Any] = await self.call("why", {"path": path})
        return answer

    async def incidents(self, since: float | None = None) -> list[dict[str, Any]]:
        """Incidents, newest first."""
        rows: list[dict[str, Any]] = await self.call("incidents", {"since": since})
        return rows

    async def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Journal entries after a seq."""
        rows: list[dict[str, Any]] = await self.call("events", {"after": after})
        return rows


class Connecting:
    """`await connect()` is a client; `async with connect() as node:` closes it at the end."""

    def __init__(self, directory: Path | str | None) -> None:
        self._client = AsyncClient(directory)

    def __await__(self) -> Generator[Any, None, AsyncClient]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncClient:
        return await self._open()

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def _open(self) -> AsyncClient:
        await self._client.open()
        return self._client


def connect(directory: Path | str | None = None) -> Connecting:
    """Talk to the node in `directory` (default `$WAKEFUL_NODE`, else `~/.local/state/wakeful/default`).

    Raises:
        NoNode: none runs there (when awaited).
    """
    return Connecting(directory)


__all__ = ["AsyncClient", "NodeError", "connect"]
