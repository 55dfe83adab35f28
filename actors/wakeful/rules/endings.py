"""What follows the end of a life: the restart types, the limits, review, and who is drawn in."""

from __future__ import annotations

from wakeful.exits import ExitReason
from wakeful.rules.commands import EndLife, Outcome, Park
from wakeful.rules.restarts import back_off, draw, exhausted, in_window, next_start
from wakeful.rules.roster import NODE_KINDS, RUNS, Charge, Roster
from wakeful.rules.strategies import drawn_in

RUN_AGAIN = 1.0
"""New runs of a permanent session that returns begin at least so many seconds apart."""

STEADY = 5.0
"""A supervisor or a process of the node's own that was ready for so long starts its next back-off anew."""

SHORTEST_PAUSE = 1.0
"""The shortest pause `RetryAfter` gets, seconds."""

_JUDGED = ("session", "actor", "command")
_RAISED = ("error", "fatal", "start_failed", "exited", "retry_after", "budget")


def ended(
    roster: Roster, charge: Charge, reason: ExitReason, *, empty: bool, checkpoints: tuple[int, ...] | None
) -> None:
    """A life was reported gone; or, not `empty`, that it can't be ended."""
    state = charge.state
    if checkpoints is not None:
        top = max(state.checkpoints, default=0)
        state.progressed |= max(checkpoints, default=0) > max(top, state.resumed)
        state.checkpoints = tuple(sorted(checkpoints))[-6:]
    if empty:
        settle(roster, charge, reason)
    elif not state.unkillable:
        strand(roster, charge, reason)


def strand(roster: Roster, charge: Charge, reason: ExitReason) -> None:
    """Nothing new may start in its place: something of it may still act."""
    state = charge.state
    if state.condemned is None and state.ordered is None:
        state.condemned = reason
    state.unkillable, state.next_at, state.sibling = True, None, False
    state.why = f"unkillable: {state.condemned or state.ordered}"
    roster.enter(charge, "review")
    roster.say(Park(charge.name, state.why, ExitReason(kind="unkillable", what=reason.what, at=reason.at)))
    roster.note("unkillable", charge, kind=reason.kind, what=reason.what)
    roster.touch(charge)
    if state.ordered is None and charge.plan.restart != "temporary":
        draw_in(roster, charge)


def settle(roster: Roster, charge: Charge, reason: ExitReason) -> None:
    """Decide what comes after a life of which nothing is left."""
    state = charge.state
    order, condemned, stranded = state.ordered, state.condemned, state.unkillable
    flagged = state.sibling
    frozen = condemned or order
    if frozen is not None and reason.kind not in ("returned", frozen.kind):  # the same kind: told with its evidence
        reason = frozen
    if stranded:
        roster.unpark(charge)
    state.live = state.unkillable = False
    state.ordered = state.condemned = state.stop_at = state.killed_at = None
    _count(roster, charge, reason)
    state.last = reason.model_copy(update={"in_a_row": state.failures_in_a_row if reason.failure else 0})
    roster.say(EndLife(charge.name, state.incarnation, state.last))
    roster.note(
        "exited", charge, kind=reason.kind, what=reason.what, failure=reason.failure, in_a_row=state.last.in_a_row
    )
    roster.touch(charge)
    if reason.kind == "returned":
        _returned(roster, charge, order, flagged)
    elif order or reason.kind in ("stop", "run_timeout"):
        _ordered(roster, charge, order or reason)
    else:
        _unordered(roster, charge, state.last, alone=flagged or stranded)


def _count(roster: Roster, charge: Charge, reason: ExitReason) -> None:
    state = charge.state
    held_for = roster.now - state.ready_at if state.ready_at is not None else 0.0
    kind = charge.plan.kind
    if kind == "actor" or (kind == "command" and state.resumed == 0):  # a server has no checkpoints to get past
        state.progressed |= held_for >= roster.plan.within
    elif kind not in RUNS:
        state.progressed |= held_for >= STEADY
    if state.progressed or reason.kind == "returned":
        state.failures_in_a_row = state.attempts = state.fruitless = 0
        state.from_seq = None
    elif reason.failure:
        state.failures_in_a_row += 1
        state.fruitless += state.resumed > 0


def _returned(roster: Roster, charge: Charge, order: ExitReason | None, flagged: bool) -> None:
    state = charge.state
    state.run_open = False
    by_person = order is not None and order.kind not in ("shutdown", "sibling", "restart")
    if charge.plan.restart != "permanent" or by_person or state.forget:
        roster.finish(charge, "done", "returned")
        if order is None:
            _perhaps_shut_down(roster, charge)
        return
    state.next_at = max(roster.now, (state.launched_at or roster.now) + RUN_AGAIN)
    state.next_why = "start"
    roster.enter(charge, "waiting")
    if order is None and not flagged:
        draw_in(roster, charge)


def _ordered(roster: Roster, charge: Charge, order: ExitReason) -> None:
    state = charge.state
    kind = order.kind
    goes_on = kind in ("shutdown", "sibling") and not state.forget
    temporary = charge.plan.restart == "temporary"
    if kind == "restart" and not state.forget:
        state.next_at, state.next_why, state.again = None, "restart", False
        roster.enter(charge, "waiting")
    elif goes_on and not temporary:
        state.next_at, state.next_why = None, "restart" if kind == "sibling" else "resume"
        state.sibling = False
        roster.enter(charge, "waiting")
    else:
        roster.close(charge, "done", "timeout" if kind == "run_timeout" else "killed", str(order))
        if kind == "shutdown" and temporary and charge.name in roster.charges:
            roster.enter(charge, "waiting")  # the next start of the node is a new start, not a restart


def _unordered(roster: Roster, charge: Charge, reason: ExitReason, *, alone: bool) -> None:
    state = charge.state
    if charge.plan.restart == "temporary":
        outcome: Outcome = "error" if reason.kind in _RAISED else "killed"
        roster.close(charge, "failed", outcome, str(reason))
        _perhaps_shut_down(roster, charge)
        return
    if reason.kind == "node_lost":  # nobody's restart: it goes on as if its supervisor had found it gone
        state.next_at, state.next_why, state.held = None, "resume", False
        roster.enter(charge, "waiting")
        return
    if reason.kind == "retry_after":
        state.next_at = roster.now + max(reason.delay or 0.0, SHORTEST_PAUSE)
        state.held, state.why, state.next_why = True, str(reason), "resume"
        roster.enter(charge, "waiting")
    elif (why := _review(charge, reason)) is not None:
        roster.park(charge, why, reason)
    else:
        _restart(roster, charge, reason)
    if not alone:
        draw_in(roster, charge)


def _review(charge: Charge, reason: ExitReason) -> str | None:
    """Why no restart can help, or None; chooses the checkpoint of the next life."""
    state, plan = charge.state, charge.plan
    if reason.kind == "fatal":
        return str(reason)
    if reason.kind == "budget":
        return f"its budget is spent: {reason.what}"
    if not reason.failure or plan.kind not in _JUDGED:
        return None
    if state.failures_in_a_row >= max(1, plan.failures_in_a_row):
        return f"{state.failures_in_a_row} failures in a row without progress; the last: {reason}"
    start = next_start(
        resumed=state.resumed,
        fruitless=state.fruitless,
        checkpoints=state.checkpoints,
        chosen=state.from_seq,
        idempotent=plan.idempotent,
    )
    if start == "review":
        return f"two resumes from checkpoint {state.resumed} made no progress, none is before it; the last: {reason}"
    state.from_seq = start
    return None


def _restart(roster: Roster, charge: Charge, reason: ExitReason) -> None:
    state, plan = charge.state, roster.plan
    limit = {"limit": plan.max_restarts, "within": plan.within}
    state.attempts += 1
    state.next_why = "restart"
    state.recent = in_window((*state.recent, roster.now), roster.now, plan.within)
    delay = back_off(state.attempts, draw(roster.seed, charge.name, state.incarnation))
    state.next_at, state.why = roster.now + delay, str(reason)
    roster.enter(charge, "backoff")
    if plan.on_exhausted == "escalate":
        roster.recent = in_window((*roster.recent, roster.now), roster.now, plan.within)
        over = exhausted(roster.recent, roster.now, limit=plan.max_restarts, within=plan.within)
        if over and roster.stopping is None:
            what = f"more than {plan.max_restarts} restarts in {plan.within:g} s; the last: {charge.name}, {reason}"
            roster.stopping = ExitReason(kind="error", what=what)
            roster.note("escalated", charge, what=what, **limit)
            return
    elif exhausted(state.recent, roster.now, limit=plan.max_restarts, within=plan.within):
        roster.note("escalated", charge, **limit)
        if charge.plan.kind not in NODE_KINDS:
            what = f"more than {plan.max_restarts} restarts in {plan.within:g} s; the last: {reason}"
            roster.park(charge, what, reason)
            return
    state.restarts += 1
    if charge.plan.recovery == "alert_first" and reason.failure:
        roster.park(charge, f"alert_first: {reason}", reason, until=roster.now + charge.plan.wait)


def draw_in(roster: Roster, charge: Charge) -> None:
    """Mark the siblings its restart draws in; they are stopped in reverse order before anything starts."""
    if roster.stopping is not None:
        return
    for name in drawn_in(roster.plan.strategy, roster.order, charge.name):
        sibling = roster.charges.get(name)
        if sibling is not None and sibling.occupied and sibling.state.ordered is None:
            sibling.state.sibling = True
            roster.touch(sibling)


def _perhaps_shut_down(roster: Roster, charge: Charge) -> None:
    """OTP's auto_shutdown: a significant child has ended by itself and won't be restarted."""
    mode = roster.plan.auto_shutdown
    if mode == "never" or not charge.plan.significant or roster.stopping is not None:
        return
    left = [other.name for other in roster.charges.values() if other.plan.significant and not other.state.over]
    if mode == "any_significant" or not left:
        roster.stopping = ExitReason(kind="returned", what=f"auto_shutdown: {charge.name} ended")
        roster.note("auto_shutdown", charge, mode=mode)
