"""A child's spec: what runs, with what, and what becomes of it when it fails."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import Field

from wakeful.actor import Actor, Living
from wakeful.blocking import BlockingSession
from wakeful.childargs import as_task, child_args, named, no_arguments, takes
from wakeful.command import Command
from wakeful.duration import seconds
from wakeful.errors import SpecError
from wakeful.importable import code_of
from wakeful.plan import ChildPlan
from wakeful.policy import Budget, Cleanup, Duration, Heartbeat, Limits, Recovery, Restart, Spec
from wakeful.session import Session
from wakeful.signatures import check
from wakeful.words import choice, count, name, no_others, positive

Kind = Literal["actor", "session", "command"]
_BASES: tuple[type[Any], ...] = (Living, Actor, Session, BlockingSession)
_OPTIONS = (
    "args",
    "task",
    "restart",
    "recovery",
    "wait",
    "heartbeat",
    "shutdown",
    "limits",
    "budget",
    "run_timeout",
    "cleanup",
    "significant",
    "failures_in_a_row",
    "python",
)


class Child(Spec):
    """`Child("weekly", Research, task="keywords", run_timeout="4h")`.

    Attributes:
        name: its name among its siblings.
        what: an Actor's, Session's or BlockingSession's class, or a Command.
        kind: "actor", "session" or "command".
        args: keyword arguments of `__init__` for an actor, of `run` for a session; `task` is among them.
        restart: "permanent" (actors), "transient" (sessions), "temporary".
        recovery: "resume" (sessions), "immediate" (actors): from the beginning, "alert_first": parked.
        wait: after so many seconds an "alert_first" resumes by itself.
        heartbeat: how it is watched.
        shutdown: seconds an orderly end may take; None: as long as it takes, 0: killed.
        limits: memory of its process tree.
        budget: what a run may spend.
        run_timeout: seconds of wall time for a run over all its lives; None: no limit.
        cleanup: "keep" or "delete" what a finished run left.
        significant: whether its end may end its monitor.
        failures_in_a_row: overrides the monitor's.
        python: another interpreter.
    """

    name: str
    what: Any
    kind: Kind
    args: dict[str, Any] = Field(default_factory=dict[str, Any])
    restart: Restart
    recovery: Recovery
    wait: float
    heartbeat: Heartbeat
    shutdown: float | None
    limits: Limits
    budget: Budget
    run_timeout: float | None
    cleanup: Cleanup
    significant: bool
    failures_in_a_row: int | None
    python: str | None

    def __init__(
        self,
        name: str,
        what: type[Living] | Command,
        *,
        args: Mapping[str, Any] | None = None,
        task: Any = None,
        restart: Restart | None = None,
        recovery: Recovery | None = None,
        wait: Duration = "1h",
        heartbeat: Heartbeat | None = None,
        shutdown: Duration | Literal["default"] | None = "default",
        limits: Limits | None = None,
        budget: Budget | None = None,
        run_timeout: Duration | None = None,
        cleanup: Cleanup = "keep",
        significant: bool = False,
        failures_in_a_row: int | None = None,
        python: str | None = None,
        **unknown: object,
    ) -> None:
        name = _checked_name(name)
        of = f"Child({name!r})"
        kind = _kind(what, of)
        if unknown and kind != "command":
            no_arguments(unknown, what, kind, of)
        no_others(unknown, _OPTIONS, of)
        actor = kind == "actor"
        super().__init__(
            name=name,
            what=what,
            kind=kind,
            args=child_args(what, kind, args, task, of),
            restart=choice(restart or ("permanent" if actor else "transient"), Restart, f"{of}: restart"),
            recovery=choice(recovery or ("immediate" if actor else "resume"), Recovery, f"{of}: recovery"),
            wait=positive(wait, f"{of}: wait"),
            heartbeat=_heartbeat(heartbeat, actor, of),
            shutdown=_shutdown(shutdown, actor, of),
            limits=_policy(limits, Limits, f"{of}: limits"),
            budget=_policy(budget, Budget, f"{of}: budget"),
            run_timeout=_run_timeout(run_timeout, actor, of),
            cleanup=choice(cleanup, Cleanup, f"{of}: cleanup"),
            significant=significant,
            failures_in_a_row=None
            if failures_in_a_row is None
            else count(failures_in_a_row, f"{of}: failures_in_a_row"),
            python=python,
        )
        if self.significant and self.restart == "permanent":
            raise SpecError(
                f"{of}: a permanent child never ends for good, so it can't be significant; write restart='transient'"
            )
        if actor:
            self.check_complete()
        elif kind == "session":
            code_of(self.what, of)

    def check_complete(self) -> None:
        """What a child of a tree needs: all arguments without a default, and a class that can be imported.

        Raises:
            SpecError: one is missing.
        """
        if self.kind != "command":
            check(self._takes(), self.args, self._of, complete=True)
            code_of(self.what, self._of)

    def check_agent(self) -> None:
        """What is started dynamically must be a session.

        Raises:
            SpecError: it isn't.
        """
        if self.kind == "actor":
            raise SpecError(
                f"{self._of}: an agent is a session; {self.what.__name__} is an actor, put it among the children"
            )

    def check_task(self, task: object, of: str) -> None:
        """Whether the agent can be started with this task.

        Raises:
            SpecError: its `run` needs something else.
        """
        if self.kind == "command":
            return
        args = self.args if task is None else {**self.args, **as_task(self.what, task, of)}
        check(self._takes(), args, of, complete=True)

    def plan(self, failures_in_a_row: int = 3, *, agent: bool = False) -> ChildPlan:
        """The child as data, checked once more.

        Args:
            failures_in_a_row: its monitor's.
            agent: whether it is what may be started, not a child yet: arguments may be missing.

        Raises:
            SpecError: the class can't be imported any more, or takes other arguments now.
        """
        program = self.what.plan() if self.kind == "command" else None
        if program is None:
            check(self._takes(), self.args, self._of, complete=not agent)
        return ChildPlan(
            name=self.name,
            kind=self.kind,
            code=None if program is not None else code_of(self.what, self._of),
            command=program,
            blocking=_is_blocking(self.what),
            args=self.args,
            restart=self.restart,
            recovery=self.recovery,
            wait=self.wait,
            heartbeat=self.heartbeat,
            shutdown=self.shutdown,
            limits=self.limits,
            budget=self.budget,
            run_timeout=self.run_timeout,
            cleanup=self.cleanup,
            significant=self.significant,
            failures_in_a_row=self.failures_in_a_row or failures_in_a_row,
            idempotent=bool(getattr(self.what, "idempotent", False)),
            state_version=int(getattr(self.what, "state_version", 1)),
            python=self.python,
            agent=self.name if agent else None,
            **({} if program is not None else named(self._takes())),
        )

    @property
    def _of(self) -> str:
        return f"Child({self.name!r})"

    def _takes(self) -> Any:
        return takes(self.what, self.kind)


def _is_blocking(what: Any) -> bool:
    return isinstance(what, type) and issubclass(what, BlockingSession)


def _checked_name(value: object) -> str:
    return name(value, f"Child({value!r})" if isinstance(value, str) else "Child(…)")


def _kind(what: Any, of: str) -> Kind:
    if isinstance(what, Command):
        return "command"
    if not isinstance(what, type):
        raise SpecError(f"{of}: {_not_a_class(what)}")
    if not issubclass(what, Living):
        raise SpecError(f"{of}: {what.__name__} is neither an Actor nor a Session; derive it from one")
    if what in _BASES:
        raise SpecError(f"{of}: {what.__name__} itself does nothing; write a subclass and give that")
    if inspect.isabstract(what):
        raise SpecError(f"{of}: {what.__name__} is abstract; give a class that has all its methods")
    for base in (Session, BlockingSession):
        if issubclass(what, cast("type[Any]", base)):
            if getattr(what, "run", None) is vars(base)["run"]:
                raise SpecError(f"{of}: {what.__name__} has no run; write it, or derive from Actor")
            return "session"
    return "actor"


def _not_a_class(what: Any) -> str:
    if getattr(what, "__name__", "") == "<lambda>":
        return "a lambda can't be imported by a child process; give an Actor's or Session's class from a module"
    if isinstance(what, Living):
        return f"an instance of {type(what).__name__}; give the class, it is made in the child process"
    if inspect.isroutine(what):
        return f"the function {what.__name__} is no class; write a Session with it as `run`"
    return f"{what!r} is no class; give an Actor's or Session's class, or a Command"


def _heartbeat(given: object, actor: bool, of: str) -> Heartbeat:
    heartbeat: Heartbeat = _policy(given, Heartbeat, f"{of}: heartbeat")
    return heartbeat if actor else heartbeat.for_session()


def _policy(given: Any, kind: type[Any], of: str) -> Any:
    if given is None:
        return kind()
    if not isinstance(given, kind):
        raise SpecError(f"{of}={given!r}: write {kind.__name__}(…)")
    return given


def _shutdown(given: Duration | None, actor: bool, of: str) -> float | None:
    if given == "default":
        return 5.0 if actor else 30.0
    return None if given is None else seconds(given, of=f"{of}: shutdown")


def _run_timeout(given: Duration | None, actor: bool, of: str) -> float | None:
    if given is None:
        return None
    if actor:
        raise SpecError(f"{of}: run_timeout is for sessions; an actor's run has no end")
    return positive(given, f"{of}: run_timeout")
