"""One life: its launch, its orderly stop, its kill."""

from __future__ import annotations

from wakeful.exits import ExitReason
from wakeful.rules.commands import KillLife, Launch, StopLife
from wakeful.rules.roster import Charge, Roster

KILL_AGAIN = 10.0
"""An order to kill that nobody answered is repeated after so many seconds."""


def launch(roster: Roster, charge: Charge) -> None:
    """Begin its next life."""
    state = charge.state
    roster.unpark(charge)
    new_run = not state.run_open
    from_seq = state.from_seq
    if from_seq is None and not new_run and charge.plan.recovery == "immediate":
        from_seq = 0
    if new_run:
        from_seq, state.from_seq, state.checkpoints, state.restarts = None, None, (), 0
        state.resumed = 0
    state.incarnation += 1
    state.new_run, state.run_open, state.live = new_run, True, True
    state.launched_at, state.ready_at = roster.now, None
    state.next_at, state.held, state.progressed, state.sibling, state.again = None, False, False, False, False
    state.ordered = state.condemned = state.stop_at = state.killed_at = None
    state.why = ""
    roster.enter(charge, "starting")
    roster.touch_new(charge)
    roster.say(Launch(charge.name, state.incarnation, new_run, from_seq, state.next_why))


def stop(roster: Roster, charge: Charge, reason: ExitReason) -> None:
    """Stop its present life in order; `shutdown=0` kills it."""
    state = charge.state
    state.ordered = reason
    if charge.plan.shutdown == 0:
        kill(roster, charge, reason)
        return
    deadline = charge.plan.shutdown
    state.stop_at = None if deadline is None else roster.now + deadline
    roster.enter(charge, "stopping")
    roster.touch(charge)
    roster.say(StopLife(charge.name, state.incarnation, reason, deadline))


def kill(roster: Roster, charge: Charge, reason: ExitReason) -> None:
    """Kill its present life, again if need be."""
    state = charge.state
    state.stop_at, state.killed_at = None, roster.now
    roster.enter(charge, "stopping")
    roster.touch(charge)
    roster.say(KillLife(charge.name, state.incarnation, reason))


def repeat(roster: Roster, charge: Charge) -> None:
    """Give the order that ends its life once more."""
    state = charge.state
    reason = state.condemned or state.ordered
    if reason is None:
        return
    if state.killed_at is not None:
        roster.say(KillLife(charge.name, state.incarnation, reason))
    else:
        left = None if state.stop_at is None else max(0.0, state.stop_at - roster.now)
        roster.say(StopLife(charge.name, state.incarnation, reason, left))


def press(roster: Roster, charge: Charge) -> None:
    """Whoever didn't stop by its deadline is killed, and killed again."""
    state = charge.state
    reason = state.condemned or state.ordered
    if reason is None or not charge.occupied:
        return
    overdue = state.stop_at is not None and roster.now >= state.stop_at
    unanswered = state.killed_at is not None and roster.now >= state.killed_at + KILL_AGAIN
    if overdue or unanswered:
        kill(roster, charge, reason)


def pressed_at(charge: Charge) -> float | None:
    """When `press` has something to do."""
    state = charge.state
    if state.killed_at is not None:
        return state.killed_at + KILL_AGAIN
    return state.stop_at
