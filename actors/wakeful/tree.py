"""Trees: what a node runs. Specs are frozen and checked when built; a SpecError says what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wakeful.alerting import Alert, alert
from wakeful.child import Child
from wakeful.errors import SpecError
from wakeful.lists import described, listed, module_name, no_twins
from wakeful.plan import ChildPlan, MonitorPlan, NodePlan
from wakeful.policy import MONITOR_HEARTBEAT, AutoShutdown, Duration, Heartbeat, OnExhausted, Spec, Strategy
from wakeful.schedule import Job
from wakeful.words import choice, count, name, no_others, positive, zone

RESERVED = frozenset({"init", "keeper", "gateway", "store", "scheduler", "herald", "web", "sessions"})
"""Paths of the node's own processes."""
_MONITOR = (
    "strategy",
    "failures_in_a_row",
    "max_restarts",
    "within",
    "on_exhausted",
    "auto_shutdown",
    "max_children",
    "agents",
    "max_running",
    "significant",
    "heartbeat",
)
_GATEWAY = (
    "agents",
    "schedule",
    "alerts",
    "max_restarts",
    "within",
    "failures_in_a_row",
    "preload",
    "timezone",
    "max_running",
)


class Monitor(Spec):
    """A supervisor that watches its children's hearts. Monitors may hold monitors.

    Attributes:
        name: its name among its siblings.
        children: in start order.
        strategy: "one_for_one", "one_for_all", "rest_for_one".
        failures_in_a_row: this failure of a child without progress parks it for review.
        max_restarts: at most so many restarts ...
        within: ... in so many seconds.
        on_exhausted: "review" parks the child, "escalate" fails to the own supervisor.
        auto_shutdown: end with "any_significant" or "all_significant" child, or "never".
        max_children: of all that are not finished; None: no limit.
        agents: what may be started dynamically below it.
        max_running: of those at once.
        significant: as of a Child.
        heartbeat: how the gateway watches this monitor's own process.
    """

    name: str
    children: tuple[Child | Monitor, ...]
    strategy: Strategy
    failures_in_a_row: int
    max_restarts: int
    within: float
    on_exhausted: OnExhausted
    auto_shutdown: AutoShutdown
    max_children: int | None
    agents: tuple[Child, ...]
    max_running: int
    significant: bool
    heartbeat: Heartbeat

    def __init__(
        self,
        name: str,
        *children: Child | Monitor,
        strategy: Strategy = "one_for_one",
        failures_in_a_row: int = 3,
        max_restarts: int = 10,
        within: Duration = 600,
        on_exhausted: OnExhausted = "review",
        auto_shutdown: AutoShutdown = "never",
        max_children: int | None = None,
        agents: Sequence[Child] = (),
        max_running: int = 8,
        significant: bool = False,
        heartbeat: Heartbeat | None = None,
        **unknown: object,
    ) -> None:
        of = f"Monitor({name!r})"
        no_others(unknown, _MONITOR, of)
        super().__init__(
            name=_name(name, of),
            children=_children(children, of),
            strategy=choice(strategy, Strategy, f"{of}: strategy"),
            failures_in_a_row=count(failures_in_a_row, f"{of}: failures_in_a_row"),
            max_restarts=count(max_restarts, f"{of}: max_restarts", least=0),
            within=positive(within, f"{of}: within"),
            on_exhausted=choice(on_exhausted, OnExhausted, f"{of}: on_exhausted"),
            auto_shutdown=choice(auto_shutdown, AutoShutdown, f"{of}: auto_shutdown"),
            max_children=None if max_children is None else count(max_children, f"{of}: max_children"),
            agents=_agents(agents, of),
            max_running=count(max_running, f"{of}: max_running"),
            significant=significant,
            heartbeat=heartbeat or MONITOR_HEARTBEAT,
        )
        if self.max_children is not None and len(self.children) > self.max_children:
            raise SpecError(f"{of}: {len(self.children)} children, and max_children={self.max_children}; raise it")
        if self.auto_shutdown == "never" and any(child.significant for child in self.children):
            raise SpecError(f"{of}: a significant child needs auto_shutdown='any_significant' or 'all_significant'")

    def plan(self) -> ChildPlan:
        """The monitor as a child of its supervisor: permanent, and given as long to stop as it takes."""
        inner = MonitorPlan(
            name=self.name,
            children=tuple(_plan(child, self.failures_in_a_row) for child in self.children),
            strategy=self.strategy,
            failures_in_a_row=self.failures_in_a_row,
            max_restarts=self.max_restarts,
            within=self.within,
            on_exhausted=self.on_exhausted,
            auto_shutdown=self.auto_shutdown,
            max_children=self.max_children,
            agents=tuple(agent.plan(self.failures_in_a_row, agent=True) for agent in self.agents),
            max_running=self.max_running,
        )
        restart = "permanent" if self.auto_shutdown == "never" and not self.significant else "transient"
        return ChildPlan(
            name=self.name,
            kind="monitor",
            monitor=inner,
            restart=restart,
            shutdown=None,
            significant=self.significant,
            heartbeat=self.heartbeat,
        )

    def all_agents(self) -> tuple[Child, ...]:
        """Its own and those of the monitors below it."""
        below = (child.all_agents() for child in self.children if isinstance(child, Monitor))
        return (*self.agents, *(agent for agents in below for agent in agents))


class Gateway(Spec):
    """The root of a tree. It never gives up.

    Attributes:
        children: monitors, and children of its own, in start order.
        agents: what `sessions_spawn`, schedules and `spawn` may start.
        schedule: jobs.
        alerts: whom to tell.
        max_restarts: each monitor is restarted at most so often ...
        within: ... in so many seconds, then parked for review.
        failures_in_a_row: for children of its own.
        preload: modules that all children share; they must start no thread.
        timezone: of schedules and business hours that name none; None: the machine's.
        max_running: of dynamic sessions at once.
    """

    children: tuple[Child | Monitor, ...]
    agents: tuple[Child, ...]
    schedule: tuple[Job, ...]
    alerts: tuple[Alert, ...]
    max_restarts: int
    within: float
    failures_in_a_row: int
    preload: tuple[str, ...]
    timezone: str | None
    max_running: int

    def __init__(
        self,
        *children: Child | Monitor,
        agents: Sequence[Child] = (),
        schedule: Sequence[Job] = (),
        alerts: Sequence[Alert | str] = (),
        max_restarts: int = 5,
        within: Duration = 60,
        failures_in_a_row: int = 3,
        preload: Sequence[str] = (),
        timezone: str | None = None,
        max_running: int = 8,
        **unknown: object,
    ) -> None:
        of = "Gateway(…)"
        no_others(unknown, _GATEWAY, of)
        super().__init__(
            children=_children(children, of),
            agents=_agents(agents, of),
            schedule=_jobs(schedule),
            alerts=tuple(alert(each) for each in listed(alerts, f"{of}: alerts", "'env:NAME'")),
            max_restarts=count(max_restarts, f"{of}: max_restarts", least=0),
            within=positive(within, f"{of}: within"),
            failures_in_a_row=count(failures_in_a_row, f"{of}: failures_in_a_row"),
            preload=tuple(module_name(each) for each in listed(preload, f"{of}: preload", "'numpy'")),
            timezone=zone(timezone, f"{of}: timezone"),
            max_running=count(max_running, f"{of}: max_running"),
        )
        for child in self.children:
            if child.name in RESERVED:
                raise SpecError(f"{of}: {child.name!r} is the name of a process of the node; choose another")
            if child.significant:
                raise SpecError(
                    f"{of}: {child.name!r} is significant, and the gateway never shuts itself down; remove that"
                )
        self._check_schedule()

    def plan(self) -> NodePlan:
        """The tree as data, checked once more.

        Raises:
            SpecError: a class has changed or can't be imported any more.
        """
        root = MonitorPlan(
            name="gateway",
            children=tuple(_plan(child, self.failures_in_a_row) for child in self.children),
            failures_in_a_row=self.failures_in_a_row,
            max_restarts=self.max_restarts,
            within=self.within,
            max_running=self.max_running,
        )
        return NodePlan(
            root=root,
            agents=tuple(agent.plan(self.failures_in_a_row, agent=True) for agent in self.agents),
            schedule=tuple(job.plan() for job in self.schedule),
            alerts=tuple(each.plan() for each in self.alerts),
            preload=self.preload,
            timezone=self.timezone,
        )

    def _check_schedule(self) -> None:
        monitors = [child for child in self.children if isinstance(child, Monitor)]
        known = {agent.name: agent for agent in (*(a for m in monitors for a in m.all_agents()), *self.agents)}
        for job in self.schedule:
            agent = known.get(job.agent)
            if agent is None:
                listed = ", ".join(sorted(known)) or "none: write Gateway(agents=[Child(…)])"
                raise SpecError(f"Job({job.name!r}): there is no agent {job.agent!r}; the agents are {listed}")
            agent.check_task(job.task, f"Job({job.name!r})")


def _plan(child: Child | Monitor, failures_in_a_row: int) -> ChildPlan:
    return child.plan() if isinstance(child, Monitor) else child.plan(failures_in_a_row)


def _name(value: object, of: str) -> str:
    return name(value, of if isinstance(value, str) else "Monitor(…)")


def _children(children: Iterable[object], of: str) -> tuple[Child | Monitor, ...]:
    found: list[Child | Monitor] = []
    for child in children:
        if not isinstance(child, Child | Monitor):
            raise SpecError(
                f"{of}: {described(child)} is no child; write Child('name', TheClass) or Monitor('name', …)"
            )
        if isinstance(child, Child):
            child.check_complete()
        found.append(child)
    no_twins([child.name for child in found], f"{of}: two children are called", "give each its own name")
    return tuple(found)


def _agents(agents: Iterable[object], of: str) -> tuple[Child, ...]:
    found: list[Child] = []
    for agent in listed(agents, f"{of}: agents", "Child('researcher', Research)"):
        if not isinstance(agent, Child):
            raise SpecError(f"{of}: agents: {described(agent)} is no agent; write Child('name', TheSession)")
        agent.check_agent()
        found.append(agent)
    no_twins([agent.name for agent in found], f"{of}: two agents are called", "give each its own name")
    return tuple(found)


def _jobs(jobs: Iterable[object]) -> tuple[Job, ...]:
    found: list[Job] = []
    for job in listed(jobs, "Gateway(…): schedule", "Job('nightly', '0 3 * * *', 'researcher')"):
        if not isinstance(job, Job):
            raise SpecError(
                f"Gateway(…): schedule: {described(job)} is no job; write Job('name', '0 3 * * mon', 'agent')"
            )
        found.append(job)
    no_twins([job.name for job in found], "Gateway(…): two jobs are called", "give each its own name")
    return tuple(found)
