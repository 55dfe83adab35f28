"""Schedules: when an agent is started by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from wakeful.errors import SpecError
from wakeful.plan import JobPlan
from wakeful.policy import Duration, Spec
from wakeful.rules.cron import SHORTEST_S, check_cron
from wakeful.words import choice, name, no_others, positive, zone

Misfire = Literal["skip", "run_once", "run_all"]
Overlap = Literal["skip", "queue", "replace"]
_OPTIONS = ("every", "at", "agent", "task", "tz", "misfire", "overlap", "grace", "timeout")


class Job(Spec):
    """`Job("weekly report", "0 3 * * mon", "researcher", task="keywords")`; or `every="15m"`, `at="2026-12-01T09:00"`.

    Attributes:
        name: for people.
        expr: a cron expression, or None.
        agent: the agent it starts.
        every: seconds, or None.
        at: an ISO time, once; or None.
        task: the run's task.
        tz: a zone's name; None: the gateway's, else the machine's.
        misfire: what becomes of times that passed while the node was down.
        overlap: what becomes of a time at which the run before still goes on.
        grace: seconds that a start may be late without being missed.
        timeout: the run's `run_timeout` in seconds; None: the agent's.
    """

    name: str
    expr: str | None
    agent: str
    every: float | None
    at: str | None
    task: str | None
    tz: str | None
    misfire: Misfire
    overlap: Overlap
    grace: float
    timeout: float | None

    def __init__(
        self,
        name: str,
        expr: str | None = None,
        agent: str | None = None,
        *,
        every: Duration | None = None,
        at: str | None = None,
        task: str | None = None,
        tz: str | None = None,
        misfire: Misfire = "skip",
        overlap: Overlap = "skip",
        grace: Duration = 600.0,
        timeout: Duration | None = None,
        **unknown: object,
    ) -> None:
        of = f"Job({name!r})"
        no_others(unknown, _OPTIONS, of)
        if (every is not None or at is not None) and agent is None:
            expr, agent = None, expr  # Job("tidy", "researcher", every="15m"): the expression's place is not taken
        _one_time(of, expr, every, at)
        super().__init__(
            name=_job_name(name),
            expr=None if expr is None else _cron(expr, of),
            agent=_agent(agent, of),
            every=None if every is None else _every(every, of),
            at=None if at is None else _at(at, of),
            task=_task(task, of),
            tz=zone(tz, f"{of}: tz"),
            misfire=choice(misfire, Misfire, f"{of}: misfire"),
            overlap=choice(overlap, Overlap, f"{of}: overlap"),
            grace=positive(grace, f"{of}: grace"),
            timeout=None if timeout is None else positive(timeout, f"{of}: timeout"),
        )

    def plan(self) -> JobPlan:
        """The same as data."""
        return JobPlan(**{field: getattr(self, field) for field in type(self).model_fields})


def _job_name(value: object) -> str:
    """Jobs may be called with spaces: "weekly report"."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= 64 or not value.isprintable():
        raise SpecError(f"Job({value!r}): the name comes first: 1 to 64 printable characters")
    return value


def _one_time(of: str, expr: str | None, every: object, at: object) -> None:
    given = [word for word, value in (("an expression", expr), ("every", every), ("at", at)) if value is not None]
    if not given:
        raise SpecError(
            f"{of}: when? write a cron expression such as '0 3 * * mon', every='15m' or at='2026-12-01T09:00'"
        )
    if len(given) > 1:
        raise SpecError(f"{of}: has {' and '.join(given)}; keep one of them")


def _agent(value: object, of: str) -> str:
    if value is None:
        raise SpecError(f"{of}: which agent? write its name after the expression: Job(…, '0 3 * * mon', 'researcher')")
    return name(value, of)


def _task(value: object, of: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise SpecError(f"{of}: task={value!r}: a job's task is a text")
    return value


def _cron(expr: str, of: str) -> str:
    try:
        return check_cron(expr)
    except ValueError as error:
        raise SpecError(f"{of}: {error}") from None


def _every(value: Duration, of: str) -> float:
    seconds = positive(value, f"{of}: every")
    if seconds < SHORTEST_S:
        raise SpecError(f"{of}: every={value!r}: at least {SHORTEST_S:g} seconds")
    return seconds


def _at(value: object, of: str) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise SpecError(f"{of}: at={value!r} is no time; write at='2026-12-01T09:00'") from None
    return moment.isoformat()
