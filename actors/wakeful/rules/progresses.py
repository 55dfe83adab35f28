"""The third clock: does it get anywhere? Only the run's own acts move it."""

from __future__ import annotations

from wakeful.exits import Verdict
from wakeful.rules import starvation, words
from wakeful.rules.case import ALIBI, Case, Finding, Window
from wakeful.rules.facts import Answer, Facts
from wakeful.rules.leases import lease_end, loop_turns
from wakeful.rules.responds import EFFECTIVE

LONGEST_LOOK = 0.25
"""Seconds over which a standstill is told from a livelock, by the CPU it uses."""


def clock(facts: Facts) -> float | None:
    """Where the progress clock began to run (monotonic); None while it stands still or has not started."""
    answer = facts.answer
    if answer is None or facts.ready_at is None:
        return None
    pulse = answer.pulse
    began = max(pulse.progress_at, facts.ready_at)
    if facts.kind in ("actor", "node"):
        if pulse.in_hand_since is None:
            return None
        began = max(began, pulse.in_hand_since)
    elif pulse.progress_stands:
        waits = _waits_in_vain(facts)
        if waits is None:
            return None
        began = max(facts.ready_at, waits)
    return began + facts.doubt.lost_since(began)


def _waits_in_vain(facts: Facts) -> float | None:
    """Since when it has waited for a store that answers others; None if that can't be said.

    The time since the store last proved to answer is not held against the child.
    """
    pulse = facts.answer.pulse if facts.answer else None
    if pulse is None or pulse.waiting_for != "store" or pulse.waits_since is None:
        return None
    if facts.store_away or facts.store_back_at is None:
        return None
    return max(pulse.waits_since, facts.store_back_at) + facts.store_unproven


def may_kill(case: Case) -> bool:
    """Without a chosen limit, a run that never reported progress is told of, not ended (api.md)."""
    answer = case.facts.answer
    return case.policy.progress_given or (answer is not None and answer.pulse.progress_reported)


def limit_of_silence(case: Case) -> float | None:
    """When a silent BlockingSession has used up its progress limit, as far as can be known; None: it has none.

    Its clock may have moved since its last answer, and a lease may have been closed until its end.
    """
    facts = case.facts
    if facts.answer is None or case.policy.progress is None:
        return None
    began = clock(facts)
    lease = facts.answer.pulse.lease
    starts = [facts.answer.at if began is None else began, *([lease_end(facts, lease)] if lease else [])]
    return max(starts) + case.policy.progress


def standing(case: Case) -> Finding | None:
    """No act of its own for too long; None before the last look, and where no limit holds."""
    facts, policy, now = case.facts, case.policy, case.now
    began = clock(facts)
    if began is None or policy.progress is None or facts.answer is None:
        return None
    if facts.program is not None and facts.program.within > 0 and not may_kill(case):
        return None  # a server that proves to be alive, and never spoke of getting anywhere
    limit = policy.progress
    due = began + limit
    look_from = due - min(LONGEST_LOOK, limit / 10)
    if now < look_from:
        baseline = Window(began, limit).first_look
        case.agenda.judge(look_from if now >= baseline else baseline)
        if now >= baseline:
            case.look_since(baseline)
        return None
    suspicion = Finding(Verdict.NO_PROGRESS, began, limit, _words(case, began))
    case.look_since(look_from)
    ask_at = Window(began, limit).ask_at
    if now < ask_at:
        case.agenda.judge(ask_at)
        return suspicion
    case.agenda.judge(due if now < due else now + policy.every)
    if facts.answer.sent_at < ask_at:
        case.probe_since(ask_at)
        return suspicion
    if now < due or case.look_since(ask_at) is None:
        return suspicion
    return _starved(case, began) or _verdict(case, began, look_from, facts.answer)


def _verdict(case: Case, began: float, look_from: float, answer: Answer) -> Finding:
    limit, judged = case.policy.progress or 0.0, may_kill(case)
    share = starvation.runnable_share(case.facts.looks, look_from)
    spins = share is not None and share >= starvation.SPINNING
    verdict = Verdict.LIVELOCK if spins else Verdict.NO_PROGRESS
    text = words.livelock(case.now - began, limit, share) if spins and share else _words(case, began)
    return Finding(verdict, began, limit, text, killing=judged, alert=not judged, cancellable=loop_turns(case.facts))


def _starved(case: Case, began: float) -> Finding | None:
    """It had no CPU to get anywhere with: the time it waited for one is taken off, as with any silence."""
    looks, now, limit = case.facts.looks, case.now, case.policy.progress or 0.0
    lost = starvation.waited(looks, began)
    if now - began - lost >= EFFECTIVE * limit or now >= began + limit + max(ALIBI, limit):
        return None
    again = looks[-1].at + LONGEST_LOOK
    case.agenda.judge(again)
    case.agenda.look(again)
    case.agenda.probe(again)
    text = words.starved(now - began, lost, wants_cpu=False)
    return Finding(Verdict.STARVED, began, limit, text, alert=now - began >= 2 * limit)


def _words(case: Case, began: float) -> str:
    actor = case.facts.kind in ("actor", "node")
    return words.no_progress(case.now - began, case.policy.progress or 0.0, actor=actor, judged=may_kill(case))
