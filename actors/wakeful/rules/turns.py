"""Whose turn it is: who stops next, who may start now."""

from __future__ import annotations

from collections.abc import Iterable

from wakeful.exits import ExitReason
from wakeful.rules.lives import launch, press, pressed_at, stop
from wakeful.rules.roster import Charge, Roster


def stop_due(roster: Roster) -> ExitReason | None:
    """Order the stops that are due; in reverse order of start, one after the other, spawned ones together.

    Returns:
        What the supervisor has finished with, once it has.
    """
    for name in tuple(roster.stoppers):
        press(roster, roster.charges[name])
    if roster.stopping is not None:
        return _stop_all(roster, roster.stopping)
    if roster.plan.strategy != "one_for_one":
        _stop_next_sibling(roster)
    return None


def _stop_all(roster: Roster, why: ExitReason) -> ExitReason | None:
    reason = ExitReason(kind="shutdown", what=why.what or why.kind, at=why.at)
    spawned = [charge for charge in roster.spawned() if charge.occupied]
    for charge in spawned:
        if charge.state.status != "stopping":
            stop(roster, charge, reason)
    if spawned:
        return None
    last = _last(charge for charge in roster.tree() if charge.occupied)
    if last is None:
        for charge in roster.charges.values():
            if not charge.state.over:
                roster.end_orphans(charge, why.what or why.kind)
        return why
    if last.state.status != "stopping":
        stop(roster, last, reason)
    return None


def _stop_next_sibling(roster: Roster) -> None:
    last = _last(charge for charge in roster.tree() if charge.state.sibling and charge.occupied)
    if last is not None and last.state.status != "stopping":
        stop(roster, last, ExitReason(kind="sibling", what=f"a sibling in {roster.plan.name} is being restarted"))


def _last(charges: Iterable[Charge]) -> Charge | None:
    return next(reversed(tuple(charges)), None)


def start_due(roster: Roster) -> None:
    """Launch whoever's turn it is."""
    if roster.stopping is not None or not (roster.hasty or roster.queued):
        return
    in_order = roster.plan.strategy != "one_for_one"
    if in_order:
        _start_in_order(roster)
    _start_in_parallel(roster, skip=frozenset(roster.order) if in_order else frozenset())


def _start_in_order(roster: Roster) -> None:
    """Start the first one that is down and due; the ones behind it wait until it is READY or out of the way."""
    if any(charge.state.sibling and charge.occupied for charge in roster.tree()):
        return
    for charge in roster.tree():
        if charge.occupied:
            if charge.state.status != "running":
                return
        elif charge.wants and not roster.suspended(charge):
            if _due(roster, charge):
                launch(roster, charge)
                return
            if not charge.state.held:
                return


def _start_in_parallel(roster: Roster, skip: frozenset[str]) -> None:
    """Start all that are due: restarts at once, others as far as there is room.

    A restart isn't held up by slow starters: a crashed session's first restart is at once (design §6).
    """
    for name in tuple(roster.hasty):
        if name not in skip:
            _start(roster, roster.charges[name])
    for name in tuple(roster.queued) if len(roster.starting) < roster.parallel else ():
        if name not in skip:
            _start(roster, roster.charges[name])
        if len(roster.starting) >= roster.parallel:
            return


def _start(roster: Roster, charge: Charge) -> None:
    """Start it if it is due and `max_running` allows."""
    if not _due(roster, charge) or roster.suspended(charge):
        return
    limited = charge.state.dynamic and not charge.state.exempt and charge.state.status != "backoff"
    if not limited or _begun(roster) < roster.plan.max_running:
        launch(roster, charge)


def _begun(roster: Roster) -> int:
    """How many spawned children count against `max_running`."""
    return sum(
        not charge.state.exempt and (charge.state.live or charge.state.status == "backoff")
        for charge in roster.spawned()
    )


def _due(roster: Roster, charge: Charge) -> bool:
    return charge.state.next_at is None or charge.state.next_at <= roster.now


def wake_at(roster: Roster) -> float | None:
    """When time alone will give something to do."""
    times = [pressed_at(roster.charges[name]) for name in roster.stoppers]
    if roster.stopping is None:
        waiting = (roster.charges[name] for name in (*roster.hasty, *roster.queued))
        times += [charge.state.next_at for charge in waiting if not roster.suspended(charge)]
    return min((at for at in times if at is not None and at > roster.now), default=None)
