"""The hard end of a life: evidence, a last chance for `run` to unwind, then SIGKILL and the sweep by init."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from wakeful.errors import NodeError
from wakeful.exits import Evidence
from wakeful.rules.judgement import CANCEL_WITHIN, Judgement
from wakeful_runtime.child import Body, Child, Present
from wakeful_runtime.evidence import collect

if TYPE_CHECKING:
    from wakeful_runtime.supervisor import Supervisor

INCIDENT_S = 2.0
"""How long the kill waits for its incident to be written."""


async def end_hard(supervisor: Supervisor, child: Child, present: Present) -> None:
    """End a life that must end now; its exit report follows as a push.

    Raises:
        InitRefused: init knows no such life any more (`gone`).
        NodeError: init can't be reached.
    """
    judgement = present.judgement
    if judgement is not None and judgement.killing:
        await _explain(supervisor, child, present, judgement)
        if judgement.cancel_first and await _unwound(supervisor, child, present):
            return
    if not present.exited:
        await supervisor.lines.init.end(child.path, present.life.incarnation)


async def _explain(supervisor: Supervisor, child: Child, present: Present, judgement: Judgement) -> None:
    """Write the incident with the action begun, then take the evidence and add it."""
    lines = supervisor.lines
    incarnation = present.life.incarnation
    present.incident = child.last_incident = f"{child.path}#{incarnation}"
    opened = asyncio.ensure_future(
        lines.store.request("incident_open", timeout=INCIDENT_S, **_incident(child, present, judgement, lines.clock()))
    )

    async def dump() -> tuple[tuple[str, ...], tuple[str, ...]]:
        told = await supervisor.lane.ask(child, "dump", {}, 1.0)
        return tuple(told.get("tasks") or ()), tuple(told.get("threads") or ())

    found = await collect(lines.directory, child.path, present, dump)
    line = found.line
    if present.condemned is not None and line:
        present.condemned = present.condemned.model_copy(update={"what": f"{present.condemned.what}, at {line}"})
    lines.journal(
        "evidence",
        child.path,
        incarnation,
        {"incident": present.incident, "verdict": str(judgement.verdict), "line": line},
    )
    try:
        await opened
        await lines.store.request(
            "incident_update", timeout=INCIDENT_S, id=present.incident, evidence=_plain(found.evidence, line)
        )
    except NodeError as error:
        lines.journal("evidence", child.path, incarnation, {"incident": present.incident, "unwritten": str(error)})


def _incident(child: Child, present: Present, judgement: Judgement, now: float) -> Body:
    return {
        "id": present.incident,
        "path": child.path,
        "incarnation": present.life.incarnation,
        "verdict": str(judgement.verdict),
        "severity": judgement.policy.severity,
        "thresholds": {"seconds": judgement.threshold, "heartbeat": child.plan.heartbeat.model_dump()},
        "facts": {
            "words": judgement.words,
            "since": time.time() - (now - judgement.since),
            "detected_s": round(now - judgement.since, 3),
            "run_id": child.run_id,
        },
        "evidence": None,
        "action": judgement.policy.action,
    }


def _plain(evidence: Evidence, line: str) -> dict[str, Any]:
    return {**evidence.model_dump(mode="json"), "line": line}


async def _unwound(supervisor: Supervisor, child: Child, present: Present) -> bool:
    """Cancel `run` and give it two seconds; whether the process left by itself."""
    reason = present.condemned
    supervisor.lane.send(child, present, "cancel", {"reason": reason.model_dump(mode="json") if reason else None})
    try:
        async with asyncio.timeout(CANCEL_WITHIN):
            await present.over.wait()
    except TimeoutError:
        return False
    return True
