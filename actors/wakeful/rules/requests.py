"""What people and sessions ask of a supervisor: add, remove, stop, restart, resume, pause."""

from __future__ import annotations

from wakeful.exits import ExitReason
from wakeful.rules.childstate import ChildState
from wakeful.rules.commands import Outcome, Refuse
from wakeful.rules.events import ChildAdded, ChildRemoved, Pause, RestartChild, ResumeChild, StopChild, Unpause
from wakeful.rules.lives import stop
from wakeful.rules.roster import Charge, Roster

CHILDREN_EACH = 8
"""Sessions spawned by sessions aren't counted in `max_running`; there may be so many times as many of them."""


def add_child(roster: Roster, event: ChildAdded) -> None:
    """A spawned child; a name is free again when its child is over."""
    name, limit = event.plan.name, roster.plan.max_children
    there = roster.charges.get(name)
    if roster.stopping is not None:
        roster.say(Refuse(name, "stopping", f"{roster.plan.name} is stopping"))
    elif name in roster.order:
        roster.say(Refuse(name, "alive", f"{name!r} is a child of the tree; restart it instead"))
    elif there is not None and (not there.state.over or there.state.live):
        roster.say(Refuse(name, "alive", f"there is a child {name!r} already ({there.state.status})"))
    elif limit is not None and (count := sum(not other.state.over for other in roster.charges.values())) >= limit:
        roster.say(Refuse(name, "limit", f"{count} of at most {limit} children aren't finished"))
    elif (full := _full(roster, event)) is not None:
        roster.say(Refuse(name, "limit", full))
    else:
        last = max(event.incarnation, there.state.incarnation if there else 0)
        state = ChildState(name, incarnation=last, dynamic=True, exempt=event.exempt, run_open=event.goes_on)
        state.next_why = "resume" if event.goes_on else "start"
        charge = Charge(event.plan, state)
        roster.add(charge, "waiting")
        roster.touch(charge)


def _full(roster: Roster, event: ChildAdded) -> str | None:
    """Why no more may run at once, None if one may, or if it waits for its turn."""
    room = roster.plan.max_running
    if event.exempt:
        count = sum(charge.state.exempt and not charge.state.over for charge in roster.spawned())
        limit = room * CHILDREN_EACH
        return f"{count} of at most {limit} sessions that sessions have spawned run" if count >= limit else None
    running = [
        charge
        for charge in roster.spawned()
        if not charge.state.exempt and not charge.state.over and charge.state.status != "review"
    ]
    if event.waits or len(running) < room:
        return None
    return f"{len(running)} of at most {room} sessions run (max_running); wait for one to end, or stop one"


def remove_child(roster: Roster, event: ChildRemoved) -> None:
    """OTP's terminate_child and delete_child in one."""
    charge = _asked(roster, event.child)
    if charge is None:
        return
    charge.state.forget = True
    reason = ExitReason(kind="stop", what="removed")
    if not charge.state.live:
        roster.close(charge, "done", "killed", str(reason))
    else:
        _stop_living(roster, charge, reason)


def stop_child(roster: Roster, event: StopChild) -> None:
    """OTP's terminate_child, for good."""
    charge = _asked(roster, event.child)
    if charge is None:
        return
    if charge.state.live:
        _stop_living(roster, charge, event.reason)
    elif charge.state.over:
        roster.say(Refuse(event.child, "state", f"{event.child} is {charge.state.status} already"))
    else:
        outcome: Outcome = "timeout" if event.reason.kind == "run_timeout" else "killed"
        roster.close(charge, "done", outcome, str(event.reason))


def _stop_living(roster: Roster, charge: Charge, reason: ExitReason) -> None:
    """The order sticks to a life that is being ended for another reason."""
    state = charge.state
    state.sibling = state.again = False
    if charge.occupied and state.status != "stopping":
        stop(roster, charge, reason)
    elif state.ordered is None or state.ordered.kind in ("restart", "sibling"):
        state.ordered = reason
        roster.touch(charge)


def restart_child(roster: Roster, event: RestartChild) -> None:
    """A person's restart. Siblings aren't drawn in."""
    charge = _asked(roster, event.child)
    if charge is None:
        return
    state = charge.state
    if roster.stopping is not None:
        roster.say(Refuse(event.child, "stopping", f"{roster.plan.name} is stopping"))
    elif state.unkillable:
        roster.say(Refuse(event.child, "state", state.why))
    elif state.live:
        _restart_living(roster, charge)
    else:
        _begin_anew(roster, charge, None)


def _restart_living(roster: Roster, charge: Charge) -> None:
    state = charge.state
    reason = ExitReason(kind="restart", what="a person restarts it")
    _clear(charge)
    state.again = True
    if state.status != "stopping":
        stop(roster, charge, reason)
    else:
        state.ordered = reason
        roster.touch(charge)


def resume_child(roster: Roster, event: ResumeChild) -> None:
    """Let it go on, from the checkpoint a person chose."""
    charge = _asked(roster, event.child)
    if charge is None:
        return
    state = charge.state
    if state.unkillable:
        roster.say(Refuse(event.child, "state", state.why))
    elif state.live or state.over:
        roster.say(Refuse(event.child, "state", f"{event.child} is {state.status}; only what waits can be resumed"))
    else:
        _begin_anew(roster, charge, event.from_seq)


def _begin_anew(roster: Roster, charge: Charge, from_seq: int | None) -> None:
    state = charge.state
    _clear(charge)
    state.from_seq, state.next_at, state.held = from_seq, None, False
    state.next_why = "resume" if state.run_open else "start"
    roster.unpark(charge)
    roster.enter(charge, "waiting")
    roster.touch(charge)


def _clear(charge: Charge) -> None:
    """A person has looked at it: the counters begin anew."""
    state = charge.state
    state.failures_in_a_row = state.attempts = state.fruitless = 0
    state.recent, state.from_seq = (), None


def pause(roster: Roster, event: Pause | Unpause) -> None:
    """One child, or all of them and those to come."""
    on = isinstance(event, Pause)
    if event.child is None:
        roster.paused = on
        for charge in roster.charges.values():
            if not on and charge.state.paused:
                charge.state.paused = False
                roster.touch(charge)
        roster.note("paused" if on else "unpaused", None)
        return
    charge_or_none = _asked(roster, event.child)
    if charge_or_none is not None:
        charge_or_none.state.paused = on
        roster.note("paused" if on else "unpaused", charge_or_none)
        roster.touch(charge_or_none)


def _asked(roster: Roster, name: str) -> Charge | None:
    charge = roster.charges.get(name)
    if charge is None:
        roster.say(Refuse(name, "unknown", f"{roster.plan.name} has no child {name!r}"))
    return charge
