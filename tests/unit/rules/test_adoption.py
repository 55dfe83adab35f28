"""A supervisor that takes over: what it must leave alone and what it must finish."""

from __future__ import annotations

import pytest

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.rules.childstate import ChildState
from wakeful.rules.commands import Command, EndLife, EndRun, Forget, KillLife, Launch, Note, Save, StopLife
from wakeful.rules.events import (
    Boot,
    ChildAdded,
    Condemned,
    Ended,
    KnownChild,
    Launched,
    Progressed,
    Ready,
    ResumeChild,
    StopAll,
    StopChild,
    Tick,
)
from wakeful.rules.supervision import Supervision
from wakeful_runtime.simulation.rulebench import RuleBench


def session(name: str, **more: object) -> ChildPlan:
    return ChildPlan.model_validate(
        {"name": name, "kind": "session", "restart": "transient", "recovery": "resume", "shutdown": 30.0, **more}
    )


def plan_of(*children: ChildPlan, **more: object) -> MonitorPlan:
    return MonitorPlan.model_validate({"name": "m", "children": children, **more})


def saved(bench: RuleBench, name: str) -> ChildState:
    """What the store holds of it: the last Save, through plain data."""
    return ChildState.load(bench.of(Save, name)[-1].state.dump())


def successor(bench: RuleBench, *, shift: float = 0.0, gone: tuple[str, ...] = ()) -> RuleBench:
    """The next supervisor, with all lives but `gone` still running."""
    known: list[KnownChild] = []
    for name, state in bench.rules.children().items():
        runs = state.live and name not in gone
        plan = bench.rules.child_plan(name) if state.dynamic else None
        ready = state.ready_at is not None
        known.append(KnownChild(name, saved(bench, name), plan, state.incarnation, runs, ready, shift))
    return RuleBench(bench.rules.plan, known=tuple(known))


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_nothing_that_runs_is_restarted(strategy: str) -> None:
    old = RuleBench(plan_of(session("a"), session("b"), strategy=strategy)).up()
    new = successor(old)
    new.wait(1000)
    assert new.of(Launch) == []
    assert new.of(StopLife) == []
    assert [note.child for note in new.of(Note) if note.event == "adopted"] == ["a", "b"]


def test_what_was_still_starting_is_waited_for() -> None:
    old = RuleBench(plan_of(session("a"), session("b"), strategy="rest_for_one"))
    new = successor(old)
    assert new.of(Launch) == []
    new.tell(Ready("a", 1))
    assert new.launched() == ["b"]


def test_that_it_was_ready_is_kept_as_soon_as_it_says_so() -> None:
    old = RuleBench(plan_of(session("a"))).up()
    kept = saved(old, "a")
    assert kept.status == "running"
    assert kept.ready_at is not None


def test_a_half_done_kill_is_finished_under_its_real_reason() -> None:
    old = RuleBench(plan_of(session("a"))).up()
    old.tell(Condemned("a", 1, ExitReason(kind="wedged", what="GIL held")))
    new = successor(old)
    assert new.of(KillLife)[0].reason.kind == "wedged"
    new.end("a", "killed")
    assert new.of(EndLife)[0].reason.kind == "wedged"
    assert new.launched() == ["a"]


def test_a_kill_that_was_done_while_nobody_looked_has_its_real_reason_too() -> None:
    old = RuleBench(plan_of(session("a"))).up()
    old.tell(Condemned("a", 1, ExitReason(kind="wedged")))
    new = successor(old, gone=("a",))
    assert new.of(EndLife)[0].reason.kind == "wedged"
    assert new.state("a").failures_in_a_row == 1
    assert new.launched() == ["a"]


def test_a_half_done_stop_is_finished_and_sticks() -> None:
    old = RuleBench(plan_of(session("a"))).up()
    old.tell(StopChild("a", ExitReason(kind="stop")))
    new = successor(old)
    assert new.of(StopLife)[0].deadline_s == 30.0
    new.end("a", "stop")
    assert new.state("a").status == "done"
    assert new.of(EndRun)[0].outcome == "killed"


def test_a_half_done_group_restart_is_finished() -> None:
    old = RuleBench(plan_of(session("a"), session("b"), session("c"), strategy="one_for_all")).up()
    old.end("b")
    new = successor(old)
    new.down()
    new.up()
    assert {name: new.state(name).incarnation for name in "abc"} == {"a": 2, "b": 2, "c": 2}


def test_counters_go_on_where_they_stood() -> None:
    old = RuleBench(plan_of(session("a"))).up()
    for _ in range(2):
        old.end("a")
        old.wait(5)
        old.up()
    new = successor(old)
    new.end("a")
    assert new.state("a").status == "review"


def test_parked_done_and_waiting_children_stay_what_they_were() -> None:
    old = RuleBench(plan_of(session("r", failures_in_a_row=1), session("d"), session("w"))).up()
    old.end("r")
    old.end("d", "returned")
    old.end("w", "retry_after", delay=500.0)
    new = successor(old)
    assert [new.state(name).status for name in "rdw"] == ["review", "done", "waiting"]
    assert new.of(Launch) == []
    new.wait(501)
    assert new.launched() == ["w"]


def test_times_are_moved_to_the_new_clock() -> None:
    old = RuleBench(plan_of(session("w"))).up()
    old.end("w", "retry_after", delay=500.0)
    new = successor(old, shift=-300.0)
    new.wait(199)
    assert new.of(Launch) == []
    new.wait(2)
    assert new.launched() == ["w"]


def test_after_a_lost_node_what_ran_is_resumed_and_has_not_failed() -> None:
    old = RuleBench(plan_of(session("a"), session("b"))).up()
    new = successor(old, gone=("a", "b"))
    assert [(go.child, go.incarnation, go.new_run, go.why) for go in new.of(Launch)] == [
        ("a", 2, False, "resume"),
        ("b", 2, False, "resume"),
    ]
    assert all(go.limited for go in new.of(Launch))
    assert new.state("a").failures_in_a_row == 0


def test_after_an_orderly_stop_of_the_node_what_ran_is_resumed() -> None:
    old = RuleBench(plan_of(session("a"))).up()
    old.tell(StopAll(ExitReason(kind="shutdown")))
    old.down()
    assert old.of(EndRun) == []
    new = successor(old)
    last = new.of(Launch)[0]
    assert (last.new_run, last.why, last.incarnation) == (False, "resume", 2)


def test_a_temporary_child_lost_with_the_node_is_not_restarted() -> None:
    old = RuleBench(plan_of(session("t", restart="temporary"))).up()
    new = successor(old, gone=("t",))
    assert new.of(Launch) == []
    assert new.of(EndRun)[0].outcome == "killed"


def test_a_temporary_child_begins_a_new_run_after_an_orderly_stop() -> None:
    old = RuleBench(plan_of(session("t", restart="temporary"))).up()
    old.tell(StopAll(ExitReason(kind="shutdown")))
    old.down()
    assert old.of(EndRun)[0].outcome == "killed"
    assert successor(old).of(Launch)[0].new_run


def test_spawned_children_are_adopted_with_the_plan_that_was_kept() -> None:
    old = RuleBench(plan_of())
    old.tell(ChildAdded(session("s")))
    old.up()
    new = successor(old)
    assert new.of(Launch) == []
    assert new.state("s").dynamic
    new.end("s", "error")
    assert new.of(Launch)[0].incarnation == 2


def test_a_life_that_is_no_longer_in_the_tree_is_stopped_and_forgotten() -> None:
    new = RuleBench(plan_of(), known=(KnownChild("x", incarnation=3, running=True, ready=True),))
    assert new.of(StopLife)[0].incarnation == 3
    new.end("x", "stop")
    assert [gone.child for gone in new.of(Forget)] == ["x"]


def test_an_unacknowledged_exit_reaches_the_new_supervisor_as_the_end_it_was() -> None:
    old = RuleBench(plan_of(session("a"))).up()
    new = successor(old)
    new.tell(Ended("a", 1, ExitReason(kind="exited", code=15)))
    assert new.launched() == ["a"]
    assert new.state("a").failures_in_a_row == 1


def test_incarnations_only_grow_whatever_was_lost() -> None:
    new = RuleBench(plan_of(session("a")), known=(KnownChild("a", incarnation=17),))
    assert new.of(Launch)[0].incarnation == 18


def test_an_unkillable_life_stays_unkillable() -> None:
    old = RuleBench(plan_of(session("a"))).up()
    old.end("a", "wedged", empty=False)
    new = successor(old)
    assert new.state("a").unkillable
    assert new.of(Launch) == []


def test_boot_must_be_first_and_only_first() -> None:
    rules = Supervision(plan_of())
    with pytest.raises(ValueError, match="Boot"):
        rules.handle(Tick(), 0.0)
    rules.handle(Boot(), 0.0)
    with pytest.raises(ValueError, match="Boot"):
        rules.handle(Boot(), 0.0)


def test_a_stale_report_changes_nothing_and_commands_nothing() -> None:
    bench = RuleBench(plan_of(session("a"))).up()
    bench.end("a")
    bench.up()
    before = bench.rules.children()
    said: list[Command] = []
    for number in (0, 1, 3, 99):
        said += bench.tell(Ended("a", number, ExitReason(kind="error")))
        said += bench.tell(Ready("a", number))
        said += bench.tell(Launched("a", number))
        said += bench.tell(Progressed("a", number, 9))
        said += bench.tell(Condemned("a", number, ExitReason(kind="wedged")))
    assert said == []
    assert bench.rules.children() == before


def test_a_report_after_the_end_changes_nothing() -> None:
    bench = RuleBench(plan_of(session("a", failures_in_a_row=1))).up()
    bench.end("a")
    assert bench.tell(Ended("a", 1, ExitReason(kind="returned"))) == []
    assert bench.state("a").status == "review"


def test_what_is_saved_comes_back_equal() -> None:
    bench = RuleBench(plan_of(session("a"))).up()
    bench.end("a", "oom", what="x", checkpoints=(1, 2))
    bench.tell(ResumeChild("a"))
    state = bench.of(Save)[-1].state
    assert ChildState.load(state.dump()) == state
    assert ChildState.load({**state.dump(), "from_a_newer_version": 1}) == state
