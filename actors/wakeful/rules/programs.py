"""A program's signs of life: what is judged when its host answers and the program itself does not."""

from __future__ import annotations

from wakeful.exits import Verdict
from wakeful.rules import starvation, words
from wakeful.rules.case import Case, Finding, Window
from wakeful.rules.pulse import Program
from wakeful.rules.responds import asked_again, starved


def unwell(case: Case) -> Finding | None:
    """No sign of life for longer than promised; None while that means nothing yet.

    The host tells when it begins to miss one, so nothing is asked before that.
    """
    facts, now = case.facts, case.now
    program = facts.program
    if program is None or program.silent_since is None or facts.ready_at is None:
        return None
    window = Window(facts.doubt.start(max(program.silent_since, facts.ready_at)), program.within)
    since, limit = window.start, window.limit
    case.look_since(window.first_look)
    if now < window.suspect_at:
        case.agenda.judge(window.suspect_at)
        return None
    suspicion = Finding(Verdict.BUSY, since, limit, words.no_sign(now - since, program, None, None))
    if not asked_again(case, window, window.suspect_at) or now < window.ask_at:
        case.agenda.judge(window.ask_at)
        return suspicion
    if not asked_again(case, window, window.ask_at):
        return suspicion
    return starved(case, window) or _verdict(case, window, program)


def _verdict(case: Case, window: Window, program: Program) -> Finding:
    looks, took = case.facts.looks, case.now - window.start
    if starvation.seen_twice(looks, window.start, "D"):
        text = words.uninterruptible(took)
        return Finding(Verdict.UNINTERRUPTIBLE, window.start, window.limit, text, killing=True)
    share = starvation.cpu_share(looks, window.start)
    text = words.no_sign(took, program, share, looks[-1].main)
    return Finding(Verdict.LOOP_BLOCKED, window.start, window.limit, text, killing=True)
