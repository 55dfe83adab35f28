"""A child that changes its supervisor: forgotten without an end here, adopted with all that is known of it there."""

from __future__ import annotations

from wakeful.exits import ExitReason
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.rules.commands import EndLife, Forget, KillLife, Launch, StopLife
from wakeful.rules.events import ChildAdded, ChildLent, ChildTaken, Ended, KnownChild, Progressed
from wakeful_runtime.simulation.rulebench import RuleBench

NIGHT = ChildPlan(name="night", kind="session", restart="transient", recovery="resume", shutdown=30.0)


def lender() -> RuleBench:
    """A monitor whose spawned session has failed once and got on since."""
    bench = RuleBench(MonitorPlan(name="sessions")).up()
    bench.tell(ChildAdded(NIGHT))
    bench.up()
    bench.end("night", "error")
    bench.wait(40)
    bench.begin("night")
    return bench


def taken(state_of: RuleBench, *, running: bool = True) -> RuleBench:
    state = state_of.state("night")
    state_of.tell(ChildLent("night"))
    bench = RuleBench(MonitorPlan(name="watcher"))
    known = KnownChild("night", state, NIGHT, state.incarnation, running=running, ready=running)
    bench.tell(ChildTaken(known))
    return bench


def test_a_lent_child_ends_nothing_and_is_gone() -> None:
    bench = lender()
    before = len(bench.said)
    bench.tell(ChildLent("night"))
    said = bench.said[before:]
    assert not [each for each in said if isinstance(each, EndLife | Forget | KillLife | StopLife)]
    assert bench.rules.child("night") is None
    assert bench.tell(Ended("night", 2, ExitReason(kind="killed"), True)) == []


def test_a_taken_child_runs_on_and_keeps_its_record() -> None:
    bench = taken(lender())
    state = bench.state("night")
    assert (state.status, state.incarnation, state.failures_in_a_row, state.dynamic) == ("running", 2, 1, True)
    assert bench.of(Launch) == []
    bench.tell(Progressed("night", 2))
    bench.end("night", "error")
    assert [launch.incarnation for launch in bench.of(Launch)] == [3]


def test_a_child_taken_without_its_life_is_resumed() -> None:
    bench = taken(lender(), running=False)
    assert [(launch.incarnation, launch.why) for launch in bench.of(Launch)] == [(3, "resume")]


def test_a_child_is_taken_once() -> None:
    bench = taken(lender())
    state = bench.state("night")
    bench.tell(ChildTaken(KnownChild("night", state, NIGHT, 2, running=True, ready=True)))
    assert bench.state("night").incarnation == 2
    assert bench.of(Launch) == []
