"""What is learnt of a life while it lives."""

from __future__ import annotations

from wakeful.exits import ExitReason
from wakeful.rules.endings import settle
from wakeful.rules.events import Condemned, Launched, LaunchFailed, Progressed
from wakeful.rules.lives import kill, repeat
from wakeful.rules.restarts import back_off, draw
from wakeful.rules.roster import Charge, Roster

_SPOKEN = {"start": "spawned", "restart": "restarted", "resume": "resumed"}


def launched(roster: Roster, charge: Charge, event: Launched) -> None:
    """It is there; what it resumes from is known."""
    state = charge.state
    if event.resumed != state.resumed:
        state.fruitless = 0
    state.resumed = event.resumed
    if event.resumed and event.resumed not in state.checkpoints:
        state.checkpoints = tuple(sorted((*state.checkpoints, event.resumed)))[-6:]
    roster.note(_SPOKEN[state.next_why], charge, resumed=event.resumed, restarts=state.restarts)
    roster.touch(charge)
    if state.status == "stopping":
        repeat(roster, charge)  # the order may have come before there was a life to take it


def launch_failed(roster: Roster, charge: Charge, event: LaunchFailed) -> None:
    """No life came of it. That is no failure of the child, unless it `counts`."""
    state = charge.state
    state.incarnation = max(state.incarnation, event.last)
    state.run_open = event.begun or not state.new_run
    if event.counts or state.ordered is not None or state.condemned is not None:
        settle(roster, charge, ExitReason(kind="start_failed", what=event.why))
        return
    state.live, state.sibling = False, False
    state.attempts += event.last == 0
    delay = 0.0 if event.last else back_off(state.attempts + 1, draw(roster.seed, charge.name, state.incarnation))
    state.next_at, state.why = roster.now + delay, f"not launched: {event.why}"
    roster.enter(charge, "backoff")
    roster.note("launch_failed", charge, why=event.why, again_in=delay)
    roster.touch(charge)


def ready(roster: Roster, charge: Charge) -> None:
    state = charge.state
    if state.ready_at is None:
        state.ready_at = roster.now
        roster.note("ready", charge)
        roster.touch(charge)  # a hung life can't tell its next supervisor that its start is over
    if state.status == "starting":
        roster.enter(charge, "running")


def progressed(roster: Roster, charge: Charge, event: Progressed) -> None:
    """Its failures are no longer in a row."""
    state = charge.state
    if event.seq is not None:
        if event.seq <= max(state.resumed, max(state.checkpoints, default=0)):
            return
        state.checkpoints = (*state.checkpoints, event.seq)[-6:]
    if not state.progressed:
        state.progressed = True
        state.failures_in_a_row = state.attempts = state.fruitless = 0
        state.from_seq = None
        roster.touch(charge)


def condemned(roster: Roster, charge: Charge, event: Condemned) -> None:
    """A verdict: killed at once. The first one stands; under an order the order's reason does."""
    state = charge.state
    if state.unkillable or state.condemned is not None:
        return
    if state.ordered is None:
        state.condemned = event.reason
    kill(roster, charge, state.ordered or event.reason)


def emptied(roster: Roster, charge: Charge) -> None:
    """What could not be killed is gone: its child goes on where it stood."""
    if charge.state.unkillable:
        settle(roster, charge, ExitReason(kind="unkillable", what="gone after all"))
