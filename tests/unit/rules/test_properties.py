"""What holds for every supervisor, whatever happens to it in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeful.exits import ExitReason, Kind
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.rules.commands import Command, Finished, Forget, KillLife, Launch, StopLife, WakeAt
from wakeful.rules.events import (
    Boot,
    ChildAdded,
    ChildRemoved,
    Condemned,
    Emptied,
    Ended,
    Event,
    Launched,
    LaunchFailed,
    Pause,
    Progressed,
    Ready,
    RestartChild,
    ResumeChild,
    StopAll,
    StopChild,
    Tick,
    Unpause,
)
from wakeful.rules.supervision import Supervision

NAMES = ("a", "b", "c", "d")
KINDS: tuple[Kind, ...] = ("error", "killed", "returned", "fatal", "retry_after", "fenced", "start_failed", "wedged")

child_plans = st.builds(
    lambda kind, restart, recovery, shutdown, significant, idempotent: {
        "kind": kind,
        "restart": restart,
        "recovery": recovery,
        "shutdown": shutdown,
        "significant": significant,
        "idempotent": idempotent,
    },
    st.sampled_from(["session", "actor", "monitor", "store"]),
    st.sampled_from(["permanent", "transient", "temporary"]),
    st.sampled_from(["resume", "immediate", "alert_first"]),
    st.sampled_from([0.0, 1.0, 30.0, None]),
    st.booleans(),
    st.booleans(),
)
monitor_plans = st.builds(
    lambda children, strategy, limit, exhausted, shutdown, room: MonitorPlan.model_validate(
        {
            "name": "m",
            "children": [
                ChildPlan.model_validate({"name": name, **plan}) for name, plan in zip(NAMES, children, strict=False)
            ],
            "strategy": strategy,
            "max_restarts": limit,
            "within": 60.0,
            "on_exhausted": exhausted,
            "auto_shutdown": shutdown,
            "max_children": room,
        }
    ),
    st.lists(child_plans, max_size=4),
    st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
    st.integers(0, 5),
    st.sampled_from(["review", "escalate"]),
    st.sampled_from(["never", "any_significant", "all_significant"]),
    st.sampled_from([None, 5]),
)
steps = st.lists(
    st.tuples(st.integers(0, 17), st.sampled_from([*NAMES, "x", "y"]), st.integers(0, 7), st.floats(0, 20)),
    max_size=60,
)


@dataclass
class World:
    """Plays the machinery and checks every command."""

    plan: MonitorPlan
    now: float = 0.0
    lives: dict[str, int] = field(default_factory=dict[str, int])
    highest: dict[str, int] = field(default_factory=dict[str, int])
    stops: list[str] = field(default_factory=list[str])
    finished: bool = False

    def __post_init__(self) -> None:
        self.rules = Supervision(self.plan)
        self.tell(Boot())

    def tell(self, event: Event) -> list[Command]:
        commands = self.rules.handle(event, self.now)
        for command in commands:
            self.check(command)
        return commands

    def check(self, command: Command) -> None:
        assert not self.finished, f"{command} after Finished"
        match command:
            case Launch(child, incarnation):
                assert child not in self.lives, f"two lives of {child}"
                assert incarnation > self.highest.get(child, 0)
                self.lives[child] = self.highest[child] = incarnation
            case StopLife(child, incarnation) | KillLife(child, incarnation):
                assert self.lives.get(child) == incarnation
                self.stops.append(child)
            case WakeAt(at):
                assert at is None or at > self.now
            case Forget(child):
                assert child not in self.lives
            case Finished():
                stranded = {name for name, state in self.rules.children().items() if state.unkillable}
                assert set(self.lives) <= stranded
                self.finished = True
            case _:
                pass

    def plan_of(self, name: str) -> ChildPlan:
        plan = self.rules.child_plan(name)
        assert plan is not None
        return plan

    def over(self) -> bool:
        return self.rules.finished

    def end(self, name: str, kind: Kind, *, empty: bool = True) -> None:
        number = self.lives.get(name, 0)
        if empty:
            self.lives.pop(name, None)
        self.tell(Ended(name, number, ExitReason(kind=kind, delay=3.0), empty))

    def do(self, what: int, name: str, choice: int, pause: float) -> None:
        number = self.lives.get(name, 0)
        match what:
            case 0 | 1 | 2:
                self.end(name, KINDS[choice])
            case 3:
                self.end(name, KINDS[choice], empty=False)
            case 4 if number and (state := self.rules.child(name)) and state.unkillable:
                self.lives.pop(name)
                self.tell(Emptied(name, number))
            case 5 if number and (state := self.rules.child(name)) and state.status == "starting":
                self.lives.pop(name)
                self.tell(LaunchFailed(name, number, "why", counts=choice % 2 == 0, last=number if choice == 7 else 0))
            case 6 | 7:
                self.tell(Launched(name, number, choice % 3))
                self.tell(Ready(name, number))
            case 8:
                self.tell(Progressed(name, number, choice))
            case 9:
                self.tell(Condemned(name, number, ExitReason(kind="wedged")))
            case 10:
                self.tell(StopChild(name, ExitReason(kind="run_timeout" if choice % 2 else "stop")))
            case 11:
                self.tell(RestartChild(name))
            case 12:
                self.tell(ResumeChild(name, choice if choice % 2 else None))
            case 13:
                self.tell(Pause(name if choice % 2 else None))
            case 14:
                self.tell(Unpause(name if choice % 2 else None))
            case 15:
                self.tell(
                    ChildAdded(ChildPlan(name=name, kind="session", restart="transient"), self.highest.get(name, 0))
                )
            case 16:
                self.tell(ChildRemoved(name))
            case _:
                self.now += pause
                self.tell(Tick())

    def play(self, script: list[tuple[int, str, int, float]]) -> None:
        for what, name, choice, pause in script:
            self.do(what, name, choice, pause)


fast = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@fast
@given(monitor_plans, steps)
def test_p10_never_two_lives_of_a_child_and_incarnations_only_grow(
    plan: MonitorPlan, script: list[tuple[int, str, int, float]]
) -> None:
    World(plan).play(script)


@fast
@given(monitor_plans, steps)
def test_every_stop_ends_and_in_reverse_order(plan: MonitorPlan, script: list[tuple[int, str, int, float]]) -> None:
    world = World(plan)
    world.play(script)
    if world.over():
        return
    already = {name for name, state in world.rules.children().items() if state.status == "stopping"}
    world.stops.clear()
    world.tell(StopAll(ExitReason(kind="shutdown")))
    for _ in range(40):
        stopping = [name for name, state in world.rules.children().items() if state.status == "stopping"]
        if not stopping:
            break
        world.end(stopping[-1], "shutdown")
    assert world.over()
    order = [child.name for child in plan.children]
    stopped = [name for name in world.stops if name in order and name not in already]
    assert stopped == sorted(stopped, key=order.index, reverse=True)


@fast
@given(monitor_plans, steps)
def test_a_stop_nobody_answers_becomes_a_kill(plan: MonitorPlan, script: list[tuple[int, str, int, float]]) -> None:
    world = World(plan)
    world.play(script)
    for _ in range(5):
        world.now += 100.0
        world.stops.clear()
        said = world.tell(Tick())
        for name, state in world.rules.children().items():
            if state.status == "stopping" and (state.condemned or world.plan_of(name).shutdown is not None):
                assert state.killed_at is not None
                assert any(isinstance(command, KillLife) and command.child == name for command in said)


@fast
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 30)), max_size=80), st.integers(0, 4))
def test_no_window_sees_more_restarts_than_its_limit(ends: list[tuple[str, float]], limit: int) -> None:
    children = tuple(ChildPlan(name=name, kind="session", failures_in_a_row=1000) for name in NAMES)
    world = World(MonitorPlan(name="m", children=children, max_restarts=limit, within=60.0))
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for name, pause in ends:
        world.now += pause
        world.tell(Tick())
        if name in world.lives:
            world.end(name, "error")
            state = world.rules.child(name)
            assert state is not None
            if state.status != "review":
                times[name].append(world.now)
    for restarted in times.values():
        for at in restarted:
            assert sum(at - 60.0 <= other <= at for other in restarted) <= limit


@fast
@given(monitor_plans, steps, st.integers(0, 5))
def test_a_stale_report_changes_nothing(
    plan: MonitorPlan, script: list[tuple[int, str, int, float]], kind: int
) -> None:
    world = World(plan)
    world.play(script)
    before = world.rules.children()
    for name in NAMES:
        for number in {0, world.lives.get(name, 0) + 1, world.highest.get(name, 0) + 1, 99}:
            reason = ExitReason(kind=KINDS[kind])
            stale: list[Event] = [
                Ended(name, number, reason),
                Ready(name, number),
                Launched(name, number),
                LaunchFailed(name, number, "why"),
                Progressed(name, number),
                Condemned(name, number, reason),
                Emptied(name, number),
            ]
            for event in stale:
                assert world.tell(event) == []
    assert world.rules.children() == before


@fast
@given(monitor_plans, steps)
def test_the_same_events_give_the_same_commands(plan: MonitorPlan, script: list[tuple[int, str, int, float]]) -> None:
    one, two = World(plan), World(plan)
    for step in script:
        one.do(*step)
        two.do(*step)
        assert one.rules.children() == two.rules.children()


@fast
@given(monitor_plans, steps)
def test_an_idle_supervisor_does_not_spin(plan: MonitorPlan, script: list[tuple[int, str, int, float]]) -> None:
    world = World(plan)
    world.play(script)
    if not world.rules.finished:
        world.tell(Tick())
        launched = [command for command in world.tell(Tick()) if not isinstance(command, WakeAt)]
        assert launched == []
