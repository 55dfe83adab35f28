"""The sessions API's JSON, as Python callers get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wakeful.errors import RunFailed, SpawnRefused


@dataclass(frozen=True, slots=True)
class Spawned:
    """A session that was accepted.

    Attributes:
        key: names it for ever: `agent:<agentId>:session:<id>`.
        path: where it is in the tree.
        run_id: its run; empty while it waits for its turn.
    """

    key: str
    path: str
    run_id: str


def spawn_arguments(
    task: str,
    agent_id: str | None,
    label: str | None,
    run_timeout_seconds: float | None,
    cleanup: str | None,
    more: dict[str, Any],
) -> dict[str, Any]:
    """The JSON of `sessions_spawn`; what wasn't given is left out."""
    given = {"agentId": agent_id, "label": label, "runTimeoutSeconds": run_timeout_seconds, "cleanup": cleanup, **more}
    return {"task": task, **{key: value for key, value in given.items() if value is not None}}


def spawned(answer: dict[str, Any]) -> Spawned:
    """The answer of `sessions_spawn`.

    Raises:
        SpawnRefused: it wasn't accepted.
    """
    if answer.get("status") != "accepted":
        raise SpawnRefused(str(answer.get("error")), str(answer.get("status")))
    return Spawned(answer["key"], answer["path"], answer.get("runId") or "")


def outcome_of(answer: dict[str, Any]) -> Any:
    """The answer of `sessions_result`.

    Raises:
        RunFailed: the run ended otherwise than ok.
        TimeoutError: it has no outcome yet.
    """
    if answer["status"] != "ok":
        raise TimeoutError("the run has no outcome yet")
    if answer["outcome"] != "ok":
        raise RunFailed(answer["outcome"], str(answer.get("why") or ""), answer.get("partial"))
    return answer.get("result")
