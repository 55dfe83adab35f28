"""The supervisors of a simulated node: the real rules, their commands carried out on fake lives."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from wakeful.exits import ExitReason
from wakeful.plan import MonitorPlan
from wakeful.rules.childstate import ChildState
from wakeful.rules.commands import (
    Command,
    EndLife,
    EndOrphans,
    EndRun,
    Finished,
    Forget,
    KillLife,
    Launch,
    Note,
    Park,
    Refuse,
    Save,
    StopLife,
    Unpark,
    WakeAt,
)
from wakeful.rules.events import (
    Boot,
    Ended,
    Event,
    KnownChild,
    Launched,
    LaunchFailed,
    StopAll,
    Tick,
)
from wakeful.rules.restarts import Bucket
from wakeful.rules.supervision import Supervision
from wakeful_runtime.simulation.fakeclock import FakeClock
from wakeful_runtime.simulation.fakeinit import FakeInit
from wakeful_runtime.simulation.simulated import FakeJournal, FakeLife, FakeStore, Script


@dataclass(slots=True, eq=False)
class FakeSupervisor:
    """A supervisor's process: the rules, a timer, and the launches under way."""

    path: str
    rules: Supervision
    alive: bool = True
    timer: int = 0
    launching: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])


class FakeTree:
    """All supervisors of a node.

    Args:
        plan: the root.
        clock, store, journal, script: what they act on.
        seed: of all latencies and of the rules' jitter.
        parallel: see `Supervision`.

    Attributes:
        supervisors: by path, "" the root; dead ones too, until they are replaced.
        parked: path to why, of every child that waits for a person.
        finished: what the root finished with.
    """

    def __init__(
        self,
        plan: MonitorPlan,
        clock: FakeClock,
        store: FakeStore,
        journal: FakeJournal,
        script: Script,
        *,
        seed: int,
        parallel: int,
    ) -> None:
        self.supervisors: dict[str, FakeSupervisor] = {}
        self.parked: dict[str, str] = {}
        self.finished: ExitReason | None = None
        self.init = FakeInit(clock, store, journal, self, script)
        self._plan = plan
        self._clock = clock
        self._store = store
        self._journal = journal
        self._seed = seed
        self._parallel = parallel
        self._latency = random.Random(f"{seed}/latency")
        self._bucket = Bucket(at=clock.now())

    def start(self) -> None:
        """Boot the root."""
        self.finished = None
        self._begin("", self._plan)

    def lose(self) -> None:
        """Everything is gone at once."""
        for supervisor in self.supervisors.values():
            supervisor.alive = False
        self.supervisors.clear()
        self.init.lives.clear()

    def handle(self, supervisor: FakeSupervisor, event: Event) -> None:
        """Tell the rules, carry out what they command."""
        for command in supervisor.rules.handle(event, self._clock.now()):
            self._carry_out(supervisor, command)

    # What the fake init calls.

    def deliver(self, life: FakeLife, event: Event) -> None:
        """To the supervisor of this life, a little later, unless none is there by then."""

        def arrive() -> None:
            supervisor = self.supervisors.get(life.owner)
            if supervisor is None or not supervisor.alive:
                return
            if isinstance(event, Ended):
                self.init.taken(life, event)
            self.handle(supervisor, event)

        self._clock.after(self._latency.uniform(0.0002, 0.002), arrive)

    def begin(self, life: FakeLife) -> None:
        """A supervisor's process is ready."""
        if life.plan.monitor is not None:
            self._begin(life.path, life.plan.monitor)

    def silence(self, life: FakeLife) -> None:
        """A supervisor's process no longer acts."""
        if life.path in self.supervisors:
            self.supervisors[life.path].alive = False

    def ask_to_stop(self, life: FakeLife, reason: ExitReason) -> bool:
        """A supervisor stops by stopping its children."""
        inner = self.supervisors.get(life.path)
        if inner is None or not inner.alive:
            return False
        self.handle(inner, StopAll(reason))
        return True

    # Supervisors.

    def _begin(self, path: str, plan: MonitorPlan) -> None:
        rules = Supervision(plan, seed=f"{self._seed}/{path}", parallel=self._parallel)
        supervisor = self.supervisors[path] = FakeSupervisor(path, rules)
        kept = self._store.placements.setdefault(path, {})
        owned = self.init.owned(path)
        known = [self._known(path, name, owned.get(name)) for name in sorted({*kept, *owned})]
        self.handle(supervisor, Boot(tuple(known)))
        for life in owned.values():
            self.init.report(life)

    def _known(self, path: str, name: str, life: FakeLife | None) -> KnownChild:
        plan, saved = self._store.placements[path].get(name, (None, None))
        return KnownChild(
            name=name,
            saved=None if saved is None else ChildState.load(saved),
            plan=plan,
            incarnation=life.incarnation if life else self._store.last.get(_join(path, name), 0),
            running=life is not None,
            ready=life is not None and life.ready,
        )

    def _carry_out(self, supervisor: FakeSupervisor, command: Command) -> None:
        match command:
            case Launch():
                self._launch(supervisor, command)
            case StopLife() | KillLife():
                self._end_life(supervisor, command)
            case WakeAt():
                self._wake(supervisor, command.at)
            case EndOrphans(child, reason):
                self.init.clear(_join(supervisor.path, child), reason)
            case Finished():
                self._finish(supervisor, command.reason)
            case Save(child, state):
                plan = supervisor.rules.child_plan(child) if state.dynamic else None
                self._store.placements[supervisor.path][child] = (plan, state.dump())
            case Forget(child):
                self._store.placements[supervisor.path].pop(child, None)
            case Park(child, why):
                self.parked[_join(supervisor.path, child)] = why
            case Unpark(child):
                self.parked.pop(_join(supervisor.path, child), None)
            case _:
                self._record(supervisor.path, command)

    def _record(self, path: str, command: EndLife | EndRun | Note | Refuse) -> None:
        write = self._journal.write
        match command:
            case EndRun(child, incarnation, outcome):
                self._store.outcome(_join(path, child), outcome)
                write("outcome", _join(path, child), incarnation, outcome=outcome)
            case EndLife(child, incarnation, reason):
                write("ended", _join(path, child), incarnation, kind=reason.kind, in_a_row=reason.in_a_row)
            case Note(event, child, fields):
                kept = {key: value for key, value in fields.items() if key != "incarnation"}
                write(event, _join(path, child or ""), int(str(fields.get("incarnation", 0))), **kept)
            case Refuse(child, code, why):
                write("refused", _join(path, child), 0, code=code, why=why)

    def _wake(self, supervisor: FakeSupervisor, at: float | None) -> None:
        supervisor.timer += 1
        timer = supervisor.timer

        def ring() -> None:
            if supervisor.alive and supervisor.timer == timer:
                self.handle(supervisor, Tick())

        if at is not None:
            self._clock.at(at, ring)

    def _finish(self, supervisor: FakeSupervisor, reason: ExitReason) -> None:
        self._journal.write("finished", supervisor.path, 0, kind=reason.kind, what=reason.what)
        supervisor.alive = False
        if supervisor.path == "":
            self.finished = reason
        else:
            self.init.end(self.init.lives[supervisor.path], reason)

    def _launch(self, supervisor: FakeSupervisor, command: Launch) -> None:
        wait = self._latency.uniform(0.001, 0.005)
        if command.limited:
            self._bucket, more = self._bucket.take(self._clock.now())
            wait += more
        key = (command.child, command.incarnation)
        supervisor.launching.add(key)

        def fork() -> None:
            if supervisor.alive and key in supervisor.launching:
                supervisor.launching.discard(key)
                self._fork(supervisor, command)

        self._journal.write("launch", _join(supervisor.path, command.child), command.incarnation, why=command.why)
        self._clock.after(wait, fork)

    def _fork(self, supervisor: FakeSupervisor, command: Launch) -> None:
        path, plan = _join(supervisor.path, command.child), supervisor.rules.child_plan(command.child)
        assert plan is not None, f"{path} was launched and is not known"
        event: Event
        try:
            resumed = self.init.fork(supervisor.path, path, plan, command)
            event = Launched(command.child, command.incarnation, resumed)
        except ValueError as error:
            event = LaunchFailed(command.child, command.incarnation, str(error), last=self._store.last[path])
        self.handle(supervisor, event)

    def _end_life(self, supervisor: FakeSupervisor, command: StopLife | KillLife) -> None:
        path, key = _join(supervisor.path, command.child), (command.child, command.incarnation)
        event = "stop" if isinstance(command, StopLife) else "kill"
        self._journal.write(event, path, command.incarnation, kind=command.reason.kind)
        if key in supervisor.launching:
            supervisor.launching.discard(key)
            never = LaunchFailed(*key, why="stopped before it was forked")
            self._clock.after(0.0, lambda: self.handle(supervisor, never))
        elif isinstance(command, KillLife):
            self.init.kill(path, command.incarnation)
        else:
            self.init.stop(path, command.incarnation, command.reason)


def _join(path: str, child: str) -> str:
    return f"{path}/{child}" if path and child else path or child
