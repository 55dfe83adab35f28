"""The machine's side of one child: its plan, its process, and what was last heard of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful.rules.facts import Facts, WatchedKind
from wakeful.rules.judgement import Judgement
from wakeful_runtime.evidence.incidents import Incident
from wakeful_runtime.init.lives import LifeRecord

Body = dict[str, Any]

NODE_KINDS = frozenset({"monitor", "store", "scheduler", "herald", "web"})
"""The node's own processes: init numbers their lives, the store keeps nothing of them."""


@dataclass(slots=True)
class Present:
    """The present life of a child, from its fork to its acknowledged end.

    Attributes:
        life: its identity; its incarnation is what the process, init and the store call it by.
        number: what the rule calls it by. The same for all but the node's own processes, which init numbers.
        pidfd: ours to close; None where there are none.
        go: the body of its GO, once its incarnation is committed.
        went: GO was sent, or it had it when we came.
        connected: its hello was accepted; messages reach it.
        ready: `on_start` has returned.
        orders: what to send it as soon as it connects.
        bye: its last words.
        condemned: the reason a verdict or an order ends it with; stands, whatever exit status comes.
        case: why it is being ended by a verdict: the incident that begins with its end.
        incident: id of the incident about its end.
        killed_by: the order of a person that ended it, where that is for the restart rules as a kill from elsewhere.
        ending: its end has been ordered from init, or evidence is being taken.
        exited: its exit report is here.
        over: set with it.
        facts, judgement: what the monitor knows and thinks of it.
        memory, measured_at: of its process tree, bytes, for `ps`; monotonic.
        due: when to judge it again (monotonic).
        waiters: callbacks for answers that carry a nonce (dump, rows, call).
    """

    life: LifeRecord
    number: int
    pidfd: int | None = None
    go: Body | None = None
    went: bool = False
    connected: bool = False
    ready: bool = False
    orders: list[tuple[str, Body]] = field(default_factory=list[tuple[str, Body]])
    bye: ExitReason | None = None
    condemned: ExitReason | None = None
    case: Incident | None = None
    incident: str | None = None
    killed_by: str = "elsewhere"
    ending: bool = False
    exited: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    facts: Facts | None = None
    judgement: Judgement | None = None
    memory: int | None = None
    measured_at: float = 0.0
    due: float = float("inf")
    waiters: dict[int, Callable[[Body], None]] = field(default_factory=dict[int, Callable[[Body], None]])

    def close(self) -> None:
        """Let go of the pidfd."""
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None


@dataclass(slots=True)
class Child:
    """One place in the tree.

    Attributes:
        run_id, run_started_at: its present run; wall time.
        hello: a hello that came before its fork was answered: `(incarnation, token, body)`.
        recovering: the incident whose outcome is still open: the next life hasn't made progress yet.
        last_incident: the last incident about it, for `ps` and `why`.
    """

    plan: ChildPlan
    path: str
    present: Present | None = None
    run_id: str = ""
    run_started_at: float = 0.0
    hello: tuple[int, str, Body] | None = None
    recovering: str | None = None
    last_incident: str | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def watched_kind(self) -> WatchedKind:
        """What the verdict rules call it."""
        if self.plan.kind in NODE_KINDS:
            return "node"
        if self.plan.kind == "session":
            return "blocking" if self.plan.blocking else "session"
        return "command" if self.plan.kind == "command" else "actor"

    @property
    def stored(self) -> bool:
        """Whether the store numbers its lives and keeps its run."""
        return self.plan.kind not in NODE_KINDS

    @property
    def kept(self) -> bool:
        """Whether its counters outlive its supervisor: a monitor's do, those of the node's other processes don't."""
        return self.stored or self.plan.kind == "monitor"

    def living(self, incarnation: int) -> Present | None:
        """The present life if it is this one and not over."""
        present = self.present
        if present is None or present.life.incarnation != incarnation or present.exited:
            return None
        return present

    def numbered(self, number: int) -> Present | None:
        """The same, by the rule's number."""
        present = self.present
        return None if present is None or present.number != number or present.exited else present
