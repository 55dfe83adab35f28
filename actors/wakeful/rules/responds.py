"""The second clock: does the interpreter run, does the main loop turn?"""

from __future__ import annotations

from wakeful.exits import Verdict
from wakeful.rules import starvation, words
from wakeful.rules.case import Case, Finding, Window
from wakeful.rules.facts import Look

POLLING = ("poll", "epoll", "select", "recv", "read", "accept")
"""System calls a control thread waits in for messages; with no answer, its lane is broken, not its process."""

EFFECTIVE = 0.8
"""Share of a silence that must be left when the waits for a CPU are taken off; a fifth is noise of a loaded machine."""


def silent(case: Case, window: Window, *, confirmed: bool = True) -> Finding | None:
    """The control thread does not answer; None while that means nothing yet.

    Args:
        case: the child.
        window: the silence: from the unanswered probe (or what excused it until then), and its limit.
        confirmed: a confirming probe must fail too.
    """
    facts, now = case.facts, case.now
    if now < window.first_look:
        case.agenda.judge(window.first_look)
        return None
    look = case.look_since(window.first_look)
    if now < window.suspect_at:
        case.agenda.judge(window.suspect_at)
        return None
    since, limit = window.start, window.limit
    suspicion = Finding(Verdict.BUSY, since, limit, words.silent(now - since, limit))
    end = window.end
    if confirmed:
        confirming = next((probe for probe in facts.probes if probe.sent_at >= window.suspect_at), None)
        if confirming is None:
            case.agenda.probe(now)
        end = max(end, (confirming.sent_at if confirming else now) + window.confirmation / 2)
    if now < end:
        case.agenda.judge(end)
        case.look_since(window.suspect_at)
        return suspicion
    look = case.look_since(end)
    if look is None:
        return suspicion
    return starved(case, window) or _silent_verdict(case, window, look)


def blocked(case: Case, window: Window) -> Finding | None:
    """The control thread answers, the main loop does not turn; None while that means nothing yet.

    Args:
        case: the child; its latest answer shows a no-op that has not run.
        window: from the no-op that has not run, and the limit.
    """
    facts, now = case.facts, case.now
    if now < window.first_look:
        case.agenda.judge(window.first_look)
        return None
    fresh = asked_again(case, window, window.first_look)
    if now < window.suspect_at:
        case.agenda.judge(window.suspect_at)
        return None
    since, limit = window.start, window.limit
    suspicion = Finding(Verdict.BUSY, since, limit, words.loop_busy(now - since, limit))
    fresh = fresh and asked_again(case, window, window.suspect_at)
    if now < window.ask_at or not fresh:
        case.agenda.judge(window.ask_at)
        return suspicion
    if not asked_again(case, window, window.ask_at):
        return suspicion
    no_cpu = starved(case, window)
    if no_cpu:
        return no_cpu
    if starvation.seen_twice(facts.looks, since, "D"):
        return Finding(Verdict.UNINTERRUPTIBLE, since, limit, words.uninterruptible(now - since), killing=True)
    share = starvation.cpu_share(facts.looks, since)
    main = facts.looks[-1].main
    return Finding(Verdict.LOOP_BLOCKED, since, limit, words.loop_blocked(now - since, share, main), killing=True)


def asked_again(case: Case, window: Window, stage: float) -> bool:
    """Whether there is an answer to a probe sent since this stage, and a look; both are wanted if not.

    Every answer dates the block anew by some milliseconds (its own travel), so half the lead is allowed.
    """
    answer, at = case.facts.answer, stage - window.lead / 2
    seen = case.look_since(at) is not None
    if answer is not None and answer.sent_at >= at:
        return seen
    case.probe_since(at)
    return False


def starved(case: Case, window: Window) -> Finding | None:
    """Its silence is not its own: effective silence is wall time less the time it waited for a CPU."""
    looks, now = case.facts.looks, case.now
    if now >= window.alibi_end:
        return None
    wall = now - window.start
    lost = starvation.lost_of(wall, looks, window.start)
    wants = starvation.wants_cpu(looks, window.start)
    missing = window.limit * EFFECTIVE - (wall - lost)
    if missing <= 0 and not wants:
        return None
    again = looks[-1].at + window.confirmation / 2
    case.agenda.look(again)
    case.agenda.probe((case.facts.probed_at or now) + window.limit)  # each one more is work for who has no CPU
    case.agenda.judge(again)
    text = words.starved(wall, lost, wants_cpu=wants)
    return Finding(Verdict.STARVED, window.start, window.limit, text, alert=wall >= 2 * window.limit)


def _silent_verdict(case: Case, window: Window, look: Look) -> Finding:
    looks, now, since = case.facts.looks, case.now, window.start
    took = now - since
    if starvation.seen_twice(looks, since, "D"):
        return Finding(Verdict.UNINTERRUPTIBLE, since, window.limit, words.uninterruptible(took), killing=True)
    if _lane_broken(looks, since, look):
        text = words.control_lost(took, missing=look.control is None)
        return Finding(Verdict.CONTROL_LOST, since, window.limit, text, killing=True)
    text = words.wedged(took, starvation.cpu_share(looks, since))
    return Finding(Verdict.WEDGED, since, window.limit, text, killing=True)


def _lane_broken(looks: tuple[Look, ...], since: float, look: Look) -> bool:
    control = look.control
    if control is None:
        return look.threads_known
    where = control.syscall or control.wchan
    if where:
        return "futex" not in where and any(each in where for each in POLLING)
    first = next((each.control for each in looks if each.at >= since and each.control), None)
    if first is None or first.slices is None or control.slices is None or first is control:
        return False
    return control.slices == first.slices  # waiting for the GIL it would have woken up every 5 ms
