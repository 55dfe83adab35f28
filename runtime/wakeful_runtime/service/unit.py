"""The text of a systemd unit for a node; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wakeful.plan import ChildPlan, NodePlan

WATCHDOG = 30
"""Seconds; init that answers the keeper no more is replaced by it far sooner."""

STOP_SPARE = 30.0
"""Seconds more than what the tree may take, for the monitors and the store."""

LONGEST_STOP = 3600.0

_SAFE = re.compile(r"[A-Za-z0-9_@:./+,=-]+")


@dataclass(frozen=True, slots=True)
class Service:
    """What a unit is made for.

    Attributes:
        python: the interpreter that has Wakeful.
        node, folder: the node's directory, and the one it runs in; absolute.
        target: the tree.
        user: whom the machine runs it as; None: whose unit it is.
        machine: it belongs to the machine, not to one user's manager.
    """

    python: str
    node: str
    target: str
    folder: str
    user: str | None
    machine: bool


def unit_text(service: Service, plan: NodePlan) -> str:
    """The unit. `KillMode=mixed`: only the keeper is asked to stop, and asks the others in order."""
    command = [service.python, "-P", "-m", "wakeful_runtime.cli", "--node", service.node, "run", service.target]
    where = "/etc/systemd/system" if service.machine else "~/.config/systemd/user"
    control = "systemctl" if service.machine else "systemctl --user"
    user = [f"User={service.user}"] if service.user else []
    lines = [
        f"# Save as {where}/wakeful.service, then: {control} daemon-reload && {control} enable --now wakeful",
        "[Unit]",
        f"Description=Wakeful node: {escaped(service.target, quote=False)}",
        *(["After=network-online.target", "Wants=network-online.target"] if service.machine else []),
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={' '.join(escaped(word) for word in command)}",
        f"WorkingDirectory={escaped(service.folder, quote=False)}",
        *user,
        "# The keeper says it is alive as long as the process that forks all others answers it.",
        f"WatchdogSec={WATCHDOG}",
        "Restart=on-failure",
        "RestartSec=2",
        "# Only the keeper is told to stop: it stops sessions in order and gives them their time to checkpoint.",
        "KillMode=mixed",
        f"TimeoutStopSec={longest_stop(plan):.0f}",
        "TimeoutStartSec=120",
        "# A session that the kernel's OOM killer takes is restarted by its monitor; the node stays.",
        "OOMPolicy=continue",
        "# The node may make cgroups of its own below this one.",
        "Delegate=yes",
        "TasksMax=infinity",
        "",
        "[Install]",
        f"WantedBy={'multi-user.target' if service.machine else 'default.target'}",
    ]
    return "\n".join(lines) + "\n"


def longest_stop(plan: NodePlan) -> float:
    """Seconds until everything has stopped, at worst; a child that may take as long as it wants gets an hour."""
    return min(LONGEST_STOP, _stops(plan.root.children, (*plan.root.agents, *plan.agents)) + STOP_SPARE)


def escaped(word: str, *, quote: bool = True) -> str:
    """As systemd.service(5) and systemd.unit(5) want it: specifiers and variables are not meant."""
    text = word.replace("%", "%%")
    if not quote or _SAFE.fullmatch(word):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{text}"'


def _stops(children: Sequence[ChildPlan], agents: Sequence[ChildPlan]) -> float:
    """Children stop one after the other, what was spawned together."""
    return sum(map(_stop, children)) + max(map(_stop, agents), default=0.0)


def _stop(child: ChildPlan) -> float:
    if child.monitor is not None:
        return _stops(child.monitor.children, child.monitor.agents)
    return LONGEST_STOP if child.shutdown is None else child.shutdown
