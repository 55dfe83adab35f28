"""Three weeks of nights on a fake clock: the real rules of supervision and of schedules, a world that breaks things.

Every run has steps; each life draws from the seed at which step it crashes, hangs or blocks, if it does. The bare agent
is the first life of the same draws: it has done its run if nothing happened to it. Monitors, gateway, scheduler and the
whole node die now and then as well.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import partial

from wakeful.exits import ExitReason, Kind
from wakeful.plan import ChildPlan, MonitorPlan
from wakeful.policy import Heartbeat
from wakeful.rules.cron import Schedule, next_after
from wakeful.rules.events import ChildAdded
from wakeful.rules.firing import Rule, Standing, due
from wakeful_runtime.testing import Behaviour, FakeLife, Simulation

DAY_S = 86400.0
MONITOR = "sessions"


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of run.

    Attributes:
        fault: how likely something happens to a run that is left to itself.
        limit: seconds from its time within which it must be done.
        post: the step that changes the world, None if none does.
    """

    job: str
    schedule: Schedule
    steps: int
    step_s: float
    fault: float
    limit: float
    heartbeat: Heartbeat
    post: int | None = None

    @property
    def step_fault(self) -> float:
        """The same for one step."""
        return 1.0 - math.pow(1.0 - self.fault, 1.0 / self.steps)


RESEARCH = [
    Work(
        f"research-{number}",
        Schedule(expr=f"{number} 22-23,0-5 * * *"),
        steps=40,
        step_s=30.0,
        fault=0.30,
        limit=3 * 3600.0,
        heartbeat=Heartbeat(every=60, timeout=20, progress=300.0),
    )
    for number in range(6)
]
POSTING = Work(
    "posting",
    Schedule(expr="0 9,12,17,20 * * *"),
    steps=4,
    step_s=30.0,
    fault=0.15,
    limit=15 * 60.0,
    heartbeat=Heartbeat(every=15, timeout=10, progress=90.0),
    post=2,
)


WORKS = [*RESEARCH, POSTING]
KINDS: list[Kind] = ["error", "no_progress", "loop_blocked"]
MONITOR_LOST_S = 2 * 3600.0
NODE_LOST_S = 3 * DAY_S
"""Between two losses, on average."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a life: in the middle of which of its steps."""

    kind: Kind
    step: int


@dataclass(frozen=True, slots=True)
class Night:
    """One run: of which work, due when (wall time)."""

    work: Work
    due: float


@dataclass(slots=True)
class Figures:
    """What came of it.

    Attributes:
        silent: runs that are not done, and nobody was told.
    """

    runs: int = 0
    completed: int = 0
    posts: int = 0
    posted_in_time: int = 0
    posted_twice: int = 0
    silent: int = 0

    def add(self, night: Night, completed: bool, in_time: bool, *, told: bool) -> None:
        """Count one run."""
        if night.work.post is None:
            self.runs += 1
            self.completed += completed
        else:
            self.posts += 1
            self.posted_in_time += in_time
        self.silent += not told

    @property
    def completed_rate(self) -> float:
        return self.completed / max(1, self.runs)

    @property
    def in_time_rate(self) -> float:
        return self.posted_in_time / max(1, self.posts)


class World:
    """Plays so many days.

    Args:
        days: of 24 hours, from midnight.
        seed: of everything.

    Attributes:
        nights: every run that was started, by name.
        posted: the world outside: how often each run's post is there.
        missed: times the scheduler did not start, and said so.
    """

    def __init__(self, days: int, seed: int) -> None:
        self.days = days
        self.seed = seed
        self.nights: dict[str, Night] = {}
        self.posted: dict[str, int] = {}
        self.missed: list[str] = []
        monitor = MonitorPlan(name=MONITOR, max_running=1000)
        child = ChildPlan(name=MONITOR, kind="monitor", monitor=monitor, shutdown=None)
        root = MonitorPlan(name="gateway", children=(child,), max_restarts=5, within=60.0)
        self.sim = Simulation(root, script=self._script, seed=seed)
        self._dice = random.Random(f"{seed}/trouble")
        self._midnight = 0.0

    def play(self) -> None:
        """All of it, and four hours for what is still under way."""
        sim = self.sim
        sim.start()
        sim.run(5)
        self._midnight = sim.clock.now()
        cursors = {work.job: 0.0 for work in WORKS}
        lost_at = self._dice.expovariate(1 / NODE_LOST_S)
        self._lose_monitors()
        while (coming := min(self._next(work, cursors) for work in WORKS)) < self.days * DAY_S:
            self._until(coming + self._late(coming))
            if self.now > lost_at:
                sim.lose_node(down=self._dice.uniform(5.0, 90.0))
                self._lose_monitors()
                lost_at = self.now + self._dice.expovariate(1 / NODE_LOST_S)
            for work in WORKS:
                cursors[work.job] = self._fire(work, cursors[work.job])
        self._until(self.days * DAY_S + 4 * 3600.0)

    @property
    def now(self) -> float:
        """Wall time, seconds since the first midnight."""
        return self.sim.clock.now() - self._midnight

    def figures(self) -> tuple[Figures, Figures]:
        """Of the bare agent, and of the same under Wakeful."""
        bare, wakeful = Figures(), Figures()
        done = {
            entry.path: entry.at - self._midnight
            for entry in self.sim.journal
            if entry.event == "gone" and dict(entry.fields)["kind"] == "returned"
        }
        for name, night in self.nights.items():
            path = f"{MONITOR}/{name}"
            alone = self.fault_of(name, night.work, 1, night.work.steps) is None
            at = done.get(path)
            bare.add(night, alone, alone, told=alone)
            in_time = at is not None and at - night.due <= night.work.limit
            wakeful.add(night, at is not None, in_time, told=at is not None or path in self.sim.parked)
        wakeful.posted_twice = sum(count > 1 for count in self.posted.values())
        return bare, wakeful

    def fault_of(self, name: str, work: Work, life: int, steps: int) -> Fault | None:
        """What happens to this life of this run within so many steps."""
        dice = random.Random(f"{self.seed}/{name}/{life}")
        step = int(math.log(1.0 - dice.random()) / math.log(1.0 - work.step_fault))
        kind: Kind = dice.choices(KINDS, [4, 4, 2])[0]
        return Fault(kind, step) if step < steps else None

    # the scheduler

    def _next(self, work: Work, cursors: dict[str, float]) -> float:
        at = next_after(work.schedule, cursors[work.job])
        return math.inf if at is None else at

    def _late(self, coming: float) -> float:
        """One time in twenty the scheduler was killed just before, and is back a little later."""
        dice = random.Random(f"{self.seed}/scheduler/{coming:.0f}")
        return dice.uniform(0.1, 8.0) if dice.random() < 0.05 else 0.01

    def _fire(self, work: Work, cursor: float) -> float:
        """What is decided has an id made of job and time, so a time can't come twice."""
        found = due(work.schedule, Rule(misfire="run_once"), Standing(cursor), self.now)
        for firing in found.firings:
            name = f"{work.job}-{firing.scheduled:.0f}"
            if firing.fate != "start":
                self.missed.append(name)
                continue
            assert name not in self.nights, f"{name} was fired twice"
            self.nights[name] = Night(work, firing.scheduled)
            plan = ChildPlan(
                name=name, kind="session", restart="transient", recovery="resume", heartbeat=work.heartbeat, shutdown=30
            )
            while not self._spawns():  # a spawn waits for the next monitor
                self.sim.run(0.1)
            self.sim.send(MONITOR, ChildAdded(plan))
        return found.cursor

    def _spawns(self) -> bool:
        monitor = self.sim.tree.supervisors.get(MONITOR)
        return monitor is not None and monitor.alive

    def _until(self, wall: float) -> None:
        while self.now < wall:
            self.sim.run(min(600.0, max(0.001, wall - self.now)))

    # the world

    def _lose_monitors(self) -> None:
        """The monitor dies every two hours or so."""

        def lose() -> None:
            self.sim.kill(MONITOR)
            self.sim.clock.after(self._dice.expovariate(1 / MONITOR_LOST_S), lose)

        self.sim.clock.after(self._dice.expovariate(1 / MONITOR_LOST_S), lose)

    def _script(self, life: FakeLife) -> Behaviour:
        if life.plan.kind != "session":
            return Behaviour()
        work, clock = self.nights[life.name].work, self.sim.clock
        steps = work.steps - life.resumed
        fault = self.fault_of(life.name, work, life.incarnation, steps)
        if work.post is not None and life.resumed <= work.post and (fault is None or fault.step > work.post):
            clock.after((work.post - life.resumed + 0.25) * work.step_s, partial(self._post, life))
        if fault is None:
            return Behaviour(lasts=steps * work.step_s + 1.0, checkpoint_every=work.step_s)
        works = (fault.step + 0.5) * work.step_s
        if fault.kind == "error":
            end = ExitReason(kind="error", what="the world")
            return Behaviour(lasts=works, end=end, checkpoint_every=work.step_s)
        watch = work.heartbeat
        found = watch.progress if fault.kind == "no_progress" else watch.every + watch.timeout
        reason = ExitReason(kind=fault.kind)
        clock.after(works + (found or 0.0), partial(self._condemn, life, reason, watch.every))
        return Behaviour(hangs_after=works, checkpoint_every=work.step_s)

    def _condemn(self, life: FakeLife, reason: ExitReason, again: float) -> None:
        """A verdict; the next monitor looks by itself, should this one be dying."""
        if self.sim.tree.init.lives.get(life.path) is life and life.exit is None:
            if self._spawns():
                self.sim.condemn(life.path, reason)
            self.sim.clock.after(again, partial(self._condemn, life, reason, again))

    def _post(self, life: FakeLife) -> None:
        """The step inside `once`: another life of the run finds that it happened (`verify`)."""
        if life.exit is None and not life.dying and not self.posted.get(life.name):
            self.posted[life.name] = self.posted.get(life.name, 0) + 1
