"""Sessions: actors with one long job that is resumed from its checkpoints."""

from __future__ import annotations

import inspect
from typing import Any, Generic, ParamSpec, TypeVar, overload

from wakeful.actor import Actor, Living
from wakeful.checkpoint import Checkpoint
from wakeful.children import ChildRun, Runs, RunsPlainly, started
from wakeful.errors import CodecError, SpecError
from wakeful.hints import Unresolvable, argument_of, returned
from wakeful.inbox import Inbox
from wakeful.life import Kept
from wakeful.values import decode, encode

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


class Session(Actor, Generic[S]):
    """An actor with one long job; `S` is what it remembers: `class Research(Session[Notes])`.

    Handlers run between the awaits of `run`. An exception in one is journalled and `run` goes on.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        run = vars(cls).get("run")
        if inspect.isfunction(run) and not hasattr(run, "__wrapped__") and not inspect.iscoroutinefunction(run):
            raise SpecError(f"{cls.__name__}.run: write `async def run`, or derive from BlockingSession for plain code")

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        """The job. Its arguments are the child's `task` and `args`, what it returns is the run's result."""
        raise NotImplementedError(f"{type(self).__name__} has no run")

    async def postcondition(self, result: Any) -> bool | str:
        """Whether the result is what the run was for: True, or False or a text that says what is missing."""
        return True

    @property
    def resumed(self) -> Checkpoint[S] | None:
        """The checkpoint this life continues from; None at the start of a run."""
        return self._attached.resumed()

    async def checkpoint(self, name: str, state: S | None = None) -> int:
        """Commit what to remember; durable when it returns. Counts as progress.

        Args:
            name: a word for people.
            state: what `resumed.state` will be in the next life.

        Returns:
            Its number in the run.

        Raises:
            CodecError: the state would not come back equal, or is over 16 MiB.
        """
        return await super().checkpoint(name, state)

    @property
    def run_id(self) -> str:
        """The run's id, the same in all its lives."""
        return self.life.run_id

    @property
    def time_left(self) -> float | None:
        """Seconds until the run's `run_timeout`; None without one."""
        return self.life.time_left

    @property
    def inbox(self) -> Inbox:
        """Texts and messages sent to the session: `async for mail in self.inbox:`."""
        return Inbox(self._attached)

    @overload
    async def spawn(self, cls: type[Runs[P, R]], *args: P.args, **kwargs: P.kwargs) -> ChildRun[R]: ...
    @overload
    async def spawn(self, cls: type[RunsPlainly[P, R]], *args: P.args, **kwargs: P.kwargs) -> ChildRun[R]: ...
    async def spawn(self, cls: type[Any], *args: Any, **kwargs: Any) -> ChildRun[Any]:
        """Start a session as a child of this run; the n-th spawn of a run is the same child in every life of it.

        Args:
            cls: its class.
            args: what its `run` takes.
            kwargs: the same by name.

        Raises:
            SpecError: not a session, not importable, or arguments that `run` doesn't take.
            SpawnRefused: the node starts no more.
        """
        life = self._attached.life
        return ChildRun(life, await started(self._attached, cls, args, kwargs), cls)

    @classmethod
    def state_type(cls) -> Any:
        """`S`, as the class declares it; `Any` without."""
        return argument_of(cls, Session)


def result_type(cls: type[Living]) -> Any:
    """What `run` is annotated to return; `Any` without.

    Raises:
        CodecError: the annotation can't be resolved.
    """
    run = getattr(cls, "run", None)
    if run is None:
        return Any
    try:
        return returned(run)
    except Unresolvable as error:
        raise CodecError(f"{cls.__name__}.run: its return annotation names {error}, which can't be found") from None


def conclude(session: Living, result: object) -> Kept:
    """The result of `run` as it is kept.

    Raises:
        CodecError: it would not come back equal.
    """
    return encode(result, result_type(type(session)), of=f"{type(session).__name__}.run's result")


def concluded(cls: type[Living], kept: Kept | None) -> Any:
    """A kept result again."""
    return None if kept is None else decode(kept, result_type(cls), of=f"{cls.__name__}.run's result")


async def closed(session: Living) -> None:
    """When `run` is over: mark the mail in hand as handled."""
    await session._attached.close_mail()
