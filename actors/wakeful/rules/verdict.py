"""Is it alive? From facts to a verdict; pure.

The order is that of the table that was measured: ended, stopped, starting, silent or blocked, overdue, no progress;
the first that has something to say is the verdict. Doubt and an absent store hold back what would kill.
"""

from __future__ import annotations

from dataclasses import replace

from wakeful.exits import Verdict
from wakeful.policy import Heartbeat
from wakeful.rules import starvation, words
from wakeful.rules.case import Agenda, Case, Finding, Window
from wakeful.rules.facts import Answer, Facts
from wakeful.rules.judgement import Judgement
from wakeful.rules.leases import GRACE, excused_until, overdue
from wakeful.rules.programs import unwell
from wakeful.rules.progresses import clock, limit_of_silence, may_kill, standing
from wakeful.rules.responds import blocked, silent

_STORE_RETRY = 1.0
_SHORTEST = 0.01

BRIEF = 1.0
"""Seconds a wait for the store may take until people are told of it."""

STARTUP_NOISE = 0.1
"""Share of `startup` a life may wait for a CPU without being called starved."""


def judge(facts: Facts, policy: Heartbeat, now: float) -> Judgement:
    """The verdict on one child, and when to probe, look and judge again.

    Call it whenever a fact changed, and at `judge_at`. Drain all sockets first: an answer that waits unread is an
    answer.

    Args:
        facts: what is known of it.
        policy: its Heartbeat; for a session `Heartbeat.for_session()`.
        now: monotonic seconds.
    """
    case = Case(facts, policy, now, Agenda(judge_at=now + policy.every))
    if facts.exit or facts.gone:
        return _judgement(case, Finding(Verdict.EXITED, now, 0.0, words.exited(facts.exit), suspect=False))
    if facts.stopping:
        return _judgement(case, Finding(Verdict.BUSY, now, 0.0, words.STOPPING, suspect=False))
    _regular_probe(case)
    found = _dying(case) or _stopped(case) or _starting(case) or _responding(case) or _progressing(case)
    return _judgement(case, _held(case, found) if found else _calm(case))


def _regular_probe(case: Case) -> None:
    """Every `every`, from the first hello on; and at once after a rebase.

    A silent child is asked no oftener than its timeout, in case a probe was lost.
    """
    facts = case.facts
    if facts.answer is None:
        return
    last = facts.probed_at if facts.probed_at is not None else facts.answer.at
    rebased = facts.doubt.at
    pause = max(case.policy.every, case.policy.timeout) if facts.probes else case.policy.every
    due = case.now if rebased is not None and last < rebased else last + pause
    case.agenda.probe(due)
    case.agenda.judge(max(due, case.now))


def _dying(case: Case) -> Finding | None:
    """Its main thread is dead: the exit report is on its way, unless another thread outlives it for ever."""
    facts, now = case.facts, case.now
    last = facts.looks[-1] if facts.looks else None
    if last is None or last.main.state not in "XZ" or (facts.answer is not None and facts.answer.at >= last.at):
        return None
    first = next(look for look in facts.looks if look.main.state in "XZ")
    window = Window(first.at, case.policy.timeout)
    if now >= window.alibi_end:
        return None
    case.agenda.judge(window.alibi_end)
    return Finding(Verdict.EXITED, first.at, 0.0, words.exited(None))


def _stopped(case: Case) -> Finding | None:
    facts, now = case.facts, case.now
    last = facts.looks[-1] if facts.looks else None
    if last is not None and facts.answer is not None and facts.answer.at >= last.at:
        last = None  # it has answered since
    signalled_at = facts.stopped_at
    if signalled_at is None and facts.program is not None:
        signalled_at = facts.program.stopped_at
    if last is not None and last.main.state in "Tt":
        first = next(look for look in reversed(facts.looks) if look.main.state in "Tt")
        began = min(each for each in (signalled_at, _silent_since(facts), first.at) if each is not None)
    elif signalled_at is not None and (last is None or last.at < signalled_at):
        began = signalled_at
    else:
        return None
    window = Window(facts.doubt.start(began), case.policy.timeout)
    text = words.stopped(now - began, window.limit, traced=last is not None and last.main.state == "t")
    suspicion = Finding(Verdict.STOPPED, began, window.limit, text)
    case.agenda.judge(window.end)
    if now < window.end or case.look_since(window.end) is None:
        return suspicion
    return replace(suspicion, killing=True)


def _silent_since(facts: Facts) -> float | None:
    return facts.probe.sent_at if facts.probe else None


def _starting(case: Case) -> Finding | None:
    """Import and `on_start` may block and hold the GIL: only the startup deadline judges them."""
    facts, now = case.facts, case.now
    if facts.ready_at is not None:
        return None
    began = max(facts.launched_at, facts.watched_at)
    window = Window(began + facts.doubt.lost_since(began), _startup(case, began))
    if now < window.suspect_at:
        half = began + window.limit / 2
        case.agenda.judge(window.suspect_at if now >= half else half)
        if now >= half:
            case.look_since(half)
        return None
    suspicion = Finding(Verdict.STARTING, began, window.limit, words.starting(now - began, window.limit))
    case.agenda.judge(window.end)
    case.look_since(window.suspect_at)
    if now < window.end or case.look_since(window.end) is None:
        return suspicion
    lost = starvation.waited(facts.looks, began)
    if lost > STARTUP_NOISE * window.limit and now - lost < window.end and now < window.alibi_end:
        again = now + window.confirmation
        case.agenda.judge(again)
        case.agenda.look(again)
        text = words.starved(now - began, lost, wants_cpu=False)
        return Finding(Verdict.STARVED, began, window.limit, text, alert=now - began >= 2 * window.limit)
    return replace(suspicion, words=words.start_failed(now - began, window.limit), killing=True)


def _startup(case: Case, began: float) -> float:
    """A program may ask for longer while it starts (EXTEND_TIMEOUT_USEC, sd_notify(3))."""
    answer = case.facts.answer
    lease = answer.pulse.lease if answer is not None and case.facts.kind == "command" else None
    return max(case.policy.startup, lease.until - began) if lease is not None else case.policy.startup


def _responding(case: Case) -> Finding | None:
    facts, policy = case.facts, case.policy
    if facts.ready_at is None:
        return None
    if facts.answer is None:  # adopted, and it has not said hello to this monitor: it dials anew in milliseconds
        window = Window(facts.doubt.start(facts.watched_at), policy.every + policy.timeout)
        return silent(case, window, confirmed=False)
    if facts.probe is not None:
        # What it was silent or blocked for while it started, `startup` has judged. Who answers earlier probes in turn,
        # however late, is not silent.
        return _silent(case, max(facts.probe.sent_at, facts.ready_at, facts.answer.at))
    if facts.answer.pulse.state == "stopping":
        return None
    if facts.answer.loop_age <= 0 or facts.kind == "blocking":
        return unwell(case)
    began = max(facts.answer.at - facts.answer.loop_age, facts.ready_at)
    excused = excused_until(facts)
    if excused is not None:
        case.agenda.judge(excused)
        began = max(began, excused + GRACE)
    return blocked(case, Window(facts.doubt.start(began), policy.timeout))


def _silent(case: Case, sent_at: float) -> Finding | None:
    facts, policy = case.facts, case.policy
    began = facts.doubt.start(sent_at)
    if facts.kind == "blocking":
        return _silent_blocking(case, began)
    excused = excused_until(facts)
    if excused is not None:
        began = max(began, excused + GRACE)
    return silent(case, Window(began, policy.timeout))


def _silent_blocking(case: Case, began: float) -> Finding | None:
    """Its main thread may hold the GIL as long as progress and leases allow; only a lost control thread can't wait."""
    found = silent(case, Window(began, case.policy.timeout))
    if found is None or found.verdict == Verdict.CONTROL_LOST:
        return found
    limit = limit_of_silence(case)
    if limit is None or case.now < limit:
        case.agenda.judge(case.now + case.policy.every if limit is None else limit)
        return None
    return found if may_kill(case) else replace(found, killing=False, alert=True)


def _progressing(case: Case) -> Finding | None:
    facts = case.facts
    if facts.ready_at is None or facts.answer is None:
        return None
    lease = facts.answer.pulse.lease
    if lease is not None:
        return overdue(case, lease)
    return standing(case)


def _calm(case: Case) -> Finding:
    facts, now = case.facts, case.now
    if facts.ready_at is None:
        launch = max(facts.launched_at, facts.watched_at)
        limit = _startup(case, launch)
        return Finding(Verdict.STARTING, launch, limit, words.starting(now - launch, limit), suspect=False)
    if facts.answer is None:
        return Finding(Verdict.HEALTHY, now, 0.0, words.HEALTHY, suspect=False)
    pulse = facts.answer.pulse
    if pulse.lease is not None:
        return Finding(Verdict.WAITING, pulse.lease.since, 0.0, words.leased(pulse.lease, now), suspect=False)
    if pulse.progress_stands and not _brief(facts.answer) and facts.kind not in ("actor", "node"):
        return Finding(Verdict.WAITING, facts.answer.at, 0.0, words.waiting(pulse.waiting_for), suspect=False)
    began = clock(facts)
    if began is not None and facts.pace.slow(now - facts.doubt.lost_since(began)):
        step, usual = now - (facts.pace.at or began), facts.pace.usual or 0.0
        return Finding(Verdict.SLOW, began, 0.0, words.slow(step, usual), suspect=False, alert=True)
    if facts.kind == "blocking" and facts.probe and now - facts.probe.sent_at > case.policy.timeout / 4:
        took = now - facts.probe.sent_at
        return Finding(Verdict.BUSY, facts.probe.sent_at, 0.0, words.excused(took), suspect=False)
    if facts.answer.loop_age > 0 or (facts.probe and now - facts.probe.sent_at > case.policy.timeout / 4):
        return Finding(Verdict.BUSY, facts.answer.at - facts.answer.loop_age, 0.0, words.BUSY, suspect=False)
    return Finding(Verdict.HEALTHY, now, 0.0, words.HEALTHY, suspect=False)


def _brief(answer: Answer) -> bool:
    """Each checkpoint waits for the store for a moment: too short to be shown as a wait."""
    pulse = answer.pulse
    return pulse.waiting_for == "store" and pulse.waits_since is not None and answer.at - pulse.waits_since < BRIEF


def _held(case: Case, found: Finding) -> Finding:
    """What the doubt of the monitor, or an absent store, holds back; the reason is appended to the words."""
    if not found.killing:
        return found
    until = case.facts.doubt.until(case.policy.every, case.policy.timeout)
    if case.now < until:
        case.agenda.judge(until)
        held = words.held_by_doubt(until - case.now, case.facts.doubt.why)
    elif case.facts.store_away:
        case.agenda.judge(case.now + _STORE_RETRY)
        held = words.HELD_BY_STORE
    else:
        return found
    return replace(found, killing=False, suspect=True, held=held)


def _judgement(case: Case, found: Finding) -> Judgement:
    agenda = case.agenda
    return Judgement(
        verdict=found.verdict,
        killing=found.killing,
        suspect=found.suspect,
        alert=found.alert,
        since=found.since,
        threshold=found.threshold,
        words=found.words,
        judge_at=max(agenda.judge_at, case.now + _SHORTEST),
        probe_at=agenda.probe_at,
        look_at=agenda.look_at,
        cancellable=found.cancellable,
        held=found.held,
    )
