"""The rules OTP's documentation of `supervisor` states, each by name; where Wakeful differs, the name says how."""

from __future__ import annotations

import pytest

from wakeful.exits import ExitReason, Kind
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.policy import Strategy
from wakeful.rules.commands import EndRun, Forget, KillLife, Launch, Park, Refuse, StopLife
from wakeful.rules.events import ChildAdded, ChildRemoved, RestartChild, StopAll, StopChild
from wakeful_runtime.simulation.rulebench import RuleBench

STOP = ExitReason(kind="stop", what="a person")
NODE = ExitReason(kind="shutdown", what="the node stops")


def actor(name: str, **more: object) -> ChildPlan:
    return ChildPlan.model_validate({"name": name, "kind": "actor", **more})


def session(name: str, **more: object) -> ChildPlan:
    return ChildPlan.model_validate(
        {"name": name, "kind": "session", "restart": "transient", "recovery": "resume", "shutdown": 30.0, **more}
    )


def monitor(*children: ChildPlan, **more: object) -> MonitorPlan:
    return MonitorPlan.model_validate({"name": "m", "children": children, **more})


def abc(strategy: Strategy, **more: object) -> RuleBench:
    return RuleBench(monitor(actor("a"), actor("b"), actor("c"), strategy=strategy, **more)).up()


# Start and stop


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_children_are_started_from_left_to_right_each_when_the_one_before_is_ready(strategy: Strategy) -> None:
    bench = RuleBench(monitor(actor("a"), actor("b"), actor("c"), strategy=strategy))
    assert bench.launched() == ["a"]
    bench.begin("a")
    assert bench.launched() == ["a", "b"]
    bench.begin("b")
    assert bench.launched() == ["a", "b", "c"]


def test_under_one_for_one_as_many_start_at_once_as_there_is_room_for() -> None:
    bench = RuleBench(monitor(*(actor(f"a{n}") for n in range(6))), parallel=4)
    assert bench.launched() == ["a0", "a1", "a2", "a3"]
    bench.begin("a2")
    assert bench.launched() == ["a0", "a1", "a2", "a3", "a4"]


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_children_are_stopped_from_right_to_left_each_when_the_one_after_it_is_gone(strategy: Strategy) -> None:
    bench = abc(strategy)
    bench.tell(StopAll(NODE))
    assert bench.stopped() == ["c"]
    bench.end("c", "shutdown")
    assert bench.stopped() == ["c", "b"]
    bench.end("b", "shutdown")
    bench.end("a", "shutdown")
    assert bench.stopped() == ["c", "b", "a"]
    assert bench.finished == NODE


def test_a_supervisor_without_children_finishes_at_once() -> None:
    bench = RuleBench(monitor())
    bench.tell(StopAll(NODE))
    assert bench.finished == NODE


def test_nothing_is_started_or_restarted_while_the_supervisor_stops() -> None:
    bench = abc("one_for_one")
    bench.tell(StopAll(NODE))
    bench.end("a", "error")
    bench.down()
    assert bench.launched() == ["a", "b", "c"]
    assert bench.finished == NODE


def test_a_child_that_fails_to_start_is_retried_and_the_supervisor_comes_up_unlike_in_otp() -> None:
    bench = RuleBench(monitor(session("a"), actor("b")))
    bench.begin("b")
    bench.end("a", "start_failed")
    assert bench.launched("a") == ["a", "a"]
    bench.end("a", "start_failed")
    bench.wait(2)
    bench.end("a", "start_failed")
    assert bench.state("a").status == "review"
    assert bench.state("b").status == "running"
    assert bench.finished is None


def test_in_order_the_next_child_waits_while_the_one_before_is_retried_and_starts_without_it_once_it_is_parked() -> (
    None
):
    bench = RuleBench(monitor(actor("a"), actor("b"), strategy="rest_for_one"))
    bench.end("a", "start_failed")
    bench.end("a", "start_failed")
    bench.wait(2)
    assert bench.launched() == ["a", "a", "a"]
    bench.end("a", "start_failed")
    assert bench.state("a").status == "review"
    assert bench.launched()[-1] == "b"


# Restart strategies


def test_one_for_one_restarts_only_the_child_that_ended() -> None:
    bench = abc("one_for_one")
    bench.end("b")
    assert bench.stopped() == []
    assert bench.launched() == ["a", "b", "c", "b"]


def test_one_for_all_stops_all_others_in_reverse_then_starts_all_in_order() -> None:
    bench = abc("one_for_all")
    bench.end("b")
    assert bench.stopped() == ["c"]
    assert bench.launched() == ["a", "b", "c"]
    bench.end("c", "sibling")
    assert bench.stopped() == ["c", "a"]
    bench.end("a", "sibling")
    bench.up()
    assert bench.launched() == ["a", "b", "c", "a", "b", "c"]


def test_rest_for_one_stops_the_children_after_it_in_reverse_and_starts_it_and_them_in_order() -> None:
    bench = abc("rest_for_one")
    bench.end("a")
    bench.down()
    bench.up()
    assert bench.stopped() == ["c", "b"]
    assert bench.launched() == ["a", "b", "c", "a", "b", "c"]


def test_rest_for_one_leaves_the_children_before_it_alone() -> None:
    bench = abc("rest_for_one")
    bench.end("b")
    bench.down().up()
    assert bench.stopped() == ["c"]
    assert bench.launched() == ["a", "b", "c", "b", "c"]
    assert bench.state("a").incarnation == 1


def test_a_sibling_that_is_restarted_with_others_has_not_failed() -> None:
    bench = abc("one_for_all")
    for _ in range(2):
        bench.end("b")
        bench.down()
        bench.wait(5)
        bench.up()
    assert bench.state("a").failures_in_a_row == 0
    assert bench.state("a").restarts == 0
    assert bench.state("a").incarnation == 3


def test_a_sibling_that_crashes_while_its_group_is_stopped_begins_no_second_round() -> None:
    bench = abc("one_for_all")
    bench.end("a")
    bench.end("b", "error")
    bench.end("c", "sibling")
    bench.up()
    assert bench.launched() == ["a", "b", "c", "a", "b", "c"]


def test_a_child_that_fails_again_while_its_group_restarts_restarts_the_group_again() -> None:
    bench = abc("one_for_all")
    bench.end("a")
    bench.down()
    bench.begin("a")
    bench.end("b", "start_failed")
    assert bench.stopped()[-1] == "a"
    bench.down()
    bench.wait(2)
    bench.up()
    assert {name: bench.state(name).status for name in "abc"} == dict.fromkeys("abc", "running")


# Restart types


@pytest.mark.parametrize("kind", ["error", "killed", "exited", "oom", "wedged", "returned", "start_failed"])
def test_a_permanent_child_is_always_restarted(kind: Kind) -> None:
    bench = RuleBench(monitor(session("a", restart="permanent"))).up()
    bench.end("a", kind)
    bench.wait(1)
    assert bench.launched() == ["a", "a"]


@pytest.mark.parametrize("kind", ["error", "killed", "exited", "oom", "wedged", "unknown"])
def test_a_transient_child_is_restarted_after_an_abnormal_exit(kind: Kind) -> None:
    bench = RuleBench(monitor(session("a"))).up()
    bench.end("a", kind)
    assert bench.launched() == ["a", "a"]


def test_a_transient_child_is_not_restarted_after_a_normal_exit() -> None:
    bench = RuleBench(monitor(session("a"))).up()
    bench.end("a", "returned")
    bench.wait(100)
    assert bench.launched() == ["a"]
    assert bench.state("a").status == "done"


@pytest.mark.parametrize(("kind", "outcome"), [("error", "error"), ("killed", "killed"), ("wedged", "killed")])
def test_a_temporary_child_is_never_restarted(kind: Kind, outcome: str) -> None:
    bench = RuleBench(monitor(session("a", restart="temporary"))).up()
    bench.end("a", kind)
    bench.wait(100)
    assert bench.launched() == ["a"]
    assert bench.state("a").status == "failed"
    assert [end.outcome for end in bench.of(EndRun)] == [outcome]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_temporary_sibling_is_stopped_with_the_others_and_never_restarted(strategy: Strategy) -> None:
    bench = RuleBench(monitor(actor("a"), session("t", restart="temporary"), actor("c"), strategy=strategy)).up()
    bench.end("a")
    bench.down().up()
    assert bench.stopped() == ["c", "t"]
    assert bench.launched() == ["a", "t", "c", "a", "c"]
    assert bench.state("t").status == "done"


def test_the_end_of_a_temporary_child_draws_in_no_sibling() -> None:
    bench = RuleBench(monitor(session("t", restart="temporary"), actor("b"), strategy="one_for_all")).up()
    bench.end("t")
    assert bench.stopped() == []


def test_a_finished_transient_child_is_not_restarted_with_its_siblings_unlike_in_otp() -> None:
    bench = RuleBench(monitor(session("a"), actor("b"), strategy="one_for_all")).up()
    bench.end("a", "returned")
    bench.end("b")
    bench.up()
    assert bench.launched() == ["a", "b", "b"]


# Restart intensity


def failing(times: int, every: float, bench: RuleBench) -> None:
    for _ in range(times):
        bench.up()
        bench.end("a", checkpoints=(bench.state("a").incarnation,))
        bench.wait(every)


def test_as_many_restarts_as_the_limit_within_the_window_are_allowed() -> None:
    bench = RuleBench(monitor(session("a"), max_restarts=3, within=10))
    failing(3, 1, bench)
    assert bench.launched() == ["a"] * 4
    assert bench.of(Park) == []


def test_one_more_restart_within_the_window_parks_the_child() -> None:
    bench = RuleBench(monitor(session("a"), actor("b"), max_restarts=3, within=10))
    failing(4, 1, bench)
    assert bench.launched("a") == ["a"] * 4
    assert bench.state("a").status == "review"
    assert bench.state("b").status == "running"


def test_restarts_older_than_the_window_do_not_count() -> None:
    bench = RuleBench(monitor(session("a"), max_restarts=3, within=10))
    failing(20, 4, bench)
    assert bench.of(Park) == []


def test_a_limit_of_zero_allows_no_restart() -> None:
    bench = RuleBench(monitor(session("a"), max_restarts=0, within=10)).up()
    bench.end("a")
    assert bench.launched() == ["a"]
    assert bench.state("a").status == "review"


def test_restarts_are_counted_for_each_child_by_itself() -> None:
    bench = RuleBench(monitor(session("a"), session("b"), max_restarts=2, within=10)).up()
    for name in "abab":
        bench.end(name, checkpoints=(bench.state(name).incarnation,))
        bench.up()
    assert bench.of(Park) == []


def test_with_escalate_restarts_are_counted_for_the_supervisor_which_stops_its_children_in_reverse_and_fails() -> None:
    bench = RuleBench(
        monitor(session("a"), session("b"), actor("c"), max_restarts=3, within=10, on_exhausted="escalate")
    ).up()
    for name in "abab":
        bench.end(name, checkpoints=(bench.state(name).incarnation,))
        bench.up()
    assert bench.stopped() == ["c"]
    bench.down()
    assert bench.stopped() == ["c", "a"]
    assert bench.of(Park) == []
    assert bench.finished is not None
    assert bench.finished.failure


# Automatic shutdown


def significant(name: str, restart: str = "transient") -> ChildPlan:
    return session(name, restart=restart, significant=True)


def test_auto_shutdown_never_is_the_default() -> None:
    bench = RuleBench(monitor(significant("a"))).up()
    bench.end("a", "returned")
    assert bench.finished is None


@pytest.mark.parametrize(
    ("restart", "kind"), [("transient", "returned"), ("temporary", "returned"), ("temporary", "error")]
)
def test_any_significant_shuts_down_when_a_significant_child_ends_for_good(restart: str, kind: Kind) -> None:
    plan = monitor(significant("a", restart), significant("b"), actor("c"), auto_shutdown="any_significant")
    bench = RuleBench(plan).up()
    bench.end("a", kind)
    assert bench.stopped() == ["c"]
    bench.down()
    assert bench.stopped() == ["c", "b"]
    assert bench.finished is not None
    assert bench.finished.kind == "returned"


def test_a_significant_transient_child_that_fails_is_restarted_and_shuts_nothing_down() -> None:
    bench = RuleBench(monitor(significant("a"), auto_shutdown="any_significant")).up()
    bench.end("a", "error")
    assert bench.launched() == ["a", "a"]
    assert bench.finished is None


def test_all_significant_shuts_down_with_the_last_active_significant_child() -> None:
    plan = monitor(significant("a"), significant("b"), actor("c"), auto_shutdown="all_significant")
    bench = RuleBench(plan).up()
    bench.end("a", "returned")
    assert bench.stopped() == []
    bench.end("b", "returned")
    assert bench.stopped() == ["c"]


def test_a_significant_child_stopped_by_order_shuts_nothing_down() -> None:
    bench = RuleBench(monitor(significant("a"), actor("b"), auto_shutdown="any_significant")).up()
    bench.tell(StopChild("a", STOP))
    bench.end("a", "stop")
    assert bench.state("a").status == "done"
    assert bench.stopped() == ["a"]
    assert bench.finished is None


def test_a_significant_temporary_child_stopped_with_its_siblings_shuts_nothing_down() -> None:
    plan = monitor(actor("a"), significant("t", "temporary"), strategy="one_for_all", auto_shutdown="any_significant")
    bench = RuleBench(plan).up()
    bench.end("a")
    bench.down().up()
    assert bench.launched() == ["a", "t", "a"]
    assert bench.finished is None


# Shutdown of a child


def test_shutdown_zero_kills_at_once() -> None:
    bench = RuleBench(monitor(actor("a", shutdown=0))).up()
    bench.tell(StopAll(NODE))
    assert bench.of(StopLife) == []
    assert bench.killed() == ["a"]


def test_a_child_that_does_not_stop_within_its_own_deadline_is_killed() -> None:
    bench = RuleBench(monitor(actor("a", shutdown=7.0))).up()
    bench.tell(StopAll(NODE))
    assert bench.of(StopLife)[0].deadline_s == 7.0
    bench.wait(6.9)
    assert bench.killed() == []
    bench.wait(0.2)
    assert bench.killed() == ["a"]


def test_shutdown_none_waits_as_long_as_it_takes() -> None:
    bench = RuleBench(monitor(actor("a", shutdown=None))).up()
    bench.tell(StopAll(NODE))
    bench.wait(1e6)
    assert bench.killed() == []
    bench.end("a", "shutdown")
    assert bench.finished == NODE


# Functions: start_child, terminate_child, delete_child, restart_child


def test_an_added_child_is_started() -> None:
    bench = abc("one_for_one")
    bench.tell(ChildAdded(session("d")))
    assert bench.launched()[-1] == "d"


def test_an_added_child_whose_run_was_begun_already_goes_on_with_it() -> None:
    bench = abc("one_for_one")
    bench.tell(ChildAdded(session("d"), incarnation=3, goes_on=True))
    launched = bench.of(Launch, "d")[-1]
    assert (launched.incarnation, launched.new_run, launched.from_seq) == (4, False, None)


def test_a_child_whose_name_lives_is_refused() -> None:
    bench = abc("one_for_one")
    bench.tell(ChildAdded(session("d")))
    bench.tell(ChildAdded(session("d")))
    bench.tell(ChildAdded(session("a")))
    assert [(refusal.child, refusal.code) for refusal in bench.of(Refuse)] == [("d", "alive"), ("a", "alive")]


def test_added_children_stop_together_before_the_others() -> None:
    bench = abc("one_for_one")
    for name in ("d", "e", "f"):
        bench.tell(ChildAdded(session(name)))
    bench.up()
    bench.tell(StopAll(NODE))
    assert bench.stopped() == ["d", "e", "f"]
    bench.down()
    assert bench.stopped() == ["d", "e", "f", "c", "b", "a"]


def test_an_added_child_is_forgotten_when_it_is_over() -> None:
    bench = abc("one_for_one")
    bench.tell(ChildAdded(session("d")))
    bench.up()
    bench.end("d", "returned")
    assert [gone.child for gone in bench.of(Forget)] == ["d"]
    bench.tell(ChildAdded(session("d"), incarnation=1))
    assert bench.of(Launch, "d")[-1].incarnation == 2
    assert bench.of(Launch, "d")[-1].new_run


def test_a_stopped_child_stays_known_and_is_not_restarted_by_the_supervisor_unlike_in_otp() -> None:
    bench = abc("one_for_all")
    bench.tell(StopChild("a", STOP))
    bench.end("a", "stop")
    bench.end("b")
    bench.down().up()
    assert bench.state("a").status == "done"
    assert bench.launched("a") == ["a"]


def test_a_stopped_child_draws_in_no_sibling() -> None:
    bench = abc("one_for_all")
    bench.tell(StopChild("a", STOP))
    bench.end("a", "stop")
    assert bench.stopped() == ["a"]


def test_a_stopped_child_can_be_started_again_by_name() -> None:
    bench = abc("one_for_one")
    bench.tell(StopChild("a", STOP))
    bench.end("a", "stop")
    bench.tell(RestartChild("a"))
    assert bench.of(Launch, "a")[-1].new_run
    assert bench.of(Launch, "a")[-1].incarnation == 2


def test_a_removed_child_is_stopped_and_then_forgotten() -> None:
    bench = abc("one_for_one")
    bench.tell(ChildRemoved("b"))
    assert bench.stopped() == ["b"]
    assert bench.of(Forget) == []
    bench.end("b", "stop")
    assert [gone.child for gone in bench.of(Forget)] == ["b"]
    assert "b" not in bench.rules.children()


def test_orders_about_an_unknown_child_are_refused() -> None:
    bench = abc("one_for_one")
    for event in (StopChild("x", STOP), RestartChild("x"), ChildRemoved("x")):
        bench.tell(event)
    assert [refusal.code for refusal in bench.of(Refuse)] == ["unknown"] * 3


def test_an_order_to_kill_that_nobody_answers_is_repeated() -> None:
    bench = RuleBench(monitor(actor("a", shutdown=0))).up()
    bench.tell(StopAll(NODE))
    bench.wait(25)
    assert [kill.incarnation for kill in bench.of(KillLife)] == [1, 1, 1]
