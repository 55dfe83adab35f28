"""The hard end of a life: evidence, a last chance for `run` to unwind, then SIGKILL and the sweep by init."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from wakeful.exits import Evidence, ExitReason
from wakeful.rules.events import Ended
from wakeful.rules.judgement import CANCEL_WITHIN
from wakeful_runtime.evidence.evidence import Found, collect, describe
from wakeful_runtime.evidence.incidents import Incident
from wakeful_runtime.init.initclient import InitRefused
from wakeful_runtime.supervision.child import Child, Present

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor

UNKILLABLE_S = 5.0
"""How long a SIGKILL may take; the kernel frees some gigabytes of memory a second first."""

INCIDENT_S = 2.0
"""How long the kill waits for its incident to be written."""


async def end_life(supervisor: Supervisor, child: Child, present: Present) -> None:
    """End a life by force; one that is gone meanwhile has ended."""
    try:
        await _end_hard(supervisor, child, present)
    except InitRefused as refused:
        if refused.code != "gone":
            raise
    finally:
        present.ending = False  # a later KillLife may try again


async def end_orphans(supervisor: Supervisor, child: Child) -> None:
    """A monitor is gone for good: what it supervised has nobody any more, but for a session that it only watched."""
    lines = supervisor.lines
    table = await lines.init.table()
    below = [row for row in table["table"] if f"{row['owner']}/".startswith(f"{child.path}/")]
    for row in below:
        if child.plan.monitor is not None and row["path"] == child.plan.monitor.watch:
            await supervisor.lending.recover(child)
            continue
        if row.get("state") == "running":
            await lines.init.end(row["path"], int(row["incarnation"]))
        await lines.init.give(row["path"], lines.path)


async def _end_hard(supervisor: Supervisor, child: Child, present: Present) -> None:
    """End a life that must end now; its exit report follows as a push.

    Raises:
        InitRefused: init knows no such life any more (`gone`).
        NodeError: init can't be reached.
    """
    case, judgement = present.case, present.judgement
    if case is not None:
        if present.incident is None:  # an end that is ordered again has been explained
            await _explain(supervisor, child, present, case)
        if judgement is not None and judgement.cancel_first and await _unwound(supervisor, child, present):
            return
    if not present.exited:
        reason = present.condemned
        fields = {"incident": present.incident, "kind": reason.kind if reason else None}
        supervisor.lines.journal("killed", child.path, present.life.incarnation, fields)
        await supervisor.lines.init.end(child.path, present.life.incarnation)
        await _gone(supervisor, child, present)


async def _explain(supervisor: Supervisor, child: Child, present: Present, incident: Incident) -> None:
    """Write the incident with the action begun, then take the evidence and add it."""
    lines = supervisor.lines
    incarnation = present.life.incarnation
    supervisor.incidents.open(child, present, incident)

    async def dump() -> tuple[tuple[str, ...], tuple[str, ...]]:
        told = await supervisor.lane.ask(child, "dump", {}, 1.0)
        return tuple(told.get("tasks") or ()), tuple(told.get("threads") or ())

    found = await collect(lines.directory, child.path, present, dump)
    line = found.line
    if present.condemned is not None:
        what = f"{present.condemned.what}{_hung_in(present.condemned.what, found)}"
        present.condemned = present.condemned.model_copy(update={"what": what})
    fields = {"incident": incident.id, "verdict": incident.verdict, "line": line}
    lines.journal("evidence", child.path, incarnation, fields)
    written = supervisor.incidents.add(incident.id, evidence=_plain(found.evidence, line))
    try:
        async with asyncio.timeout(INCIDENT_S):
            await written.wait()
    except TimeoutError:  # the store is away: it is written when it is back
        return


def _hung_in(what: str, found: Found) -> str:
    """The line and the lease, for those who read only this: the next life (`previous`), `ps`, the journal."""
    lease = str((found.evidence.lease or {}).get("what") or "")
    seen = found.evidence.last_seen
    at = f", at {found.line}" if found.line else f", last seen at {seen['line']}" if seen else ""
    return f"{at}, in {lease!r}" if lease and lease not in what else at


def _plain(evidence: Evidence, line: str) -> dict[str, Any]:
    return {**evidence.model_dump(mode="json"), "line": line}


async def _gone(supervisor: Supervisor, child: Child, present: Present) -> None:
    """Wait for the end. What takes no SIGKILL (state D) is unkillable: nothing starts in its place until it is gone."""
    try:
        async with asyncio.timeout(UNKILLABLE_S):
            await present.over.wait()
    except TimeoutError:
        pid = present.life.pid
        state = (await asyncio.to_thread(describe, pid)).get("state")
        what = f"SIGKILL has not ended process {pid} for {UNKILLABLE_S:g} s: it is in state {state}"
        fields = {"verdict": "unkillable", "words": what}
        supervisor.lines.journal("alert", child.path, present.life.incarnation, fields)
        reason = ExitReason(kind="unkillable", what=what, at=time.time())
        supervisor.tell(Ended(child.name, present.number, reason, empty=False))


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
