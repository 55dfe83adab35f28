"""Is this machine fit for a node: every check a line with what to do."""

from __future__ import annotations

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.doctor import kernel, room, software
from wakeful_runtime.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]


def examine(directory: NodeDirectory, *, sessions: int) -> list[Finding]:
    """All checks, in the order in which they are worth reading.

    Args:
        directory: where the node is to be; nothing is left in it.
        sessions: how many are to run at once.
    """
    found: list[Finding] = []
    for checks in (kernel.checks, software.checks):
        found += checks()
    return [*found, *room.checks(directory, sessions)]
