"""Most answers of healthy children change nothing: they need no judgement of their own."""

from __future__ import annotations

from wakeful.exits import Verdict
from wakeful.rules.facts import Answer, Facts, Pulse
from wakeful.rules.judgement import Judgement

CALM = frozenset({Verdict.HEALTHY, Verdict.WAITING})


def is_routine(facts: Facts, judgement: Judgement | None, answer: Answer) -> bool:
    """Whether the judgement that is due anyway will do.

    Args:
        facts: what was known before this answer, the monitor's present doubt among it.
        judgement: the last one made of them.
        answer: to a probe that was waited for.
    """
    known = facts.answer
    if known is None or judgement is None or judgement.verdict not in CALM or facts.looks:
        return False
    if judgement.suspect or judgement.alert or facts.ready_at is None:
        return False
    return answer.loop_age == known.loop_age == 0.0 and _judged_by(answer.pulse) == _judged_by(known.pulse)


def _judged_by(pulse: Pulse) -> tuple[object, ...]:
    """What of an answer can bring a deadline nearer; an act of its own (`progress_at`) only moves one away."""
    own = (
        pulse.state,
        pulse.waiting_for,
        pulse.progress_stands,
        pulse.lease,
        pulse.blocking_until,
        pulse.in_hand_since,
    )
    return (*own, pulse.program)
