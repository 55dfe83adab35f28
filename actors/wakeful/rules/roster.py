"""The children of one supervisor, and the commands of the event in hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.rules.childstate import ChildState, Status
from wakeful.rules.commands import Command, EndOrphans, EndRun, Forget, Note, Outcome, Park, Save, Unpark

RUNS = ("session", "command")
"""Kinds whose run ends with an outcome."""

NODE_KINDS = ("store", "scheduler", "herald", "web")
"""The node's own processes: never parked for failing too often, a node without them is none."""


@dataclass(slots=True, eq=False)
class Charge:
    """A child: what it should be and what it is."""

    plan: ChildPlan
    state: ChildState

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def occupied(self) -> bool:
        """A life of it is there and may still end."""
        return self.state.live and not self.state.unkillable

    @property
    def wants(self) -> bool:
        """It is to be started, now or later."""
        state = self.state
        return not state.live and (
            state.status in ("waiting", "backoff") or (state.status == "review" and state.next_at is not None)
        )


class Roster:
    """All charges, in start order: those of the tree first.

    Attributes:
        order: names of the tree's children in start order.
        stopping: why the supervisor stops, once it does.
        recent: times of all unordered restarts, for `on_exhausted="escalate"`.
        stoppers: names of those that are stopping.
        hasty: names of those to be restarted, which wait for no room; in order of their coming.
        queued: names of the others to be started, in order of their coming.
    """

    def __init__(self, plan: MonitorPlan, *, seed: object, parallel: int) -> None:
        self.plan = plan
        self.seed = seed
        self.parallel = max(1, parallel)
        self.order = tuple(child.name for child in plan.children)
        self.charges: dict[str, Charge] = {}
        self.stoppers: dict[str, None] = {}
        self.hasty: dict[str, None] = {}
        self.queued: dict[str, None] = {}
        self.starting: set[str] = set()
        self.paused = False
        self.stopping: ExitReason | None = None
        self.recent: tuple[float, ...] = ()
        self.now = 0.0
        self._commands: list[Command] = []
        self._touched: dict[str, None] = {}
        self._saved: set[str] = set()

    def add(self, charge: Charge, status: Status) -> None:
        """Take it in, in the place of an earlier one of the same name."""
        self.charges[charge.name] = charge
        self.enter(charge, status)

    def enter(self, charge: Charge, status: Status) -> None:
        """Put it into a status, and where that status is looked after."""
        charge.state.status = status
        name = charge.name
        self._leave(name)
        if status == "stopping":
            self.stoppers[name] = None
        elif status == "starting":
            self.starting.add(name)
        elif charge.wants:
            (self.hasty if charge.state.next_why == "restart" else self.queued)[name] = None

    def _leave(self, name: str) -> None:
        for names in (self.stoppers, self.hasty, self.queued):
            names.pop(name, None)
        self.starting.discard(name)

    def living(self, name: str, incarnation: int) -> Charge | None:
        """The charge whose present life this is; None: the report is stale."""
        charge = self.charges.get(name)
        return charge if charge and charge.state.live and charge.state.incarnation == incarnation else None

    def tree(self) -> Iterator[Charge]:
        """The tree's own children in start order."""
        return (self.charges[name] for name in self.order if name in self.charges)

    def spawned(self) -> Iterator[Charge]:
        """The dynamic children."""
        return (charge for charge in self.charges.values() if charge.state.dynamic)

    def suspended(self, charge: Charge) -> bool:
        return self.paused or charge.state.paused

    def say(self, command: Command) -> None:
        self._commands.append(command)

    def note(self, event: str, charge: Charge | None, **fields: object) -> None:
        if charge is None:
            self.say(Note(event, None, fields))
        else:
            self.say(Note(event, charge.name, {"incarnation": charge.state.incarnation, **fields}))

    def touch(self, charge: Charge) -> None:
        """Its state is to be saved when the event has been dealt with."""
        self._touched[charge.name] = None

    def touch_new(self, charge: Charge) -> None:
        """The same, if it never was."""
        if charge.name not in self._saved:
            self.touch(charge)

    def known(self, charge: Charge) -> None:
        """It has been saved before."""
        self._saved.add(charge.name)

    def park(self, charge: Charge, why: str, reason: ExitReason, *, until: float | None = None) -> None:
        """Let it wait for a person, or until `until`."""
        state = charge.state
        state.next_at, state.held, state.why, state.next_why = until, True, why, "resume"
        self.enter(charge, "review")
        self.say(Park(charge.name, why, reason))
        self.note("review", charge, why=why, kind=reason.kind, in_a_row=state.failures_in_a_row)
        self.touch(charge)

    def unpark(self, charge: Charge) -> None:
        if charge.state.status == "review":
            self.say(Unpark(charge.name))

    def close(self, charge: Charge, status: Status, outcome: Outcome, why: str) -> None:
        """It is over: its run, if one is open, ends with `outcome`; a spawned one is forgotten."""
        state = charge.state
        self.unpark(charge)
        if state.run_open and charge.plan.kind in RUNS:
            self.say(EndRun(charge.name, state.incarnation, outcome, why))
        self.finish(charge, status, why)

    def finish(self, charge: Charge, status: Status, why: str) -> None:
        """It is over, its outcome known."""
        state = charge.state
        self.end_orphans(charge, why)
        state.run_open = state.again = state.sibling = state.held = False
        state.next_at = state.from_seq = None
        state.why, state.next_why = why, "start"
        self.enter(charge, status)
        if state.dynamic or state.forget:
            self.forget(charge)
        else:
            self.touch(charge)

    def end_orphans(self, charge: Charge, why: str) -> None:
        """A monitor that died left its children running, for a next one that won't come."""
        if charge.plan.kind == "monitor" and charge.state.incarnation > 0 and not charge.state.live:
            self.say(EndOrphans(charge.name, ExitReason(kind="shutdown", what=why)))

    def forget(self, charge: Charge) -> None:
        self.drop(charge)
        self.say(Forget(charge.name))

    def drop(self, charge: Charge) -> None:
        """It is no charge of ours any more."""
        name = charge.name
        del self.charges[name]
        self._leave(name)
        self._touched.pop(name, None)
        self._saved.discard(name)

    def take(self) -> list[Command]:
        """The commands so far, with the states to be saved behind them."""
        for name in self._touched:
            self._saved.add(name)
            self._commands.append(Save(name, replace(self.charges[name].state)))
        self._touched = {}
        commands, self._commands = self._commands, []
        return commands
