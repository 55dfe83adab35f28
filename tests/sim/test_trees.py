"""Whole trees on a fake clock: nested supervisors, dying monitors, lost nodes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeful.exits import ExitReason, Kind
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.rules.events import ChildAdded, ResumeChild, StopChild
from wakeful_runtime.testing import Behaviour, FakeClock, FakeLife, Script, Simulation, TwoLives

CRASH = ExitReason(kind="error", what="boom")


def session(name: str, **more: object) -> ChildPlan:
    return ChildPlan.model_validate(
        {"name": name, "kind": "session", "restart": "transient", "recovery": "resume", "shutdown": 30.0, **more}
    )


def monitor(name: str, *children: ChildPlan, **more: object) -> ChildPlan:
    plan = MonitorPlan.model_validate({"name": name, "children": children, **more})
    return ChildPlan(name=name, kind="monitor", monitor=plan, shutdown=None)


def root(*children: ChildPlan) -> MonitorPlan:
    return MonitorPlan(name="gateway", children=children, max_restarts=5, within=60.0)


def team(**more: object) -> MonitorPlan:
    return root(monitor("team", session("a"), session("b"), session("c"), **more), ChildPlan(name="log", kind="actor"))


def busy(life: FakeLife) -> Behaviour:
    """Sessions commit a checkpoint a second; all stop when told."""
    return Behaviour(checkpoint_every=1.0) if life.plan.kind == "session" else Behaviour()


def started(plan: MonitorPlan, **more: object) -> Simulation:
    sim = Simulation(plan, script=busy, seed=int(str(more.get("seed", 1))))
    sim.start()
    sim.run(5)
    return sim


def test_a_tree_comes_up() -> None:
    assert started(team()).alive() == dict.fromkeys(["log", "team", "team/a", "team/b", "team/c"], 1)


def test_a_killed_session_resumes_from_its_last_checkpoint() -> None:
    sim = started(team())
    before = sim.store.checkpoints["team/a"][-1]
    sim.kill("team/a")
    sim.run(0.5)
    forked = [entry for entry in sim.journal if entry.event == "forked" and entry.path == "team/a"]
    assert dict(forked[-1].fields)["resumed"] == before
    assert sim.alive()["team/a"] == 2


def test_a_dead_monitor_is_replaced_and_adopts_its_sessions() -> None:
    sim = started(team())
    sim.kill("team")
    sim.run(5)
    assert sim.alive() == {"log": 1, "team": 2, "team/a": 1, "team/b": 1, "team/c": 1}


def test_a_session_that_dies_while_its_monitor_is_dead_is_restarted_by_the_next_one() -> None:
    sim = started(team())
    sim.kill("team")
    sim.kill("team/b")
    sim.run(5)
    assert sim.alive() == {"log": 1, "team": 2, "team/a": 1, "team/b": 2, "team/c": 1}


def test_a_verdict_whose_monitor_died_is_carried_out_under_its_own_reason() -> None:
    sim = Simulation(team(), script=lambda _life: Behaviour(dies_in=1.0))
    sim.start()
    sim.run(5)
    sim.condemn("team/a", ExitReason(kind="loop_blocked"))
    sim.run(0.5)
    sim.kill("team")
    sim.run(5)
    ended = [entry for entry in sim.journal if entry.event == "ended" and entry.path == "team/a"]
    assert [dict(entry.fields)["kind"] for entry in ended] == ["loop_blocked"]
    assert sim.alive()["team/a"] == 2


def test_a_dead_gateway_touches_nobody() -> None:
    sim = started(team())
    before = sim.alive()
    sim.lose_gateway()
    sim.run(5)
    assert sim.alive() == before


def test_a_lost_node_resumes_every_run() -> None:
    sim = started(team())
    sim.lose_node()
    sim.run(5)
    assert set(sim.alive().values()) == {2}
    assert sim.store.runs["team/a"] == 1


def test_p11_a_lost_node_with_hundreds_of_sessions_comes_back_staggered() -> None:
    sim = started(root(monitor("team", *(session(f"s{n}") for n in range(200)))))
    sim.lose_node()
    sim.run(30)
    assert len(sim.alive()) == 201
    forks = [entry.at for entry in sim.journal if entry.event == "forked" and entry.incarnation == 2]
    assert all(sum(at <= other < at + 1.0 for other in forks) <= 71 for at in forks)


def test_a_node_stopped_in_order_goes_on_where_it_was() -> None:
    sim = started(team())
    assert sim.stop().kind == "stop"
    assert sim.alive() == {}
    assert sim.store.outcomes == {}
    sim.start()
    sim.run(5)
    assert set(sim.alive().values()) == {2}
    assert sim.store.runs["team/b"] == 1


def test_a_whole_tree_stops_from_right_to_left_inside_out() -> None:
    sim = started(root(session("x"), monitor("m", session("a"), monitor("n", session("b"))), session("y")))
    sim.stop()
    gone = [entry.path for entry in sim.journal if entry.event == "gone"]
    assert gone == ["y", "m/n/b", "m/n", "m/a", "m", "x"]


def test_three_failures_without_progress_park_one_child_and_touch_no_sibling() -> None:
    def script(life: FakeLife) -> Behaviour:
        return Behaviour(lasts=1.0, end=CRASH) if life.path == "team/a" else Behaviour()

    sim = Simulation(team(), script=script)
    sim.start()
    sim.run(3600)
    assert sim.store.last["team/a"] == 3
    assert list(sim.parked) == ["team/a"]
    assert sim.alive() == {"log": 1, "team": 1, "team/b": 1, "team/c": 1}
    sim.send("team", ResumeChild("a", 0))
    sim.run(0.5)
    assert sim.parked == {}
    assert sim.alive()["team/a"] == 4


def test_p4_a_poisoned_checkpoint_is_left_behind() -> None:
    def script(life: FakeLife) -> Behaviour:
        return Behaviour(lasts=0.1, end=CRASH) if life.resumed == 3 else Behaviour(lasts=2.5, checkpoint_every=0.8)

    sim = Simulation(root(session("a")), script=script)
    sim.start()
    sim.run(1)
    sim.run(1.5)
    sim.kill("a")
    sim.run(60)
    resumed = [dict(entry.fields)["resumed"] for entry in sim.journal if entry.event == "forked"]
    assert resumed == [0, 3, 3, 2]
    assert sim.store.outcomes == {("a", 1): "ok"}


def test_escalation_restarts_the_monitor_and_at_last_parks_it() -> None:
    def script(life: FakeLife) -> Behaviour:
        crashes = life.path == "team/a"
        return Behaviour(lasts=0.2, end=CRASH, checkpoint_every=0.1) if crashes else Behaviour()

    sim = Simulation(team(max_restarts=1, within=60.0, on_exhausted="escalate"), script=script)
    sim.start()
    sim.run(600)
    assert sim.store.last["team"] == 6
    assert list(sim.parked) == ["team"]
    assert sim.alive() == {"log": 1}


def test_a_run_timeout_keeps_a_run_from_coming_back_even_after_a_restart_of_the_node() -> None:
    sim = started(team())
    sim.send("team", StopChild("a", ExitReason(kind="run_timeout")))
    sim.run(1)
    sim.lose_node()
    sim.run(5)
    assert sim.store.outcomes == {("team/a", 1): "timeout"}
    assert "team/a" not in sim.alive()


def test_a_session_that_does_not_listen_is_killed_at_its_deadline() -> None:
    sim = Simulation(root(session("deaf")), script=lambda _life: Behaviour(stops_in=None))
    sim.start()
    sim.run(1)
    before = sim.clock.now()
    sim.stop()
    assert 30.0 <= sim.clock.now() - before < 30.1


def test_what_cannot_be_killed_is_not_doubled_and_comes_back_once_it_is_gone() -> None:
    sim = Simulation(root(session("a")), script=lambda life: Behaviour(unkillable=life.incarnation == 1))
    sim.start()
    sim.run(1)
    sim.condemn("a", ExitReason(kind="uninterruptible"))
    sim.run(1000)
    assert list(sim.parked) == ["a"]
    sim.empty("a")
    sim.run(1)
    assert sim.alive() == {"a": 2}


def test_the_children_of_a_dead_monitor_do_not_outlive_the_node() -> None:
    sim = started(root(monitor("m", monitor("n", session("a")))))
    sim.kill("m/n")
    sim.stop()
    assert sim.alive() == {}
    sim.start()
    sim.run(5)
    assert sim.alive() == {"m": 2, "m/n": 2, "m/n/a": 2}


def test_the_children_of_a_dead_monitor_end_with_it_when_a_person_stops_it() -> None:
    sim = started(team())
    for _ in range(2):
        sim.kill("team")
        sim.run(0.1)
    sim.send("", StopChild("team", ExitReason(kind="stop")))
    sim.run(5)
    assert sim.alive() == {"log": 1}


def test_spawned_sessions_outlive_their_monitor() -> None:
    sim = started(team())
    sim.send("team", ChildAdded(session("extra")))
    sim.run(1)
    sim.kill("team")
    sim.run(5)
    assert sim.alive()["team/extra"] == 1
    sim.kill("team/extra")
    sim.run(1)
    assert sim.alive()["team/extra"] == 2


def test_a_second_life_would_be_noticed() -> None:
    sim = started(team())
    sim.store.placements["team"].clear()
    sim.tree.init.lives["team/a"].owner = "nobody"
    sim.kill("team")
    with pytest.raises(TwoLives):
        sim.run(5)


def test_the_clock_jumps_and_calls_in_order() -> None:
    clock, called = FakeClock(0.0), list[str]()
    clock.after(5, lambda: called.append("b"))
    clock.after(1, lambda: called.append("a"))
    clock.after(5, lambda: called.append("c"))
    clock.run(10)
    assert called == ["a", "b", "c"]
    assert clock.now() == 10.0


def test_a_loop_in_which_no_time_passes_is_noticed() -> None:
    clock = FakeClock()

    def again() -> None:
        clock.after(0, again)

    again()
    with pytest.raises(RuntimeError, match="more than"):
        clock.run(1, most=100)


KINDS: tuple[Kind, ...] = ("error", "killed", "returned", "retry_after", "oom", "start_failed")


def fickle(sim: list[Simulation]) -> Script:
    def script(life: FakeLife) -> Behaviour:
        chance = sim[0].chance
        if life.plan.kind == "monitor":
            return Behaviour(starts_in=chance.uniform(0.0, 0.1))
        return Behaviour(
            starts_in=chance.uniform(0.0, 2.0),
            start_fails=CRASH if chance.random() < 0.1 else None,
            lasts=chance.choice([None, chance.uniform(0.0, 30.0)]),
            end=ExitReason(kind=chance.choice(KINDS), delay=3.0),
            checkpoint_every=chance.choice([None, 0.5, 5.0]),
            stops_in=chance.choice([None, 0.01, 3.0]),
            dies_in=chance.choice([0.001, 1.0, 15.0]),
        )

    return script


strategies = st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])
faults = st.lists(
    st.tuples(
        st.sampled_from(["kill", "condemn", "gateway", "node"]),
        st.sampled_from(["m", "m/a", "m/b", "m/n", "m/n/c", "m/n/d", "x"]),
        st.floats(0.0, 20.0),
    ),
    max_size=12,
)


def play(seed: int, outer: str, inner: str, exhausted: str, script: list[tuple[str, str, float]]) -> Simulation:
    nested = monitor("n", session("c"), session("d", restart="temporary"), strategy=inner, on_exhausted=exhausted)
    plan = root(
        monitor("m", session("a"), session("b", restart="permanent"), nested, strategy=outer, on_exhausted=exhausted),
        session("x", recovery="alert_first", wait=30.0),
    )
    box: list[Simulation] = []
    sim = Simulation(plan, script=fickle(box), seed=seed)
    box.append(sim)
    sim.start()
    for what, path, pause in script:
        sim.run(pause)
        match what:
            case "kill":
                sim.kill(path)
            case "condemn" if path in sim.alive():
                sim.condemn(path, ExitReason(kind="wedged"))
            case "gateway":
                sim.lose_gateway()
            case "node":
                sim.lose_node()
            case _:
                pass
    sim.run(60.0)
    sim.stop()
    return sim


gentle = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@gentle
@given(st.integers(0, 10**6), strategies, strategies, st.sampled_from(["review", "escalate"]), faults)
def test_whatever_dies_no_child_has_two_lives_and_the_node_stops(
    seed: int, outer: str, inner: str, exhausted: str, script: list[tuple[str, str, float]]
) -> None:
    sim = play(seed, outer, inner, exhausted, script)
    assert sim.alive() == {}
    for path in sim.store.last:
        forked = [entry.incarnation for entry in sim.journal if entry.event == "forked" and entry.path == path]
        assert forked == sorted(set(forked))
    temporary = [entry for entry in sim.journal if entry.event == "forked" and entry.path == "m/n/d"]
    assert len({dict(entry.fields)["run"] for entry in temporary}) == len(temporary), "a temporary child was restarted"


@settings(gentle, max_examples=15)
@given(st.integers(0, 10**6), strategies, strategies, faults)
def test_one_seed_one_schedule_one_journal(
    seed: int, outer: str, inner: str, script: list[tuple[str, str, float]]
) -> None:
    assert play(seed, outer, inner, "review", script).lines() == play(seed, outer, inner, "review", script).lines()
