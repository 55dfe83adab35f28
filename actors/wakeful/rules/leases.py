"""Leases: promised silence. The latest end of the open ones is the only deadline."""

from __future__ import annotations

from dataclasses import replace

from wakeful.exits import Verdict
from wakeful.rules import words
from wakeful.rules.case import Case, Finding, Window
from wakeful.rules.facts import Facts, Lease
from wakeful.rules.responds import silent

GRACE = 1.0
"""Seconds after the end of a lease at which it is overdue (api.md)."""

_LAST_CALL = 0.1


def lease_end(facts: Facts, lease: Lease) -> float:
    """The lease's end, moved on by the time in which the monitor did not look."""
    return lease.until + facts.doubt.lost_since(lease.since)


def excused_until(facts: Facts) -> float | None:
    """Until when an open lease excuses a blocked loop or a held GIL; None if none does.

    A BlockingSession's main thread is its own: every lease of it excuses that.
    """
    pulse = facts.answer.pulse if facts.answer else None
    if pulse is None:
        return None
    ends = [pulse.blocking_until] if pulse.blocking_until is not None else []
    if pulse.lease and (pulse.lease.blocking or facts.kind == "blocking"):
        ends.append(pulse.lease.until)
    if not ends:
        return None
    since = pulse.lease.since if pulse.lease else max(ends)
    return max(ends) + facts.doubt.lost_since(since)


def overdue(case: Case, lease: Lease) -> Finding | None:
    """An open lease that has run out; None before its end.

    It must be seen open a second after its end, by a fresh answer. A lease that allows to hold the GIL can be seen
    without: who was silent before its end, and is silent still, can't have closed it.
    """
    facts, now = case.facts, case.now
    end = lease_end(facts, lease)
    silent_allowed = lease.blocking or facts.kind == "blocking"
    before = end - _LAST_CALL if silent_allowed else end
    if now < before:
        case.agenda.judge(before)
        return None
    if facts.answer is None or facts.answer.sent_at < before:
        case.probe_since(before)
    if now < end:
        case.agenda.judge(end)
        return None
    window = Window(facts.doubt.start(end), GRACE)
    suspicion = Finding(Verdict.OVERDUE, end, GRACE, words.overdue(lease, now))
    case.agenda.judge(window.ask_at if now < window.ask_at else window.end)
    if _seen_since(facts, window):
        return suspicion if now < window.ask_at else replace(suspicion, killing=True, cancellable=loop_turns(facts))
    if now >= window.ask_at:
        case.probe_since(window.ask_at - window.lead / 2)
    if silent_allowed and facts.probe is not None and facts.probe.sent_at < end:
        found = silent(case, window)
        if found and found.killing:
            return replace(suspicion, words=f"{suspicion.words}; {found.words}", killing=True)
        if found and found.verdict == Verdict.STARVED:
            return found
    return suspicion


def _seen_since(facts: Facts, window: Window) -> bool:
    return facts.answer is not None and facts.answer.sent_at >= window.ask_at - window.lead / 2


def loop_turns(facts: Facts) -> bool:
    """Whether the main loop ran all it was given when it was last asked, so that a cancel can reach `run`."""
    return facts.answer is not None and facts.answer.loop_age == 0
