"""Taking over: what runs goes on untouched, a half-done end is finished under its own reason, what was lost resumes."""

from __future__ import annotations

from dataclasses import replace

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan
from wakeful.rules.childstate import ChildState
from wakeful.rules.commands import EndLife
from wakeful.rules.endings import settle
from wakeful.rules.events import Boot, KnownChild
from wakeful.rules.lives import kill, stop
from wakeful.rules.roster import Charge, Roster

_TIMES = ("next_at", "stop_at", "killed_at", "ready_at", "launched_at")


def boot(roster: Roster, event: Boot) -> None:
    """Begin with what is known."""
    known = {child.name: child for child in event.children}
    roster.paused = event.paused
    plans = {plan.name: plan for plan in roster.plan.children}
    plans |= {child.name: child.plan for child in event.children if child.plan and child.name not in plans}
    charges = [_take(roster, plan, known.get(name)) for name, plan in plans.items()]
    for charge in charges:
        child = known.get(charge.name)
        if child is not None and child.running:
            _adopt(roster, charge, ready=child.ready)
        elif charge.state.live:
            _lost(roster, charge)
    for child in event.children:
        if child.name not in plans:
            _dismiss(roster, child)


def take_child(roster: Roster, known: KnownChild) -> None:
    """A child that another supervisor had."""
    if known.plan is None or known.name in roster.charges:
        return
    charge = _take(roster, known.plan, known)
    if known.running:
        _adopt(roster, charge, ready=known.ready)
    elif charge.state.live:
        _lost(roster, charge)


def lend_child(roster: Roster, name: str) -> None:
    """Another supervisor has it now."""
    charge = roster.charges.get(name)
    if charge is not None:
        roster.note("lent", charge)
        roster.drop(charge)


def _take(roster: Roster, plan: ChildPlan, known: KnownChild | None) -> Charge:
    state = _state(known) if known and known.saved else ChildState(plan.name)
    state.name, state.dynamic = plan.name, plan.name not in roster.order
    charge = Charge(plan, state)
    if known is not None:
        state.incarnation = known.incarnation if known.running else max(state.incarnation, known.incarnation)
        state.live |= known.running
        if known.saved is not None:
            roster.known(charge)
        if known.running and known.incarnation > (known.saved.incarnation if known.saved else 0):
            state.new_run = True  # nobody could save what it was launched for: if it never began, the store knows
    roster.add(charge, state.status)
    roster.touch_new(charge)
    return charge


def _state(known: KnownChild) -> ChildState:
    assert known.saved is not None
    state = replace(known.saved)
    for name in _TIMES:
        at: float | None = getattr(state, name)
        if at is not None:
            setattr(state, name, at + known.shift)
    state.recent = tuple(at + known.shift for at in state.recent)
    return state


def _adopt(roster: Roster, charge: Charge, *, ready: bool) -> None:
    """It lives: let it live. An end that was begun is begun again, with its deadline anew."""
    state = charge.state
    state.run_open = True
    state.next_at, state.held = None, False
    state.launched_at = roster.now if state.launched_at is None else state.launched_at
    if ready:
        state.ready_at = roster.now if state.ready_at is None else state.ready_at
    if state.unkillable:
        return
    roster.enter(charge, "running" if ready else "starting")
    roster.note("adopted", charge)
    roster.touch(charge)
    if state.condemned is not None:
        kill(roster, charge, state.condemned)
    elif state.ordered is not None and state.killed_at is not None:
        kill(roster, charge, state.ordered)
    elif state.ordered is not None:
        stop(roster, charge, state.ordered)


def _lost(roster: Roster, charge: Charge) -> None:
    """Its life went with the node, or ended while nobody looked. A verdict or an order that was given still counts."""
    state = charge.state
    if state.condemned is not None or state.ordered is not None or charge.plan.restart == "temporary":
        settle(roster, charge, ExitReason(kind="node_lost", what="the node ended under it"))
        return
    state.live, state.sibling, state.held, state.unkillable = False, False, False, False
    state.next_at, state.next_why = None, "resume"
    state.last = ExitReason(kind="node_lost", what="the node ended under it")
    roster.enter(charge, "waiting")
    roster.say(EndLife(charge.name, state.incarnation, state.last))
    roster.note("exited", charge, kind="node_lost", what=state.last.what, failure=False, in_a_row=0)
    roster.touch(charge)


def _dismiss(roster: Roster, known: KnownChild) -> None:
    """It was taken out of the tree: what lives of it is stopped, what is kept of it forgotten."""
    plan = ChildPlan(name=known.name, kind="session", restart="temporary")
    state = _state(known) if known.saved else ChildState(known.name, run_open=known.running)
    state.live, state.dynamic, state.forget = known.running, True, True
    state.incarnation = known.incarnation if known.running else max(state.incarnation, known.incarnation)
    charge = Charge(plan, state)
    roster.add(charge, "running" if known.running else "done")
    reason = ExitReason(kind="stop", what="it is no longer in the tree")
    if known.running:
        stop(roster, charge, reason)
    else:
        roster.close(charge, "done", "killed", str(reason))
