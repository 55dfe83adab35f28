"""A tree file's plan in words."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from shutil import which
from typing import Any

from wakeful.plan import ChildPlan, JobPlan, MonitorPlan, NodePlan


def facts(plan: NodePlan) -> dict[str, Any]:
    """What `check --json` answers."""
    return {
        "target": plan.target,
        "children": [_child(child, "") for child in plan.root.children],
        "agents": [agent.name for agent in plan.agents],
        "schedule": [{"name": job.name, "agent": job.agent, "when": _when(job)} for job in plan.schedule],
        "alerts": len(plan.alerts),
        "missing": missing(plan),
    }


def sketch(plan: NodePlan) -> list[str]:
    """What `check` prints: a line a child, then agents and schedules, then the sum."""
    lines = [f"{plan.target} is good"]
    lines += _drawn(plan.root, "")
    if plan.agents:
        lines.append(f"agents: {', '.join(agent.name for agent in plan.agents)}")
    lines += [f"schedule: {job.name}: {job.agent}, {_when(job)}" for job in plan.schedule]
    if plan.alerts:
        lines.append(f"alerts: {len(plan.alerts)}")
    kinds = [child["kind"] for child in _all(facts(plan)["children"])]
    sums = [f"{kinds.count(kind)} {kind}{'' if kinds.count(kind) == 1 else 's'}" for kind in dict.fromkeys(kinds)]
    lines.append(f"in all: {', '.join(sums) if sums else 'no children'}")
    return [*lines, *missing(plan)]


def missing(plan: NodePlan) -> list[str]:
    """What a good tree needs and does not find on this machine, each with what to do; it may be there when it runs."""
    lines: list[str] = []
    if plan.alerts and find_spec("apprise") is None:
        lines.append("missing here: Apprise, so nobody can be told: pip install 'wakeful[alerts]'")
    programs = {child.command.argv[0]: child.name for child in _plans(plan.root) if child.command}
    for program, name in programs.items():
        if "/" not in program and which(program) is None:
            lines.append(f"missing here: the program {program!r} of {name}, on the PATH")
    return lines


def span(seconds: float) -> str:
    """A duration as people write it: `0.5s`, `90s`, `10m`, `4h`."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _drawn(monitor: MonitorPlan, below: str) -> Iterator[str]:
    for child in monitor.children:
        last = child is monitor.children[-1]
        yield f"{below}{'└─ ' if last else '├─ '}{child.name}  {_about(child)}"
        if child.monitor:
            yield from _drawn(child.monitor, f"{below}{'   ' if last else '│  '}")


def _about(child: ChildPlan) -> str:
    if child.monitor:
        plan = child.monitor
        return f"monitor, {plan.strategy}, at most {plan.max_restarts} restarts in {span(plan.within)}"
    what = child.code.name if child.code else " ".join(child.command.argv) if child.command else ""
    beat = child.heartbeat
    watch = f"every {span(beat.every)} + {span(beat.timeout)}"
    progress = f", progress {span(beat.progress)}" if beat.progress else ""
    limit = f", at most {span(child.run_timeout)}" if child.run_timeout else ""
    return f"{child.kind} {what}, {child.restart}, {child.recovery}, {watch}{progress}{limit}"


def _child(child: ChildPlan, above: str) -> dict[str, Any]:
    path = f"{above}{child.name}"
    code = f"{child.code.module}:{child.code.name}" if child.code else None
    inner = [_child(one, f"{path}/") for one in child.monitor.children] if child.monitor else []
    return {"path": path, "kind": child.kind, "code": code, "restart": child.restart, "children": inner}


def _all(children: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for child in children:
        yield child
        yield from _all(child["children"])


def _plans(monitor: MonitorPlan) -> Iterator[ChildPlan]:
    for child in monitor.children:
        yield child
        if child.monitor:
            yield from _plans(child.monitor)


def _when(job: JobPlan) -> str:
    if job.every is not None:
        return f"every {span(job.every)}"
    zone = f" ({job.tz})" if job.tz else ""
    return f"{job.expr or job.at}{zone}"
