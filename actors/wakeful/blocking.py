"""Blocking sessions: `run` in the main thread, no event loop there, nothing is awaited."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec, TypeVar, TypeVarTuple, overload

from wakeful.actor import Living
from wakeful.blocking_effects import BlockingEffects, finish
from wakeful.blocking_resource import BlockingResource
from wakeful.checkpoint import Checkpoint
from wakeful.children import BlockingChildRun, Runs, RunsPlainly, started
from wakeful.effects import Effects, Scope, Unknown
from wakeful.errors import SpecError, Stopped
from wakeful.exits import ExitReason
from wakeful.hints import argument_of
from wakeful.inbox import BlockingInbox
from wakeful.lease import Lease
from wakeful.life import Life
from wakeful.policy import Duration
from wakeful.ref import BlockingRef
from wakeful.watched import handling

R = TypeVar("R")
S = TypeVar("S")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")


class BlockingSession(Living, Generic[S]):
    """As `Session`, for code that isn't async: Selenium, Playwright's sync API, signals, `asyncio.run`.

    Only progress and leases judge it: its main thread may be as busy as it likes. When it is to stop, its next call
    raises Stopped (a checkpoint is committed first); after that `checkpoint` still works.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if inspect.iscoroutinefunction(vars(cls).get("run")):
            raise SpecError(
                f"{cls.__name__}.run: a BlockingSession's run is a plain `def`; for `async def` derive from Session"
            )

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The job. Its arguments are the child's `task` and `args`, what it returns is the run's result."""
        raise NotImplementedError(f"{type(self).__name__} has no run")

    def on_start(self) -> None:
        """Runs before `run`, in every life; when it returned, the session is ready."""

    def on_stop(self, reason: ExitReason) -> None:
        """Runs when the life is stopped in order, within `shutdown`."""

    def postcondition(self, result: Any) -> bool | str:
        """As `Session.postcondition`."""
        return True

    @property
    def ref(self) -> BlockingRef:
        """This session, as others send to it."""
        return self.actor(self.path)

    def actor(self, path: str) -> BlockingRef:
        """A ref to any actor of the node."""
        return BlockingRef(path, self.life.call, check=self._check, courier=self.life.courier)

    @property
    def resumed(self) -> Checkpoint[S] | None:
        """The checkpoint this life continues from; None at the start of a run."""
        return self._attached.resumed()

    @property
    def run_id(self) -> str:
        """The run's id, the same in all its lives."""
        return self.life.run_id

    @property
    def time_left(self) -> float | None:
        """Seconds until the run's `run_timeout`; None without one."""
        return self.life.time_left

    @property
    def stopping(self) -> bool:
        """Whether it is to stop."""
        return self.life.stopping

    @property
    def inbox(self) -> BlockingInbox:
        """Texts and messages sent to the session: `for mail in self.inbox:`."""
        return BlockingInbox(self._attached, self.life.call, self._check_waiting)

    def checkpoint(self, name: str, state: S | None = None) -> int:
        """As `Session.checkpoint`.

        Raises:
            Stopped: the checkpoint is committed, and the session is to stop.
            CodecError: the state would not come back equal, or is over 16 MiB.
        """
        attached = self._attached
        kept = attached.encode_state(name, state)
        seq = attached.life.call(attached.life.save(name, kept, type(self).state_version))
        if attached.mail is not None:
            attached.life.call(attached.close_mail())
        self._check()
        return seq

    def progress(self, done: int | None = None, total: int | None = None, note: str | None = None) -> None:
        """As `Session.progress`."""
        self.life.progressed(done, total, note)
        self._check()

    def lease(self, seconds: Duration, what: str, *, blocking: bool = False) -> Lease:
        """As `Session.lease`."""
        return Lease(self.life, seconds, what, blocking, self._check)

    @overload
    def once(
        self,
        key: str,
        fn: Callable[[*Ts], R],
        *args: *Ts,
        unknown: Literal["review", "retry"] = "review",
        verify: Callable[[*Ts], Any] | None = None,
        scope: Scope = "run",
    ) -> R: ...
    @overload
    def once(
        self,
        key: str,
        fn: Callable[[*Ts], R],
        *args: *Ts,
        unknown: Unknown,
        verify: Callable[[*Ts], Any] | None = None,
        scope: Scope = "run",
    ) -> R | None: ...
    def once(  # type: ignore[misc] # mypy can't match `*args: Any` with `*args: *Ts`
        self,
        key: str,
        fn: Callable[..., Any],
        *args: Any,
        unknown: Unknown = "review",
        verify: Callable[..., Any] | None = None,
        scope: Scope = "run",
    ) -> Any:
        """As `Session.once`; `fn` and `verify` are plain functions and run in this thread."""
        self._check_waiting()
        for function in (fn, verify):
            if inspect.iscoroutinefunction(function):
                raise SpecError(f"once({key!r}): a BlockingSession awaits nothing; give a plain function")
        effects = self._attached.effects
        return finish(effects.once(key, fn, args, unknown=unknown, verify=verify, scope=scope))

    def resource(
        self,
        name: str,
        *,
        open: Callable[[], R],  # noqa: A002 - the contract's word
        probe: Callable[[R], Any],
        close: Callable[[R], Any] | None = None,
        every: Duration = 120,
        timeout: Duration = 30,
        kill: Callable[[R], Any] | None = None,
        max_restarts: int = 5,
        within: Duration = "10m",
    ) -> BlockingResource[R]:
        """As `Session.resource`: `with self.resource("browser", …) as browser:`, then `with browser.use() as b:`.

        Args:
            name: for people.
            open: makes it; runs in the thread that uses it, as `close` does.
            probe: runs in another thread, also while this one is blocked; raises or returns False if it is sick.
            close: ends it.
            every: between probes, seconds.
            timeout: for one probe, seconds.
            kill: ends one that hangs, in another thread; by default the processes that `open` started are killed.
            max_restarts: how often it is replaced `within` before `use` raises ResourceLost for good.
            within: seconds.
        """
        how = handling(name, open, probe, close, every, timeout, kill, max_restarts, within)
        return BlockingResource(self._attached, how, self._check_waiting)

    @overload
    def spawn(self, cls: type[Runs[P, R]], *args: P.args, **kwargs: P.kwargs) -> BlockingChildRun[R]: ...
    @overload
    def spawn(self, cls: type[RunsPlainly[P, R]], *args: P.args, **kwargs: P.kwargs) -> BlockingChildRun[R]: ...
    def spawn(self, cls: type[Any], *args: Any, **kwargs: Any) -> BlockingChildRun[Any]:
        """As `Session.spawn`."""
        self._check_waiting()
        life = self._attached.life
        path = life.call(started(self._attached, cls, args, kwargs))
        return BlockingChildRun(life, path, cls, life.call)

    def spend(self, tokens: int = 0, cost: float = 0.0, calls: int = 0) -> None:
        """As `Session.spend`."""
        self.life.call(self.life.spend(tokens, cost, calls))
        self._check()

    @classmethod
    def _effects_on(cls, life: Life) -> Effects:
        return BlockingEffects(life)

    @classmethod
    def state_type(cls) -> Any:
        """`S`, as the class declares it; `Any` without."""
        return argument_of(cls, BlockingSession)

    def _check(self) -> None:
        """Stopped, the first time; afterwards `on_stop` may checkpoint."""
        attached = self._attached
        if attached.life.stopping and not attached.told:
            attached.told = True
            raise Stopped(f"{self.path} is to stop")

    def _check_waiting(self) -> None:
        """Stopped, each time: nothing begins any more."""
        if self.life.stopping:
            self._attached.told = True
            raise Stopped(f"{self.path} is to stop")
