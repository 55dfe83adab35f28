"""The measured decision table, a row a line: the same facts, the same verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wakeful.exits import Verdict
from wakeful.policy import Heartbeat
from wakeful.rules.doubt import Doubt
from wakeful.rules.facts import (
    Answer,
    ExitReport,
    Facts,
    Lease,
    Look,
    Probe,
    Program,
    Pulse,
    ThreadLook,
    WatchedKind,
)
from wakeful.rules.judgement import POLICIES, Judgement
from wakeful.rules.verdict import judge

SENT = 100.0
NOW = SENT + 1.0
POLICY = Heartbeat(every=1, timeout=1, progress=30)
CONFIRM = Probe(2, SENT + 0.75)

POLL = ThreadLook("S", cpu=0.0, run_delay=0.0, slices=10, syscall="poll")
GIL = ThreadLook("S", cpu=0.0, run_delay=0.0, slices=10, syscall="futex")


def main(state: str, cpu: float = 0.0, syscall: str = "") -> ThreadLook:
    return ThreadLook(state, cpu=cpu, run_delay=0.0, syscall=syscall)


def looks(
    first: ThreadLook, last: ThreadLook, control: ThreadLook | None, then: ThreadLook | None = None
) -> tuple[Look, ...]:
    return (Look(SENT + 0.25, first, control), Look(SENT + 0.75, first, control), Look(NOW, last, then or control))


def silent(seen: tuple[Look, ...], kind: WatchedKind = "session", **more: object) -> Facts:
    """A probe and its confirmation unanswered for the whole timeout."""
    facts = Facts(
        kind,
        launched_at=0,
        watched_at=0,
        ready_at=1,
        probes=(Probe(1, SENT), CONFIRM),
        probed_at=CONFIRM.sent_at,
        answer=Answer(0, SENT - 1, SENT - 1, 0.0, Pulse(progress_at=SENT - 1)),
        looks=seen,
    )
    return replace(facts, **more)  # type: ignore[arg-type]


def answering(pulse: Pulse | None = None, loop_age: float = 0.0, seen: tuple[Look, ...] = ()) -> Facts:
    """A probe of just now was answered."""
    return Facts(
        "session",
        launched_at=0,
        watched_at=0,
        ready_at=1,
        probed_at=NOW - 0.01,
        answer=Answer(3, NOW - 0.01, NOW, loop_age, pulse or Pulse(progress_at=NOW)),
        looks=seen,
    )


SPIN = looks(main("R", 0.0), main("R", 0.75), POLL)
ASLEEP = looks(main("S", 0.0, "clock_nanosleep"), main("S", 0.0, "clock_nanosleep"), POLL)

ROWS: list[tuple[str, Facts, Verdict, bool, str]] = [
    (
        "1 pidfd readable",
        silent(looks(main("T"), main("T"), None), gone=True),
        Verdict.EXITED,
        False,
        "not here yet",
    ),
    (
        "1 exit report",
        silent((), exit=ExitReport(NOW, signal=9)),
        Verdict.EXITED,
        False,
        "SIGKILL",
    ),
    ("2 stopped", silent(looks(main("T"), main("T"), main("T"))), Verdict.STOPPED, True, "SIGSTOP"),
    ("2 traced", silent(looks(main("t"), main("t"), main("t"))), Verdict.STOPPED, True, "debugger"),
    (
        "3 D in two looks",
        silent(looks(main("D"), main("D"), GIL)),
        Verdict.UNINTERRUPTIBLE,
        True,
        "in the kernel",
    ),
    (
        "3 D in one look only is not",
        silent((*looks(main("S"), main("S"), GIL)[:2], Look(NOW, main("D"), GIL))),
        Verdict.WEDGED,
        True,
        "GIL",
    ),
    (
        "4 control thread in R",
        silent(looks(main("R"), main("R"), ThreadLook("R", slices=3))),
        Verdict.STARVED,
        False,
        "CPU",
    ),
    (
        "4 run-delay of main",
        silent(looks(ThreadLook("R", run_delay=0.0), ThreadLook("R", run_delay=0.7), GIL)),
        Verdict.STARVED,
        False,
        "CPU",
    ),
    (
        "4 run-delay of control",
        silent(looks(main("S"), main("S"), GIL, replace(GIL, run_delay=0.7))),
        Verdict.STARVED,
        False,
        "CPU",
    ),
    (
        "4 the thread that brings the probe waits for a CPU",
        silent(tuple(replace(look, lane=ThreadLook("R", slices=3)) for look in looks(main("S"), main("S"), POLL))),
        Verdict.STARVED,
        False,
        "CPU",
    ),
    (
        "4 the thread that brought the probe waited for a CPU",
        silent(
            tuple(
                replace(look, lane=ThreadLook("S", run_delay=look.at - SENT))
                for look in looks(main("S"), main("S"), POLL)
            )
        ),
        Verdict.STARVED,
        False,
        "CPU",
    ),
    (
        "4 throttled",
        silent(
            (
                Look(SENT + 0.25, main("S"), GIL, throttled=1.0),
                Look(NOW, main("S"), GIL, throttled=1.7),
            )
        ),
        Verdict.STARVED,
        False,
        "CPU",
    ),
    (
        "4 main in R alone proves nothing",
        silent(looks(main("R", 0.0), main("R", 0.75), GIL)),
        Verdict.WEDGED,
        True,
        "spins",
    ),
    (
        "4 a control thread that ran often had its chance",
        silent(looks(main("R", 0.0), main("R", 0.7), replace(GIL, state="R"), replace(GIL, state="R", slices=150))),
        Verdict.WEDGED,
        True,
        "spins",
    ),
    ("5 spinning with the GIL", silent(looks(main("R", 0.0), main("R", 0.75), GIL)), Verdict.WEDGED, True, "spins"),
    (
        "6 asleep with the GIL",
        silent(looks(main("S", 0.0), main("S", 0.0), GIL)),
        Verdict.WEDGED,
        True,
        "sleeps",
    ),
    (
        "7 control thread in poll",
        silent(looks(main("S"), main("S"), POLL)),
        Verdict.CONTROL_LOST,
        True,
        "gets none",
    ),
    (
        "7 control thread missing",
        silent(looks(main("S"), main("S"), None)),
        Verdict.CONTROL_LOST,
        True,
        "gone",
    ),
    (
        "7 missing where no threads are shown means nothing",
        silent(
            tuple(Look(at, main("S"), None, threads_known=False) for at in (SENT + 0.25, SENT + 0.75, NOW)),
        ),
        Verdict.WEDGED,
        True,
        "GIL",
    ),
    (
        "7 hidden wchan: the GIL's waiter wakes every 5 ms",
        silent(looks(main("S"), main("S"), ThreadLook("S", slices=10), ThreadLook("S", slices=150))),
        Verdict.WEDGED,
        True,
        "GIL",
    ),
    (
        "7 hidden wchan: who never wakes waits for messages",
        silent(looks(main("S"), main("S"), ThreadLook("S", slices=10), ThreadLook("S", slices=10))),
        Verdict.CONTROL_LOST,
        True,
        "gets none",
    ),
    ("8 busy Python", answering(loop_age=1.0, seen=SPIN), Verdict.LOOP_BLOCKED, True, "computes"),
    ("8 in a system call", answering(loop_age=1.0, seen=ASLEEP), Verdict.LOOP_BLOCKED, True, "clock_nanosleep"),
    (
        "8 in D",
        answering(loop_age=1.0, seen=looks(main("D"), main("D"), POLL)),
        Verdict.UNINTERRUPTIBLE,
        True,
        "in the kernel",
    ),
    (
        "8 blocked but starved",
        answering(loop_age=1.0, seen=looks(ThreadLook("R", run_delay=0.0), ThreadLook("R", run_delay=0.7), POLL)),
        Verdict.STARVED,
        False,
        "CPU",
    ),
    (
        "9 spinning loop",
        answering(Pulse(progress_at=NOW - 30, progress_reported=True), seen=SPIN),
        Verdict.LIVELOCK,
        True,
        "without getting anywhere",
    ),
    (
        "10 awaits for ever",
        answering(Pulse(progress_at=NOW - 30, progress_reported=True), seen=ASLEEP),
        Verdict.NO_PROGRESS,
        True,
        "no checkpoint",
    ),
    (
        "10 lease ran out",
        answering(Pulse(progress_at=NOW - 9, lease=Lease(1, "fetch x", NOW - 9, NOW - 1))),
        Verdict.OVERDUE,
        True,
        "'fetch x'",
    ),
    (
        "waiting under a lease",
        answering(Pulse(progress_at=0, lease=Lease(1, "fetch x", NOW - 9, NOW + 40))),
        Verdict.WAITING,
        False,
        "'fetch x'",
    ),
    (
        "waiting for its inbox",
        answering(Pulse(progress_at=0, progress_stands=True, waiting_for="inbox")),
        Verdict.WAITING,
        False,
        "inbox",
    ),
    ("busy", answering(loop_age=0.01), Verdict.BUSY, False, "busy"),
    ("healthy", answering(), Verdict.HEALTHY, False, "healthy"),
]


@pytest.mark.parametrize(
    ("facts", "verdict", "killing", "words"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_the_decision_table(facts: Facts, verdict: Verdict, killing: bool, words: str) -> None:
    judged = judge(facts, POLICY, NOW)
    assert (judged.verdict, judged.killing) == (verdict, killing)
    assert words in judged.words


KILLING = [row[1] for row in ROWS if row[3]]


@pytest.mark.parametrize("facts", KILLING)
def test_nothing_is_killed_while_the_store_is_away(facts: Facts) -> None:
    judged = judge(replace(facts, store_away=True), POLICY, NOW)
    assert not judged.killing
    assert judged.suspect
    assert "store" in judged.held
    assert judged.judge_at <= NOW + 1


@pytest.mark.parametrize("facts", KILLING)
def test_nothing_is_killed_while_the_monitor_doubts_itself(facts: Facts) -> None:
    judged = judge(replace(facts, doubt=Doubt(at=NOW - 0.1, lost=3.0, why="it slept")), POLICY, NOW)
    assert not judged.killing


@pytest.mark.parametrize("facts", KILLING)
def test_nothing_is_judged_while_an_ordered_stop_is_under_way(facts: Facts) -> None:
    judged = judge(replace(facts, stopping=True), POLICY, NOW)
    assert not judged.killing
    assert not judged.suspect


@pytest.mark.parametrize("facts", [row[1] for row in ROWS if row[0][0] in "34567"])
def test_before_a_second_probe_has_failed_nobody_is_killed(facts: Facts) -> None:
    judged = judge(replace(facts, probes=facts.probes[:1], probed_at=SENT), POLICY, NOW)
    assert not judged.killing
    assert judged.probe_at is not None
    assert judged.probe_at <= NOW


@pytest.mark.parametrize("facts", [row[1] for row in ROWS if row[0][0] in "567"])
def test_without_a_fresh_look_nobody_is_killed(facts: Facts) -> None:
    judged = judge(replace(facts, looks=facts.looks[:2]), POLICY, NOW)
    assert not judged.killing
    assert judged.look_at is not None
    assert judged.look_at <= NOW


@pytest.mark.parametrize("facts", [row[1] for row in ROWS if row[0][0] in "568"])
def test_a_blocking_session_is_not_killed_for_being_busy(facts: Facts) -> None:
    judged = judge(replace(facts, kind="blocking"), POLICY, NOW)
    assert not judged.killing


@pytest.mark.parametrize("facts", [row[1] for row in ROWS if row[0][0] in "5678" and row[3]])
def test_starting_up_may_block_the_loop_and_hold_the_gil(facts: Facts) -> None:
    starting = replace(facts, ready_at=None, launched_at=SENT - 10, watched_at=SENT - 10)
    judged = judge(starting, POLICY, NOW)
    assert (judged.verdict, judged.killing) == (Verdict.STARTING, False)


def test_every_life_that_is_not_ready_in_time_has_failed_to_start() -> None:
    facts = Facts("session", launched_at=0, watched_at=0)
    assert judge(facts, Heartbeat(startup=60), 59.9).verdict == Verdict.STARTING
    seen = replace(facts, looks=(Look(58, main("S"), None), Look(60, main("S"), None)))
    judged = judge(seen, Heartbeat(startup=60), 60.0)
    assert judged.killing
    assert judged.exit_kind == "start_failed"


def test_an_adopted_life_gets_its_startup_time_from_its_new_monitor() -> None:
    facts = Facts("session", launched_at=0, watched_at=5_000)
    assert not judge(facts, Heartbeat(startup=60), 5_001).suspect


def test_a_start_that_got_no_cpu_is_starved() -> None:
    first = Look(30, ThreadLook("R", run_delay=0.0), None)
    last = Look(60, ThreadLook("R", run_delay=25.0), None)
    facts = Facts("session", launched_at=0, watched_at=0, looks=(first, last))
    judged = judge(facts, Heartbeat(startup=60), 60.0)
    assert (judged.verdict, judged.killing) == (Verdict.STARVED, False)


def test_without_a_chosen_limit_a_run_that_never_reported_is_told_of_and_left_alone() -> None:
    policy = Heartbeat(every=1, timeout=1).for_session()
    pulse = Pulse(progress_at=NOW - 1300)
    facts = replace(answering(pulse, seen=ASLEEP), ready_at=-2000.0)
    judged = judge(facts, policy, NOW)
    assert (judged.verdict, judged.killing, judged.alert) == (Verdict.NO_PROGRESS, False, True)
    reported = replace(facts, answer=Answer(3, NOW - 0.01, NOW, 0.0, replace(pulse, progress_reported=True)))
    assert judge(reported, policy, NOW).killing


def test_an_actor_is_judged_by_progress_only_while_a_message_is_in_hand() -> None:
    idle = replace(answering(Pulse(progress_at=0), seen=ASLEEP), kind="actor")
    assert judge(idle, POLICY, NOW).verdict == Verdict.HEALTHY
    busy = replace(idle, answer=Answer(3, NOW - 0.01, NOW, 0.0, Pulse(progress_at=0, in_hand_since=NOW - 31)))
    judged = judge(busy, POLICY, NOW)
    assert judged.killing
    assert "message in hand" in judged.words


def test_an_old_answer_convicts_nobody() -> None:
    stale = replace(
        answering(Pulse(progress_at=NOW - 30), seen=ASLEEP),
        probed_at=NOW - 5,
        answer=Answer(3, NOW - 5, NOW - 5, 0.0, Pulse(progress_at=NOW - 30)),
    )
    judged = judge(stale, POLICY, NOW)
    assert not judged.killing
    assert judged.probe_at is not None
    assert judged.probe_at <= NOW


def test_a_stop_that_was_told_is_judged_a_timeout_later_and_forgotten_when_it_continues() -> None:
    told = replace(answering(), stopped_at=NOW)
    assert judge(told, POLICY, NOW + 0.5).suspect
    last = Look(NOW + 1, main("T"), main("T"))
    assert judge(replace(told, looks=(last,)), POLICY, NOW + 1).killing
    runs = Look(NOW + 1, main("S"), POLL)
    assert judge(replace(told, looks=(runs,)), POLICY, NOW + 1).verdict != Verdict.STOPPED


def test_a_look_of_before_an_answer_is_not_held_against_it() -> None:
    facts = replace(answering(), looks=(Look(NOW - 0.5, main("T"), main("T")),))
    assert judge(facts, POLICY, NOW).verdict == Verdict.HEALTHY


def test_a_dead_main_thread_is_an_exit_whose_report_is_awaited() -> None:
    judged = judge(silent(looks(main("Z"), main("Z"), None)), POLICY, NOW)
    assert (judged.verdict, judged.killing) == (Verdict.EXITED, False)


def test_an_adopted_child_that_says_nothing_is_found_within_a_round() -> None:
    facts = Facts("session", 0, watched_at=100, ready_at=1)
    assert not judge(facts, POLICY, 101).suspect
    seen = tuple(Look(at, main("S"), None) for at in (100.5, 101.5, 102.0))
    judged = judge(replace(facts, looks=seen), POLICY, 102.0)
    assert judged.killing


def test_slow_progress_against_its_own_history_is_told_never_punished() -> None:
    facts = answering()
    for number in range(12):
        answer = Answer(number, float(number), float(number), 0.0, Pulse(progress_at=float(number), done=number))
        facts = facts.answered(answer)
    late = Answer(99, 80.0, 80.0, 0.0, Pulse(progress_at=11.0, done=11))
    judged = judge(replace(facts, ready_at=0.0).answered(late), Heartbeat(every=1, timeout=1, progress=1000), 80.0)
    assert (judged.verdict, judged.killing, judged.alert) == (Verdict.SLOW, False, True)
    assert "usually 1.0 s" in judged.words


def test_every_verdict_has_a_policy_and_only_some_kill() -> None:
    assert set(POLICIES) == set(Verdict)
    assert {verdict for verdict, policy in POLICIES.items() if policy.cancel_first} == {
        Verdict.OVERDUE,
        Verdict.NO_PROGRESS,
        Verdict.LIVELOCK,
    }


def test_a_cancel_comes_first_only_where_the_loop_still_turns() -> None:
    judged = judge(answering(Pulse(progress_at=NOW - 30, progress_reported=True), seen=ASLEEP), POLICY, NOW)
    assert judged.cancel_first
    wedged: Judgement = judge(silent(looks(main("S"), main("S"), GIL)), POLICY, NOW)
    assert not wedged.cancel_first


def programmed(program: Program, *, at: float = NOW - 0.01, seen: tuple[Look, ...] = ()) -> Facts:
    """A command whose host has just answered, and said this of its program."""
    answer = Answer(9, at, at, 0.0, Pulse(progress_at=NOW - 1, program=program))
    return Facts("command", 0, 0, ready_at=1, answer=answer, probed_at=at, looks=seen)


def test_a_program_that_gives_its_signs_of_life_is_healthy() -> None:
    judged = judge(programmed(Program(7)), Heartbeat(every=1, timeout=1), NOW)
    assert (judged.verdict, judged.suspect) == (Verdict.HEALTHY, False)


def test_a_program_that_misses_its_watchdog_is_ended_after_the_time_promised_and_a_last_question() -> None:
    late = Program(7, silent_since=NOW - 2.0, within=2.0, sign="WATCHDOG=1")
    seen = (Look(NOW - 1.4, main("S")), Look(NOW - 0.01, main("S")))
    judged = judge(programmed(late, seen=seen), Heartbeat(every=1, timeout=1), NOW)
    assert (judged.verdict, judged.killing, judged.exit_kind) == (Verdict.LOOP_BLOCKED, True, "loop_blocked")
    assert "WATCHDOG=1" in judged.words
    early = judge(programmed(late, at=NOW - 1.0, seen=seen[:1]), Heartbeat(every=1, timeout=1), NOW)
    assert not early.killing
    assert early.probe_at is not None and early.probe_at <= NOW


def test_a_program_that_a_signal_stopped_is_held_to_be_stopped_though_its_host_answers() -> None:
    stopped = Program(7, stopped_at=NOW - 1.5)
    judged = judge(programmed(stopped, seen=(Look(NOW - 0.02, main("T")),)), Heartbeat(every=1, timeout=1), NOW)
    assert (judged.verdict, judged.killing) == (Verdict.STOPPED, True)


def test_a_server_that_proves_to_be_alive_and_never_spoke_of_progress_is_not_asked_for_any() -> None:
    served = programmed(Program(7, within=2.0, sign="WATCHDOG=1"))
    assert judge(served, Heartbeat(every=1, timeout=1, progress_given=False, progress=0.5), NOW).verdict == "healthy"
    job = programmed(Program(7), seen=(Look(NOW - 0.4, main("S")), Look(NOW, main("S"))))
    assert judge(job, Heartbeat(every=1, timeout=1, progress_given=False, progress=0.5), NOW).alert


def test_a_program_may_ask_for_a_longer_start() -> None:
    lease = Lease(1, "migrating", NOW - 5, NOW + 60)
    answer = Answer(9, NOW, NOW, 0.0, Pulse(ready=False, state="starting", lease=lease))
    facts = Facts("command", NOW - 100, NOW - 100, answer=answer)
    assert not judge(facts, Heartbeat(startup=60), NOW).suspect
    assert judge(replace(facts, kind="session"), Heartbeat(startup=60), NOW).suspect


def test_a_block_of_the_start_is_not_held_against_a_life_that_has_just_become_ready() -> None:
    starting = Pulse(ready=False, state="starting", progress_at=SENT - 20)
    facts = Facts("session", SENT - 20, SENT - 20, answer=Answer(1, SENT - 0.3, SENT - 0.1, 19.0, starting))
    found = judge(replace(facts, ready_at=SENT, probed_at=SENT - 0.3), POLICY, SENT + 0.01)
    assert not found.killing
    assert not found.suspect


def test_a_wait_for_the_store_is_an_alibi_only_while_the_store_does_not_answer() -> None:
    waiting = Pulse(
        state="waiting",
        waiting_for="store",
        waits_since=SENT - 40,
        progress_at=NOW,
        progress_stands=True,
        progress_reported=True,
    )
    facts = replace(
        answering(waiting), ready_at=1.0, looks=(Look(NOW - 0.2, main("S"), POLL), Look(NOW, main("S"), POLL))
    )
    brief = judge(replace(facts, answer=answering(replace(waiting, waits_since=NOW - 0.1)).answer), POLICY, NOW)
    assert brief.verdict == Verdict.HEALTHY
    unasked = judge(facts, POLICY, NOW)
    assert unasked.verdict == Verdict.WAITING
    away = judge(replace(facts, store_away=True, store_back_at=SENT - 100), POLICY, NOW)
    assert away.verdict == Verdict.WAITING
    just_back = judge(replace(facts, store_back_at=SENT - 2), POLICY, NOW)
    assert just_back.verdict == Verdict.WAITING
    unproven = judge(replace(facts, store_back_at=SENT - 100, store_unproven=30.0), POLICY, NOW)
    assert unproven.verdict == Verdict.WAITING
    answers = judge(replace(facts, store_back_at=SENT - 100), POLICY, NOW)
    assert answers.verdict == Verdict.NO_PROGRESS
