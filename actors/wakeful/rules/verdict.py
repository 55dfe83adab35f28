"""Is it alive? From facts to a verdict; pure."""

from __future__ import annotations

from wakeful.exits import Verdict
from wakeful.policy import Heartbeat
from wakeful.rules.facts import Facts
from wakeful.rules.judgement import Judgement


def judge(facts: Facts, policy: Heartbeat, now: float) -> Judgement:
    """The verdict on one child, and when to probe, look and judge again.

    Call it whenever a fact changed, and at `judge_at`. Drain all sockets first: an answer that waits unread is an
    answer.

    Args:
        facts: what is known of it.
        policy: its Heartbeat; for a session `Heartbeat.for_session()`.
        now: monotonic seconds.
    """
    if facts.exit or facts.gone:
        return Judgement(Verdict.EXITED, False, False, False, now, 0.0, "it exited", now + policy.every)
    probe_at = (facts.probed_at if facts.probed_at is not None else facts.watched_at) + policy.every
    return Judgement(Verdict.HEALTHY, False, False, False, now, 0.0, "healthy", probe_at, probe_at)
