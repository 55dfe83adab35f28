"""A program's directory is meant from the tree file, wherever `wakeful run` is typed; pure."""

from __future__ import annotations

from pathlib import Path

from wakeful.plan import ChildPlan, MonitorPlan, NodePlan


def anchored(plan: NodePlan, folder: Path) -> NodePlan:
    """The plan with every program's directory absolute: `folder`, or below it as `Command(cwd=…)` says."""
    agents = tuple(_child(agent, folder) for agent in plan.agents)
    return plan.model_copy(update={"root": _monitor(plan.root, folder), "agents": agents})


def _monitor(plan: MonitorPlan, folder: Path) -> MonitorPlan:
    children = tuple(_child(child, folder) for child in plan.children)
    agents = tuple(_child(agent, folder) for agent in plan.agents)
    return plan.model_copy(update={"children": children, "agents": agents})


def _child(plan: ChildPlan, folder: Path) -> ChildPlan:
    if plan.monitor is not None:
        return plan.model_copy(update={"monitor": _monitor(plan.monitor, folder)})
    if plan.command is None:
        return plan
    cwd = str(folder / Path(plan.command.cwd or "").expanduser())
    return plan.model_copy(update={"command": plan.command.model_copy(update={"cwd": cwd})})
