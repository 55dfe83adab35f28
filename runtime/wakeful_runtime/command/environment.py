"""What a program is told at its start: the environment of api.md §1; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FOREIGN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "MAINPID")
"""Of whoever runs the node, and none of a program's business."""

PREFIX = "WAKEFUL_"
KEPT = frozenset({"WAKEFUL_LIFE"})


def told(
    base: Mapping[str, str],
    own: Mapping[str, str],
    args: Mapping[str, Any],
    facts: Mapping[str, str | None],
) -> dict[str, str]:
    """The environment of a program.

    Args:
        base: the node's.
        own: `Command(env=…)`; it may replace anything but what Wakeful says.
        args: the child's; `task` among them.
        facts: what Wakeful says; None: not set.
    """
    env = {name: text for name, text in base.items() if name not in FOREIGN and not _ours(name)}
    env |= own
    rest = {name: value for name, value in args.items() if name != "task"}
    said = {"WAKEFUL_TASK": as_text(args.get("task")), "WAKEFUL_ARGS": json.dumps(rest), **facts}
    for name, text in said.items():
        if text is None:
            env.pop(name, None)
        else:
            env[name] = text
    return env


def as_text(task: Any) -> str | None:
    """A text as it is, anything else as JSON."""
    return task if task is None or isinstance(task, str) else json.dumps(task)


def _ours(name: str) -> bool:
    return name.startswith(PREFIX) and name not in KEPT
