"""Children that a session spawns, and their results."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from wakeful.duration import seconds
from wakeful.errors import CodecError, RunFailed, SpecError
from wakeful.hints import Unresolvable, returned
from wakeful.importable import code_of
from wakeful.life import ChildOutcome, Life
from wakeful.policy import Duration
from wakeful.ref import Caller
from wakeful.signatures import by_name, check
from wakeful.values import decode, plain

if TYPE_CHECKING:
    from wakeful.attached import Attached

R = TypeVar("R")
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Runs(Protocol[P, R_co]):
    """A session, as far as `spawn` looks: what its `run` takes and returns."""

    def run(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R_co]: ...


class RunsPlainly(Protocol[P, R_co]):
    """The same of a blocking session."""

    def run(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class _Child:
    """A spawned run."""

    def __init__(self, life: Life, path: str, cls: type[Any]) -> None:
        self._life = life
        self._path = path
        self._cls = cls

    @property
    def path(self) -> str:
        """Where it is in the tree."""
        return self._path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r})"

    async def _result(self, timeout: Duration | None) -> Any:
        limit = None if timeout is None else seconds(timeout, of="result(timeout=…)")
        with self._life.waiting("child"):
            outcome = await self._life.child_result(self._path, limit)
        return _value(self._cls, self._path, outcome)


class ChildRun(_Child, Generic[R]):
    """A session that was spawned; `R` is what its `run` returns."""

    async def result(self, timeout: Duration | None = None) -> R:
        """What `run` returned; the progress clock stands still meanwhile.

        Raises:
            RunFailed: it ended otherwise than ok: `outcome`, `why`, `partial`.
            TimeoutError: it goes on.
        """
        value: R = await self._result(timeout)
        return value


class BlockingChildRun(_Child, Generic[R]):
    """A session that a BlockingSession spawned."""

    def __init__(self, life: Life, path: str, cls: type[Any], call: Caller) -> None:
        super().__init__(life, path, cls)
        self._call = call

    def result(self, timeout: Duration | None = None) -> R:
        """As `ChildRun.result`."""
        value: R = self._call(self._result(timeout), interruptible=True)
        return value


async def started(attached: Attached, cls: type[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Spawn it as the next child of the run; its path.

    Raises:
        SpecError: not a session, not importable, or arguments that `run` doesn't take.
        CodecError: an argument can't be kept as it is.
    """
    of = f"spawn({getattr(cls, '__name__', cls)!s})"
    run = getattr(cls, "run", None)
    if not inspect.isclass(cls) or not callable(run):
        raise SpecError(f"{of}: not a session; write a subclass of Session and give the class")
    code = code_of(cls, of)
    named = by_name(run, args, kwargs, of)
    check(run, named, of, complete=True)
    kept = {name: plain(value, of=f"{of}: {name}") for name, value in named.items()}
    return await attached.life.spawn(next(attached.numbers), f"{code.module}:{code.name}", kept)


def _value(cls: type[Any], path: str, outcome: ChildOutcome) -> Any:
    kind: Any = Any
    ok = outcome.outcome == "ok"
    try:
        kind = returned(cls.run) if ok else getattr(cls, "state_type", lambda: Any)()
    except Unresolvable as error:
        raise CodecError(f"{path}: the type of its result names {error}, which can't be found") from None
    value = None if outcome.value is None else decode(outcome.value, kind, of=f"result of {path}")
    if ok:
        return value
    raise RunFailed(outcome.outcome, outcome.why, value)
