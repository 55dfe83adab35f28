"""Failures in a row, poison checkpoints, pauses and everything that waits for a person."""

from __future__ import annotations

import pytest

from wakeful.exits import ExitReason, Kind
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.policy import Strategy
from wakeful.rules.commands import EndLife, EndRun, KillLife, Launch, Note, Park, Refuse, Unpark
from wakeful.rules.events import (
    ChildAdded,
    Condemned,
    Emptied,
    Launched,
    LaunchFailed,
    Pause,
    Progressed,
    RestartChild,
    ResumeChild,
    StopAll,
    StopChild,
    Unpause,
)
from wakeful_runtime.simulation.rulebench import RuleBench

STOP = ExitReason(kind="stop", what="a person")


def session(name: str, **more: object) -> ChildPlan:
    return ChildPlan.model_validate(
        {"name": name, "kind": "session", "restart": "transient", "recovery": "resume", "shutdown": 30.0, **more}
    )


def bench_of(*children: ChildPlan, **more: object) -> RuleBench:
    return RuleBench(MonitorPlan.model_validate({"name": "m", "children": children, **more})).up()


def fail(bench: RuleBench, name: str = "a", *, resumed: int = 0, seqs: tuple[int, ...] | None = None) -> None:
    """One more failure; the next life, if one comes, is up afterwards."""
    bench.end(name, "error", checkpoints=seqs)
    bench.wait(40)
    if bench.state(name).status == "starting":
        bench.begin(name, resumed=resumed)


# Failures in a row


def test_the_third_failure_in_a_row_parks_the_child() -> None:
    bench = bench_of(session("a"), session("b"))
    fail(bench)
    fail(bench)
    assert bench.of(Park) == []
    fail(bench)
    assert [park.child for park in bench.of(Park)] == ["a"]
    assert [end.reason.in_a_row for end in bench.of(EndLife)] == [1, 2, 3]
    assert bench.state("b").status == "running"


def test_a_program_without_checkpoints_that_has_served_for_long_begins_its_count_anew() -> None:
    bench = bench_of(session("a", kind="command"), within=600)
    for _ in range(4):
        bench.wait(600)
        fail(bench)
    assert bench.of(Park) == []
    fail(bench)
    fail(bench)
    fail(bench)
    assert [park.child for park in bench.of(Park)] == ["a"]


def test_a_program_that_resumes_from_a_checkpoint_must_get_past_it_however_long_that_takes() -> None:
    bench = bench_of(session("a", kind="command"), within=600)
    for _ in range(3):
        fail(bench, resumed=7)
        bench.wait(600)
    assert [park.child for park in bench.of(Park)] == ["a"]


def test_a_child_may_have_its_own_number_of_failures() -> None:
    bench = bench_of(session("a", failures_in_a_row=1))
    fail(bench)
    assert bench.state("a").status == "review"


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_siblings_restart_without_the_parked_child(strategy: Strategy) -> None:
    bench = bench_of(session("a", failures_in_a_row=1), session("b"), strategy=strategy)
    bench.end("a")
    bench.down().up()
    assert bench.launched() == ["a", "b", "b"]
    assert bench.state("a").status == "review"
    assert bench.state("b").status == "running"


def test_progress_past_the_checkpoint_resumed_from_ends_the_row() -> None:
    bench = bench_of(session("a"))
    fail(bench)
    fail(bench)
    bench.tell(Progressed("a", 3, 1))
    assert bench.state("a").failures_in_a_row == 0
    fail(bench, resumed=1, seqs=(1,))
    assert bench.state("a").failures_in_a_row == 0
    assert bench.state("a").status == "running"


def test_a_checkpoint_nobody_heard_of_before_the_end_is_progress_too() -> None:
    bench = bench_of(session("a"))
    for life in range(1, 8):
        fail(bench, resumed=life, seqs=tuple(range(1, life + 1)))
    assert bench.of(Park) == []


def test_a_report_of_the_checkpoint_resumed_from_is_no_progress() -> None:
    bench = bench_of(session("a"))
    fail(bench, resumed=5, seqs=(5,))
    bench.tell(Progressed("a", 2, 5))
    fail(bench, resumed=5, seqs=(5,))
    assert bench.state("a").failures_in_a_row == 1


@pytest.mark.parametrize("kind", ["fenced", "orphaned", "node_lost", "retry_after"])
def test_what_is_no_failure_of_the_child_is_not_counted(kind: Kind) -> None:
    bench = bench_of(session("a"))
    for _ in range(5):
        bench.end("a", kind)
        bench.wait(60)
        bench.up()
    assert bench.state("a").failures_in_a_row == 0
    assert bench.state("a").status == "running"


def test_an_actor_that_was_up_for_a_whole_window_has_no_row_of_failures() -> None:
    bench = bench_of(ChildPlan(name="a", kind="actor"))
    for _ in range(6):
        bench.wait(601)
        bench.end("a")
        bench.up()
    assert bench.of(Park) == []


def test_a_session_has_one_however_long_it_was_up_without_progress() -> None:
    bench = bench_of(session("a"))
    for _ in range(3):
        bench.wait(5000)
        bench.end("a")
        bench.up()
    assert bench.state("a").status == "review"


def test_a_monitor_is_parked_by_its_limit_not_by_failures_in_a_row() -> None:
    bench = bench_of(ChildPlan(name="a", kind="monitor", shutdown=None), max_restarts=5, within=60)
    for count in range(6):
        assert bench.state("a").status == "running", count
        bench.end("a", "killed")
        bench.wait(9)
        bench.up()
    assert bench.state("a").status == "review"


def test_the_nodes_own_processes_are_never_parked_for_failing() -> None:
    bench = bench_of(ChildPlan(name="store", kind="store"), max_restarts=2, within=60)
    for _ in range(12):
        bench.end("store", "killed")
        bench.wait(31)
        bench.up()
    assert bench.state("store").status == "running"


# Back-off


def test_the_first_restart_is_at_once_the_second_later() -> None:
    bench = bench_of(session("a"))
    bench.end("a")
    assert bench.launched() == ["a", "a"]
    bench.up().end("a")
    assert bench.state("a").status == "backoff"
    assert bench.wait(0.4) == []
    bench.wait(0.7)
    assert bench.launched() == ["a"] * 3


def test_after_progress_the_first_restart_is_at_once_again() -> None:
    bench = bench_of(session("a"))
    fail(bench)
    bench.tell(Progressed("a", 2, 1))
    bench.end("a", checkpoints=(1,))
    assert bench.state("a").status == "starting"


# Poison checkpoints


def test_two_resumes_without_progress_lead_to_the_checkpoint_before() -> None:
    bench = bench_of(session("a", failures_in_a_row=9))
    fail(bench, resumed=3, seqs=(1, 2, 3))
    fail(bench, resumed=3, seqs=(1, 2, 3))
    assert bench.of(Launch)[-1].from_seq is None
    fail(bench, resumed=2, seqs=(1, 2, 3))
    assert bench.of(Launch)[-1].from_seq == 2
    fail(bench, resumed=2, seqs=(1, 2, 3))
    assert bench.of(Launch)[-1].from_seq == 2
    fail(bench, resumed=1, seqs=(1, 2, 3))
    assert bench.of(Launch)[-1].from_seq == 1


def test_with_the_defaults_the_checkpoint_before_gets_one_life_before_review() -> None:
    bench = bench_of(session("a"))
    fail(bench, resumed=2, seqs=(1, 2))
    fail(bench, resumed=2, seqs=(1, 2))
    fail(bench, resumed=1, seqs=(1, 2))
    assert bench.of(Launch)[-1].from_seq == 1
    fail(bench, seqs=(1, 2))
    assert bench.state("a").status == "review"


def test_a_poisoned_first_checkpoint_means_review() -> None:
    bench = bench_of(session("a", failures_in_a_row=9))
    for _ in range(3):
        fail(bench, resumed=1, seqs=(1,))
    assert bench.state("a").status == "review"


def test_a_poisoned_first_checkpoint_of_an_idempotent_run_means_a_fresh_start() -> None:
    bench = bench_of(session("a", failures_in_a_row=9, idempotent=True))
    fail(bench, resumed=1, seqs=(1,))
    fail(bench, resumed=1, seqs=(1,))
    fail(bench, resumed=0, seqs=(1,))
    assert bench.of(Launch)[-1].from_seq == 0
    assert not bench.of(Launch)[-1].new_run


def test_progress_after_an_earlier_checkpoint_makes_the_last_one_count_again() -> None:
    bench = bench_of(session("a", failures_in_a_row=9))
    fail(bench, resumed=2, seqs=(1, 2))
    fail(bench, resumed=2, seqs=(1, 2))
    fail(bench, resumed=1, seqs=(1, 2))
    bench.tell(Progressed("a", 4, 3))
    fail(bench, resumed=3, seqs=(1, 2, 3))
    assert bench.of(Launch)[-1].from_seq is None


def test_recovery_immediate_begins_from_the_beginning_of_the_same_run() -> None:
    bench = bench_of(session("a", recovery="immediate"))
    bench.end("a")
    last = bench.of(Launch)[-1]
    assert (last.from_seq, last.new_run) == (0, False)


# What sends a child to review at once, or pauses it


@pytest.mark.parametrize("kind", ["fatal", "budget"])
def test_fatal_and_a_spent_budget_go_to_review_at_once(kind: Kind) -> None:
    bench = bench_of(session("a"))
    bench.end("a", kind, what="the key was revoked")
    assert bench.state("a").status == "review"
    assert "the key was revoked" in bench.of(Park)[0].why
    bench.wait(1e5)
    assert bench.launched() == ["a"]


def test_retry_after_pauses_and_then_resumes() -> None:
    bench = bench_of(session("a"))
    bench.end("a", "retry_after", delay=900.0)
    assert bench.state("a").status == "waiting"
    bench.wait(899)
    assert bench.launched() == ["a"]
    bench.wait(2)
    assert bench.of(Launch)[-1].why == "resume"


def test_siblings_do_not_wait_for_a_retry_after() -> None:
    bench = bench_of(session("a"), session("b"), strategy="rest_for_one")
    bench.end("a", "retry_after", delay=900.0)
    bench.down().up()
    assert bench.launched() == ["a", "b", "b"]
    bench.wait(901)
    bench.up()
    assert bench.launched() == ["a", "b", "b", "a"]
    assert bench.state("b").incarnation == 2


def test_alert_first_waits_for_a_person() -> None:
    bench = bench_of(session("a", recovery="alert_first", wait=3600.0))
    bench.end("a")
    assert bench.state("a").status == "review"
    assert bench.launched() == ["a"]
    bench.tell(ResumeChild("a"))
    assert bench.of(Unpark) != []
    assert bench.launched() == ["a", "a"]


def test_alert_first_resumes_by_itself_after_its_wait() -> None:
    bench = bench_of(session("a", recovery="alert_first", wait=3600.0))
    bench.end("a")
    bench.wait(3599)
    assert bench.launched() == ["a"]
    bench.wait(2)
    assert bench.launched() == ["a", "a"]


def test_a_run_that_hits_its_timeout_is_over() -> None:
    bench = bench_of(session("a", restart="permanent"))
    bench.tell(StopChild("a", ExitReason(kind="run_timeout")))
    bench.end("a", "run_timeout")
    bench.wait(1e4)
    assert [end.outcome for end in bench.of(EndRun)] == ["timeout"]
    assert bench.state("a").status == "done"
    assert bench.launched() == ["a"]


def test_a_run_times_out_while_it_waits_in_review_too() -> None:
    bench = bench_of(session("a", failures_in_a_row=1))
    bench.end("a")
    bench.tell(StopChild("a", ExitReason(kind="run_timeout")))
    assert [end.outcome for end in bench.of(EndRun)] == ["timeout"]
    assert bench.of(Unpark) != []


def test_a_result_committed_while_the_life_was_being_stopped_stands() -> None:
    bench = bench_of(session("a"))
    bench.tell(StopChild("a", STOP))
    bench.end("a", "returned")
    assert bench.of(EndRun) == []
    assert bench.state("a").why == "returned"


def test_a_permanent_session_that_returns_starts_a_new_run() -> None:
    bench = bench_of(session("a", restart="permanent"))
    for _ in range(20):
        bench.end("a", "returned")
        bench.wait(1.1)
        bench.up()
    assert all(launch.new_run for launch in bench.of(Launch))
    assert bench.of(Park) == []
    assert len(bench.of(Launch)) == 21


# Unkillable


def test_what_cannot_be_killed_is_not_restarted() -> None:
    bench = bench_of(session("a"))
    bench.end("a", "wedged", empty=False)
    bench.wait(1e4)
    bench.tell(RestartChild("a"))
    bench.tell(ResumeChild("a"))
    assert bench.launched() == ["a"]
    assert [refusal.code for refusal in bench.of(Refuse)] == ["state", "state"]
    assert bench.of(Park)[0].reason.kind == "unkillable"


def test_what_could_not_be_killed_is_restarted_once_it_is_gone() -> None:
    bench = bench_of(session("a"))
    bench.end("a", "wedged", empty=False)
    bench.tell(Emptied("a", 1))
    assert bench.launched() == ["a", "a"]
    assert bench.of(EndLife)[0].reason.kind == "wedged"


def test_what_cannot_be_killed_does_not_keep_the_node_from_stopping() -> None:
    bench = bench_of(session("a"))
    bench.end("a", "wedged", empty=False)
    bench.tell(StopAll(STOP))
    assert bench.finished == STOP


# Verdicts


def test_a_verdict_kills_and_its_reason_stands_whatever_status_comes() -> None:
    bench = bench_of(session("a"))
    bench.tell(Condemned("a", 1, ExitReason(kind="loop_blocked", what="line 7")))
    assert bench.of(KillLife)[0].reason.kind == "loop_blocked"
    bench.end("a", "killed")
    assert bench.of(EndLife)[0].reason.kind == "loop_blocked"
    assert bench.launched() == ["a", "a"]


def test_a_hang_during_an_ordered_stop_is_killed_under_the_order() -> None:
    bench = bench_of(session("a"))
    bench.tell(StopChild("a", STOP))
    bench.tell(Condemned("a", 1, ExitReason(kind="loop_blocked")))
    bench.end("a", "killed")
    assert bench.of(EndLife)[0].reason.kind == "stop"
    assert bench.state("a").status == "done"


def test_a_stop_ordered_while_a_verdict_is_carried_out_prevents_the_restart() -> None:
    bench = bench_of(session("a"))
    bench.tell(Condemned("a", 1, ExitReason(kind="loop_blocked")))
    bench.tell(StopChild("a", STOP))
    bench.end("a", "killed")
    assert bench.of(EndLife)[0].reason.kind == "loop_blocked"
    assert bench.state("a").status == "done"
    assert bench.launched() == ["a"]


# People


def test_a_persons_restart_continues_the_run_with_fresh_counters() -> None:
    bench = bench_of(session("a"))
    fail(bench)
    fail(bench)
    bench.tell(RestartChild("a"))
    bench.end("a", "restart")
    last = bench.of(Launch)[-1]
    assert (last.new_run, last.why) == (False, "restart")
    assert bench.state("a").failures_in_a_row == 0


def test_resume_takes_the_checkpoint_a_person_chose() -> None:
    bench = bench_of(session("a"))
    bench.end("a", "fatal", checkpoints=(1, 2, 3))
    bench.tell(ResumeChild("a", 2))
    assert bench.of(Launch)[-1].from_seq == 2


def test_what_runs_cannot_be_resumed() -> None:
    bench = bench_of(session("a"))
    bench.tell(ResumeChild("a"))
    assert bench.of(Refuse)[0].code == "state"


def test_paused_nothing_new_starts_and_nothing_is_restarted_and_what_runs_goes_on() -> None:
    bench = bench_of(session("a"), session("b"))
    bench.tell(Pause())
    bench.end("a")
    bench.tell(ChildAdded(session("c")))
    bench.wait(100)
    assert bench.launched() == ["a", "b"]
    assert [state.status for state in bench.rules.children().values()] == ["paused", "running", "paused"]
    bench.tell(Unpause())
    assert bench.launched() == ["a", "b", "a", "c"]


def test_one_child_can_be_paused_alone() -> None:
    bench = bench_of(session("a"), session("b"))
    bench.tell(Pause("a"))
    bench.end("a")
    bench.end("b")
    assert bench.launched() == ["a", "b", "b"]
    bench.tell(Unpause("a"))
    assert bench.launched()[-1] == "a"


# Limits on spawned children


def test_max_children_counts_all_that_are_not_finished() -> None:
    bench = bench_of(session("a"), max_children=2)
    bench.tell(ChildAdded(session("b")))
    bench.tell(ChildAdded(session("c")))
    assert bench.of(Refuse)[0].code == "limit"
    bench.end("a", "returned")
    bench.tell(ChildAdded(session("c")))
    assert bench.launched()[-1] == "c"


def test_at_most_max_running_spawned_children_run_and_the_others_wait_their_turn() -> None:
    bench = bench_of(max_running=2)
    for name in "abc":
        bench.tell(ChildAdded(session(name)))
    bench.up()
    assert bench.state("c").status == "waiting"
    bench.end("a", "returned")
    assert bench.launched() == ["a", "b", "c"]


def test_a_sessions_own_child_does_not_wait_for_its_parents_place() -> None:
    bench = bench_of(max_running=1)
    bench.tell(ChildAdded(session("parent")))
    bench.tell(ChildAdded(session("child"), exempt=True))
    assert bench.launched() == ["parent", "child"]


def test_whoever_does_not_wait_is_refused_where_as_many_run_as_may() -> None:
    bench = bench_of(max_running=2)
    for name in "abc":
        bench.tell(ChildAdded(session(name), waits=False))
    assert bench.launched() == ["a", "b"]
    refused = bench.of(Refuse)[0]
    assert (refused.child, refused.code) == ("c", "limit")
    assert "2 of at most 2 sessions run" in refused.why
    bench.end("a", "returned")
    bench.tell(ChildAdded(session("c"), waits=False))
    assert bench.launched() == ["a", "b", "c"]


def test_sessions_that_sessions_spawn_are_limited_too() -> None:
    bench = bench_of(max_running=1)
    for number in range(9):
        bench.tell(ChildAdded(session(f"c{number}"), exempt=True))
    assert "8 of at most 8 sessions that sessions have spawned run" in bench.of(Refuse)[0].why


def test_a_crashed_sessions_first_restart_does_not_wait_for_slow_starters() -> None:
    bench = RuleBench(MonitorPlan(name="m", children=tuple(session(f"s{n}") for n in range(4))), parallel=2)
    bench.begin("s0")
    bench.end("s0")
    assert bench.launched()[-1] == "s0"


# Launches that fail


def test_a_launch_that_fails_for_no_fault_of_the_child_is_tried_again_for_ever() -> None:
    bench = RuleBench(MonitorPlan(name="m", children=(session("a"),)))
    for _ in range(30):
        bench.tell(LaunchFailed("a", bench.state("a").incarnation, "the store is away"))
        bench.wait(31)
    assert bench.of(Park) == []
    assert all(launch.new_run for launch in bench.of(Launch))
    assert len(bench.of(Launch)) == 31


def test_a_launch_that_fails_by_the_childs_fault_is_a_failure() -> None:
    bench = RuleBench(MonitorPlan(name="m", children=(session("a"),)))
    for _ in range(3):
        bench.tell(LaunchFailed("a", bench.state("a").incarnation, "no such interpreter", counts=True))
        bench.wait(31)
    assert bench.state("a").status == "review"


def test_a_refused_incarnation_is_followed_by_one_above_the_last() -> None:
    bench = RuleBench(MonitorPlan(name="m", children=(session("a"),)))
    bench.tell(LaunchFailed("a", 1, "stale", last=41))
    assert bench.of(Launch)[-1].incarnation == 42


def test_a_stop_ordered_before_the_life_was_there_is_repeated_when_it_is() -> None:
    bench = RuleBench(MonitorPlan(name="m", children=(session("a"),)))
    bench.tell(StopChild("a", STOP))
    bench.wait(10)
    bench.tell(Launched("a", 1))
    assert bench.stopped() == ["a", "a"]
    bench.wait(21)
    assert bench.killed() == ["a"]


def test_the_journal_says_why_each_life_ended() -> None:
    bench = bench_of(session("a"))
    bench.end("a", "oom", what="2 GiB")
    note = next(note for note in bench.of(Note) if note.event == "exited")
    assert (note.fields["kind"], note.fields["what"], note.fields["in_a_row"]) == ("oom", "2 GiB", 1)
