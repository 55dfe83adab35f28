"""Actors, and how a runtime makes and runs one.

For users: subclass `Actor`, write handlers (`wakeful.handlers`), use the names below.

For runtimes (`wakeful_runtime.host.host`, `wakeful.testing`), in this order:

1. `actor = make(cls, life, kwargs)`: `object.__new__`, the life attached, `wakeful.current()` set, then
   `__init__(**kwargs)`. For an actor `kwargs` are the plan's args; a session's `__init__` takes none.
2. `actor.resumed` once: raises CodecError or Fatal here, in the start, if the checkpoint can't be read any more.
3. `await settled(actor.on_start())`: hooks may be `def` or `async def`. READY follows.
4. Handlers: `handlers_of(cls)` is the table by tag. For each `HandlerSpec`: call `getattr(actor, spec.name)(message)`,
   await it if `spec.is_async`; an answer is checked and encoded by `spec.reply`.
5. Sessions (`wakeful.session`): `await session.run(**args)`, for a BlockingSession `run(**args)` in the main thread;
   then `kept = conclude(session, result)` refuses what would not come back equal;
   `await settled(session.postcondition(result))` is True, or False or a text: outcome incomplete, why;
   `await closed(session)` marks the mail in hand as handled.
6. `await settled(actor.on_stop(reason))`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar, TypeVarTuple, overload

from wakeful.effects import Scope, Unknown
from wakeful.exits import ExitReason
from wakeful.handlers import HandlerSpec, handler, handlers_of
from wakeful.lease import Lease
from wakeful.living import Living, make, settled
from wakeful.policy import Duration
from wakeful.ref import Ref
from wakeful.resource import Resource
from wakeful.watched import handling

__all__ = ["Actor", "HandlerSpec", "Living", "handler", "handlers_of", "make", "settled"]

R = TypeVar("R")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Actor(Living):
    """Takes messages one at a time, in the order they arrive. No `super().__init__()` is needed."""

    @property
    def ref(self) -> Ref:
        """This actor, as others send to it."""
        return self.actor(self.path)

    def actor(self, path: str) -> Ref:
        """A ref to any actor of the node."""
        return Ref(path, self.life.courier)

    async def on_start(self) -> None:
        """Runs before the first message of every life; when it returned, the actor is ready."""

    async def on_stop(self, reason: ExitReason) -> None:
        """Runs when the life is stopped in order, within `shutdown`."""

    async def checkpoint(self, name: str, state: Any = None) -> int:
        """Commit what to remember; durable when it returns. Counts as progress.

        Args:
            name: a word for people.
            state: what `resumed.state` will be in the next life.

        Returns:
            Its number in the run.

        Raises:
            CodecError: the state would not come back equal, or is over 16 MiB.
        """
        attached = self._attached
        seq = await attached.life.save(name, attached.encode_state(name, state), type(self).state_version)
        await attached.close_mail()
        return seq

    def progress(self, done: int | None = None, total: int | None = None, note: str | None = None) -> None:
        """Report that the work moved on; `done` of `total`, and a note for people."""
        self.life.progressed(done, total, note)

    def lease(self, seconds: Duration, what: str, *, blocking: bool = False) -> Lease:
        """Silence is fine for this long (`with` or `async with`); one second after, the life is ended.

        Args:
            seconds: seconds, or a text such as "5m".
            what: what takes so long, as people will read it.
            blocking: a blocked loop or a held GIL is fine too.
        """
        return Lease(self.life, seconds, what, blocking)

    @overload
    async def once(
        self,
        key: str,
        fn: Callable[[*Ts], Awaitable[R]],
        *args: *Ts,
        unknown: Literal["review", "retry"] = "review",
        verify: Callable[[*Ts], Any] | None = None,
        scope: Scope = "run",
    ) -> R: ...
    @overload
    async def once(
        self,
        key: str,
        fn: Callable[[*Ts], Awaitable[R]],
        *args: *Ts,
        unknown: Unknown,
        verify: Callable[[*Ts], Any] | None = None,
        scope: Scope = "run",
    ) -> R | None: ...
    @overload
    async def once(
        self,
        key: str,
        fn: Callable[[*Ts], R],
        *args: *Ts,
        unknown: Literal["review", "retry"] = "review",
        verify: Callable[[*Ts], Any] | None = None,
        scope: Scope = "run",
    ) -> R: ...
    @overload
    async def once(
        self,
        key: str,
        fn: Callable[[*Ts], R],
        *args: *Ts,
        unknown: Unknown,
        verify: Callable[[*Ts], Any] | None = None,
        scope: Scope = "run",
    ) -> R | None: ...
    async def once(  # type: ignore[misc] # mypy can't match `*args: Any` with `*args: *Ts`
        self,
        key: str,
        fn: Callable[..., Any],
        *args: Any,
        unknown: Unknown = "review",
        verify: Callable[..., Any] | None = None,
        scope: Scope = "run",
    ) -> Any:
        """Run `fn(*args)` at most once per run, whatever is killed; later calls return its stored result.

        Args:
            key: the effect's name in the run.
            fn: sync or async; its return annotation says how its result is stored and rebuilt.
            args: what it is called with, and `verify` too.
            unknown: what to do if a life ended between intent and result, and `verify` doesn't tell: "review" (a
                person decides), "skip" (None), "retry" (run it again).
            verify: asked first in that case: a result means it happened, None that it did not.
            scope: "run", or "node": once ever.

        Raises:
            Unsettled: it is unknown whether it happened; a `Fatal`, so the run waits for a person.
            CodecError: the result would not come back equal.
            Exception: what `fn` raised; it did not happen.
        """
        return await self._attached.effects.once(key, fn, args, unknown=unknown, verify=verify, scope=scope)

    @overload
    def resource(
        self,
        name: str,
        *,
        open: Callable[[], Awaitable[T]],
        probe: Callable[[T], Any],
        close: Callable[[T], Any] | None = None,
        every: Duration = 120,
        timeout: Duration = 30,
        kill: Callable[[T], Any] | None = None,
        max_restarts: int = 5,
        within: Duration = "10m",
    ) -> Resource[T]: ...
    @overload
    def resource(
        self,
        name: str,
        *,
        open: Callable[[], T],
        probe: Callable[[T], Any],
        close: Callable[[T], Any] | None = None,
        every: Duration = 120,
        timeout: Duration = 30,
        kill: Callable[[T], Any] | None = None,
        max_restarts: int = 5,
        within: Duration = "10m",
    ) -> Resource[T]: ...
    def resource(
        self,
        name: str,
        *,
        open: Callable[[], Any],  # noqa: A002 - the contract's word
        probe: Callable[[Any], Any],
        close: Callable[[Any], Any] | None = None,
        every: Duration = 120,
        timeout: Duration = 30,
        kill: Callable[[Any], Any] | None = None,
        max_restarts: int = 5,
        within: Duration = "10m",
    ) -> Resource[Any]:
        """Something that may hang on its own (a browser): probed, and when it hangs killed and reopened alone.

        `async with self.resource("browser", …) as browser:`, then `async with browser.use() as b:`. Functions may be
        sync (they run in a thread) or async.

        Args:
            name: for people.
            open: makes it.
            probe: raises, or returns False, if it is sick; silent for `timeout`: it hangs.
            close: ends it; not waited for longer than `timeout`.
            every: between probes, seconds.
            timeout: for one probe, seconds.
            kill: ends one that hangs; by default the processes that `open` started are killed.
            max_restarts: how often it is replaced `within` before the block ends with ResourceLost.
            within: seconds.
        """
        how = handling(name, open, probe, close, every, timeout, kill, max_restarts, within)
        return Resource(self._attached, how)

    async def spend(self, tokens: int = 0, cost: float = 0.0, calls: int = 0) -> None:
        """Count against the run's Budget; when it is spent, the run goes to review."""
        await self.life.spend(tokens, cost, calls)
