"""A whole tree without processes: the real supervision rules on a fake clock, with fake lives and a fake store.

One seed, one schedule, one journal: the same plan, script, seed and faults give the same journal, line by line.

    sim = Simulation(plan, script=lambda life: Behaviour(lasts=5, end=crash), seed=7)
    sim.start()
    sim.run(60)
    sim.kill("research")          # a monitor dies; its sessions go on and are adopted
    sim.run(60)
    assert sim.alive()["research/weekly"] == 3
    assert sim.stop().kind == "stop"

The simulation itself checks what must never happen: a second life of a path while the first may still act raises
`TwoLives`.
"""

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
    Condemned,
    Emptied,
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
from wakeful_runtime.fakeclock import FakeClock
from wakeful_runtime.fakeinit import FakeInit
from wakeful_runtime.simulated import Behaviour, Entry, FakeJournal, FakeLife, FakeStore, Script, TwoLives

__all__ = ["Behaviour", "Entry", "FakeClock", "FakeLife", "FakeStore", "Script", "Simulation", "TwoLives"]


@dataclass(slots=True, eq=False)
class _Supervisor:
    path: str
    rules: Supervision
    alive: bool = True
    timer: int = 0
    launching: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])


class Simulation:
    """A node: supervisors that run the real rules, everything else fake.

    Args:
        plan: the root supervisor; a child with a `monitor` is a supervisor of its own.
        script: what each life does, asked once at its fork; default: it lives for ever and stops when told.
        seed: of all latencies, of `chance` (for scripts) and of the rules' jitter.
        parallel: see `Supervision`.

    Attributes:
        clock: passes only in `run` and `stop`.
        store: incarnations, runs, checkpoints, outcomes.
        parked: path to why, of every child that waits for a person.
        finished: what the root finished with.
    """

    def __init__(self, plan: MonitorPlan, *, script: Script | None = None, seed: int = 0, parallel: int = 4) -> None:
        self.clock = FakeClock()
        self.plan = plan
        self.chance = random.Random(f"{seed}/chance")
        self.finished: ExitReason | None = None
        self.store = FakeStore()
        self.parked: dict[str, str] = {}
        self._journal = FakeJournal(self.clock)
        self._seed = seed
        self._parallel = parallel
        self._latency = random.Random(f"{seed}/latency")
        self._bucket = Bucket(at=self.clock.now())
        self._supervisors: dict[str, _Supervisor] = {}
        self._init = FakeInit(self.clock, self.store, self._journal, self, script or (lambda _life: Behaviour()))

    def start(self) -> None:
        """Boot the root supervisor; after `stop`: the next start of the same node."""
        self.finished = None
        self._begin("", self.plan)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        self.clock.run(seconds)

    def stop(self, within: float = 3600.0) -> ExitReason:
        """Stop the node in order; the reason the root finished with.

        Raises:
            AssertionError: it did not end `within` so many seconds.
        """
        self.send("", StopAll(ExitReason(kind="stop", what="the test stops the node")))
        until = self.clock.now() + within
        while self.finished is None and self.clock.step(until):
            pass
        assert self.finished is not None, f"the node did not stop within {within} s"
        return self.finished

    def send(self, supervisor: str, event: Event) -> None:
        """Hand an event to a supervisor ("" is the root) now, whatever it is."""
        self._handle(self._supervisors[supervisor], event)

    def kill(self, path: str) -> None:
        """SIGKILL from outside; of a supervisor's children nothing dies."""
        self.end(path, ExitReason(kind="killed", signal=9))

    def end(self, path: str, reason: ExitReason) -> None:
        """The present life ends now for this reason, if there is one."""
        if path in self._init.lives:
            self._init.end(self._init.lives[path], reason)

    def condemn(self, path: str, reason: ExitReason) -> None:
        """A verdict on the present life."""
        life = self._init.lives[path]
        self.deliver(life, Condemned(life.name, life.incarnation, reason))

    def empty(self, path: str) -> None:
        """What was left of an unkillable life is gone."""
        life = self._init.lives[path]
        self._init.empty(life)
        self.deliver(life, Emptied(life.name, life.incarnation))

    def lose_node(self, *, down: float = 10.0) -> None:
        """Everything dies at once; after `down` seconds the node is started anew."""
        self.clock.clear()
        self._journal.write("node_lost", "", 0)
        for supervisor in self._supervisors.values():
            supervisor.alive = False
        self._supervisors.clear()
        self._init.lives.clear()
        self.run(down)
        self.start()

    def lose_gateway(self, *, down: float = 0.01) -> None:
        """The root supervisor alone dies and is replaced; the next one adopts what runs."""
        self._supervisors[""].alive = False
        self.run(down)
        self.start()

    def alive(self) -> dict[str, int]:
        """Path to incarnation of every life there is."""
        return {path: life.incarnation for path, life in sorted(self._init.lives.items()) if life.exit is None}

    def children(self, supervisor: str = "") -> dict[str, ChildState]:
        """What a supervisor knows of its children."""
        return self._supervisors[supervisor].rules.children()

    @property
    def journal(self) -> list[Entry]:
        """Every command carried out, every life begun and ended, in order."""
        return self._journal.entries

    def lines(self) -> list[str]:
        """The journal as text."""
        return [str(entry) for entry in self.journal]

    # What the fake init calls.

    def deliver(self, life: FakeLife, event: Event) -> None:
        """To the supervisor of this life, a little later, unless none is there by then."""

        def arrive() -> None:
            supervisor = self._supervisors.get(life.owner)
            if supervisor is None or not supervisor.alive:
                return
            if isinstance(event, Ended):
                self._init.taken(life, event)
            self._handle(supervisor, event)

        self.clock.after(self._latency.uniform(0.0002, 0.002), arrive)

    def begin(self, life: FakeLife) -> None:
        """A supervisor's process is ready."""
        if life.plan.monitor is not None:
            self._begin(life.path, life.plan.monitor)

    def silence(self, life: FakeLife) -> None:
        """A supervisor's process no longer acts."""
        if life.path in self._supervisors:
            self._supervisors[life.path].alive = False

    def ask_to_stop(self, life: FakeLife, reason: ExitReason) -> bool:
        """A supervisor stops by stopping its children."""
        inner = self._supervisors.get(life.path)
        if inner is None or not inner.alive:
            return False
        self._handle(inner, StopAll(reason))
        return True

    # Supervisors.

    def _begin(self, path: str, plan: MonitorPlan) -> None:
        rules = Supervision(plan, seed=f"{self._seed}/{path}", parallel=self._parallel)
        supervisor = self._supervisors[path] = _Supervisor(path, rules)
        kept = self.store.placements.setdefault(path, {})
        owned = self._init.owned(path)
        known = [self._known(path, name, owned.get(name)) for name in sorted({*kept, *owned})]
        self._handle(supervisor, Boot(tuple(known)))
        for life in owned.values():
            self._init.report(life)

    def _known(self, path: str, name: str, life: FakeLife | None) -> KnownChild:
        plan, saved = self.store.placements[path].get(name, (None, None))
        return KnownChild(
            name=name,
            saved=None if saved is None else ChildState.load(saved),
            plan=plan,
            incarnation=life.incarnation if life else self.store.last.get(_join(path, name), 0),
            running=life is not None,
            ready=life is not None and life.ready,
        )

    def _handle(self, supervisor: _Supervisor, event: Event) -> None:
        for command in supervisor.rules.handle(event, self.clock.now()):
            self._carry_out(supervisor, command)

    def _carry_out(self, supervisor: _Supervisor, command: Command) -> None:
        match command:
            case Launch():
                self._launch(supervisor, command)
            case StopLife() | KillLife():
                self._end_life(supervisor, command)
            case WakeAt():
                self._wake(supervisor, command.at)
            case EndOrphans(child, reason):
                self._init.clear(_join(supervisor.path, child), reason)
            case Finished():
                self._finish(supervisor, command.reason)
            case Save(child, state):
                plan = supervisor.rules.child_plan(child) if state.dynamic else None
                self.store.placements[supervisor.path][child] = (plan, state.dump())
            case Forget(child):
                self.store.placements[supervisor.path].pop(child, None)
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
                self.store.outcome(_join(path, child), outcome)
                write("outcome", _join(path, child), incarnation, outcome=outcome)
            case EndLife(child, incarnation, reason):
                write("ended", _join(path, child), incarnation, kind=reason.kind, in_a_row=reason.in_a_row)
            case Note(event, child, fields):
                kept = {key: value for key, value in fields.items() if key != "incarnation"}
                write(event, _join(path, child or ""), int(str(fields.get("incarnation", 0))), **kept)
            case Refuse(child, code, why):
                write("refused", _join(path, child), 0, code=code, why=why)

    def _wake(self, supervisor: _Supervisor, at: float | None) -> None:
        supervisor.timer += 1
        timer = supervisor.timer

        def ring() -> None:
            if supervisor.alive and supervisor.timer == timer:
                self._handle(supervisor, Tick())

        if at is not None:
            self.clock.at(at, ring)

    def _finish(self, supervisor: _Supervisor, reason: ExitReason) -> None:
        self._journal.write("finished", supervisor.path, 0, kind=reason.kind, what=reason.what)
        supervisor.alive = False
        if supervisor.path == "":
            self.finished = reason
        else:
            self.end(supervisor.path, reason)

    def _launch(self, supervisor: _Supervisor, command: Launch) -> None:
        wait = self._latency.uniform(0.001, 0.005)
        if command.limited:
            self._bucket, more = self._bucket.take(self.clock.now())
            wait += more
        key = (command.child, command.incarnation)
        supervisor.launching.add(key)

        def fork() -> None:
            if supervisor.alive and key in supervisor.launching:
                supervisor.launching.discard(key)
                self._fork(supervisor, command)

        self._journal.write("launch", _join(supervisor.path, command.child), command.incarnation, why=command.why)
        self.clock.after(wait, fork)

    def _fork(self, supervisor: _Supervisor, command: Launch) -> None:
        path, plan = _join(supervisor.path, command.child), supervisor.rules.child_plan(command.child)
        assert plan is not None, f"{path} was launched and is not known"
        event: Event
        try:
            resumed = self._init.fork(supervisor.path, path, plan, command)
            event = Launched(command.child, command.incarnation, resumed)
        except ValueError as error:
            event = LaunchFailed(command.child, command.incarnation, str(error), last=self.store.last[path])
        self._handle(supervisor, event)

    def _end_life(self, supervisor: _Supervisor, command: StopLife | KillLife) -> None:
        path, key = _join(supervisor.path, command.child), (command.child, command.incarnation)
        event = "stop" if isinstance(command, StopLife) else "kill"
        self._journal.write(event, path, command.incarnation, kind=command.reason.kind)
        if key in supervisor.launching:
            supervisor.launching.discard(key)
            never = LaunchFailed(*key, why="stopped before it was forked")
            self.clock.after(0.0, lambda: self._handle(supervisor, never))
        elif isinstance(command, KillLife):
            self._init.kill(path, command.incarnation)
        else:
            self._init.stop(path, command.incarnation, command.reason)


def _join(path: str, child: str) -> str:
    return f"{path}/{child}" if path and child else path or child
