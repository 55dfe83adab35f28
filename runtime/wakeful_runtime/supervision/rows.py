"""What `ps` shows of a supervisor's children; from memory and /proc."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wakeful.rules.facts import Pulse
from wakeful.rules.roster import RUNS
from wakeful_runtime.evidence.hungline import shortened
from wakeful_runtime.evidence.vitals import tree_memory
from wakeful_runtime.supervision.child import Body, Child, Present

if TYPE_CHECKING:
    from wakeful_runtime.supervision.supervisor import Supervisor


MEASURE_S = 0.05
"""For measuring memory in one answer: a process takes about a millisecond, and the supervisor does nothing else."""


def rows_of(supervisor: Supervisor) -> list[Body]:
    """One row per child, in tree order; keys as api.md §4 has them."""
    _measure([child.present for child in supervisor.children.values() if child.present is not None])
    return [_row(supervisor, child) for child in supervisor.children.values()]


def _measure(lives: list[Present]) -> None:
    """Memory, as far as there is time for it: what was measured longest ago first; the others keep their figure."""
    ends = time.monotonic() + MEASURE_S
    for present in sorted(lives, key=lambda each: each.measured_at):
        if not present.exited:
            present.memory = tree_memory(present.life.pid)
            present.measured_at = time.monotonic()
            if present.measured_at > ends:
                return


def row_of(supervisor: Supervisor, child: Child) -> Body:
    """One child."""
    if child.present is not None:
        _measure([child.present])
    return _row(supervisor, child)


def _row(supervisor: Supervisor, child: Child) -> Body:
    state = supervisor.state(child)
    present = child.present if child.present is not None and not child.present.exited else None
    facts = present.facts if present is not None else None
    answer = facts.answer if facts is not None else None
    now = supervisor.lines.clock()
    pulse = answer.pulse if answer is not None else None
    memory = present.memory if present is not None else None
    return {
        "path": child.path,
        "kind": child.plan.kind,
        "pid": present.life.pid if present is not None else None,
        "incarnation": state.incarnation if state is not None else 0,
        "state": _state(state.status if state is not None else "starting", pulse),
        "verdict": str(present.judgement.verdict) if present is not None and present.judgement is not None else None,
        "restarts": state.restarts if state is not None else 0,
        "beat_age_s": round(now - answer.at, 3) if answer is not None else None,
        "progress_age_s": round(now - pulse.progress_at, 3) if pulse is not None and child.plan.kind in RUNS else None,
        "checkpoint": pulse.checkpoint.name if pulse is not None and pulse.checkpoint is not None else None,
        "memory_mb": round(memory / 2**20, 1) if memory else None,
        "key": f"agent:{child.plan.agent}:session:{child.run_id or child.plan.run_id}" if child.plan.agent else None,
        "label": child.plan.label,
        "watches": child.plan.monitor.watch if child.plan.monitor is not None else None,
        "inbox": child.plan.kind == "session" or (child.plan.command is not None and child.plan.command.inbox),
        "run_id": child.run_id or None,
        "why": state.why if state is not None else "",
        "words": present.judgement.words if present is not None and present.judgement is not None else "",
        "note": pulse.note if pulse is not None else None,
        "progress": [pulse.done, pulse.total] if pulse is not None and pulse.done is not None else None,
        "line": shortened(pulse.line) if pulse is not None and pulse.line else None,
        "waiting_for": pulse.waiting_for if pulse is not None else None,
        "failures_in_a_row": state.failures_in_a_row if state is not None else 0,
        "last_exit": str(state.last) if state is not None and state.last is not None else None,
    }


def _state(status: str, pulse: Pulse | None) -> str:
    """A wait for the store is too short to be shown as one."""
    waits = pulse is not None and pulse.state == "waiting" and pulse.waiting_for != "store"
    return "waiting" if status == "running" and waits else status
