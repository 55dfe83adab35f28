"""The node's own processes below the gateway, as a supervision plan: restarted for ever, never counted."""

from __future__ import annotations

from wakeful.plan import ChildKind, ChildPlan, MonitorPlan, NodePlan
from wakeful.policy import Heartbeat

FOREVER = 1_000_000_000

HEARTBEAT = Heartbeat(every=1.0, timeout=3.0, startup=20.0)
"""The node's own processes must be found hung sooner than any session."""

WEB_STARTUP_S = 60.0
"""Its libraries are imported in its own process: a second, on a starved machine many."""

NODE_ACTORS: tuple[ChildKind, ...] = ("scheduler", "herald")
"""Those that run beside the store, in start order; each is at the path of its kind."""


def system_plan(plan: NodePlan) -> MonitorPlan:
    """What the gateway runs for a tree before the tree itself."""
    children = [_child("store"), *[_child(kind) for kind in NODE_ACTORS]]
    if plan.web is not None:
        children.append(_child("web", WEB_STARTUP_S))
    return MonitorPlan(name="system", children=tuple(children), max_restarts=FOREVER, failures_in_a_row=FOREVER)


def _child(kind: ChildKind, startup: float = HEARTBEAT.startup) -> ChildPlan:
    heartbeat = HEARTBEAT.model_copy(update={"startup": startup})
    return ChildPlan(name=kind, kind=kind, heartbeat=heartbeat, shutdown=10.0, failures_in_a_row=FOREVER)
