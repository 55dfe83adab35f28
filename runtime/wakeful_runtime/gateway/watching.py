"""The built-in agent `heartbeat-monitor`: a session is taken over by a monitor process of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from wakeful.errors import NodeError
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.policy import Heartbeat
from wakeful_runtime.gateway.naming import find_row
from wakeful_runtime.gateway.spawnrequest import SPAWN, heartbeat_over, label_of, name_of, run_id_of, seconds_of
from wakeful_runtime.supervision.child import Body

AGENT = "heartbeat-monitor"


def read_watch(args: Mapping[str, Any], rows: list[Body]) -> tuple[str, ChildPlan, list[str]]:
    """The path of the session that is to be watched, the plan of its monitor, and the keys that mean nothing.

    Raises:
        NodeError: a key or value that can't be, or no one session is named.
    """
    ignored = SPAWN.ignored(args)
    row = _watched(args, rows)
    heartbeat_over(Heartbeat().for_session(), args.get("heartbeat"))
    run_id, label = run_id_of(args.get("runId")), label_of(args.get("label"))
    timeout = args.get("runTimeoutSeconds", args.get("timeoutSeconds"))
    until = time.time() + seconds_of(timeout, "runTimeoutSeconds") if timeout else None
    name = name_of(label) or f"{AGENT}-{run_id[:8]}"
    plan = ChildPlan(
        name=name,
        kind="monitor",
        monitor=MonitorPlan(name=name, until=until),
        restart="transient",
        shutdown=None,
        agent=AGENT,
        label=label,
        run_id=run_id,
    )
    return str(row["path"]), plan, ignored


def _watched(args: Mapping[str, Any], rows: list[Body]) -> Body:
    if args.get("watch"):
        return find_row(rows, str(args["watch"]))
    task = args.get("task")
    if not isinstance(task, str):
        raise NodeError("task is required: a text that names the session to watch; or give watch")
    found = [row for row in rows if row["kind"] in ("session", "command") and _named(row, task)]
    if len(found) != 1:
        which = ", ".join(row["path"] for row in found[:8]) or "none"
        raise NodeError(f"the task must name one session by its key or label, it names {which}; or give watch")
    return found[0]


def _named(row: Body, task: str) -> bool:
    names = [str(row[field]) for field in ("key", "label", "path") if row.get(field)]
    return any(re.search(rf"(?<![\w/:.-]){re.escape(name)}(?![\w/:-])", task) for name in names)
