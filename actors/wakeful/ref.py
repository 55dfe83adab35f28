"""Refs: values with a path that messages are sent to. They may travel in messages and survive restarts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, Protocol, TypeVar, overload

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from wakeful import present, standin
from wakeful.duration import seconds
from wakeful.errors import AskError
from wakeful.life import Courier
from wakeful.message import Message, Request
from wakeful.policy import Duration

R = TypeVar("R")
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PATH = re.compile(rf"{NAME}(/{NAME})*", re.ASCII)


class Address:
    """Where an actor is found: its path. Equal to every other address of that path."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        if not _PATH.fullmatch(path):
            raise ValueError(f"{path!r} is not an actor's path, such as 'research/weekly'")
        self._path = path

    @property
    def path(self) -> str:
        """For instance `"research/weekly"`."""
        return self._path

    def __eq__(self, other: object) -> bool:
        return self._path == other._path if isinstance(other, Address) else NotImplemented

    def __hash__(self) -> int:
        return hash(("wakeful.Ref", self._path))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r})"

    def __copy__(self) -> Address:
        return self

    def __deepcopy__(self, memo: object) -> Address:
        return self

    def __reduce__(self) -> tuple[type[Ref], tuple[str]]:
        return Ref, (self._path,)


class Ref(Address):
    """An actor to send messages to, in whichever life it is.

    Args:
        path: where it is.
        courier: what carries its messages; None: whatever carries those of the process it is used in.
    """

    __slots__ = ("_courier",)

    def __init__(self, path: str, courier: Courier | None = None) -> None:
        super().__init__(path)
        self._courier = courier

    @overload
    def tell(self, message: Message, *, durable: Literal[False] = False) -> None: ...
    @overload
    def tell(self, message: Message, *, durable: Literal[True]) -> Awaitable[None]: ...
    def tell(self, message: Message, *, durable: bool = False) -> Awaitable[None] | None:
        """Send it; returns at once. Ordered per pair of actors, delivered at most once.

        Args:
            message: what to send.
            durable: await the result: it is then committed, and delivered until handled.

        Raises:
            MailboxFull: 10,000 wait for this ref; `await ref.drain()` first.
            CodecError: the message can't travel.
        """
        courier = self._courier or _courier()
        if durable:
            return courier.tell_durable(self._path, message)
        courier.tell(self._path, message)
        return None

    async def drain(self) -> None:
        """Wait until there is room for this ref again."""
        await (self._courier or _courier()).drain(self._path)

    async def ask(self, request: Request[R], timeout: Duration = 5.0) -> R:
        """The answer. An actor that is being restarted answers in its next life, within the timeout.

        Args:
            request: what to ask.
            timeout: seconds, or a text such as "2m".

        Raises:
            AskTimeout: no answer in time; whether it was handled is unknown.
            ActorDead: the life that had it ended; whether it was handled is unknown.
            HandlerFailed: the handler raised, or there is none for it.
            Refused: the answer is no.
            AskError: an actor asks itself, which could only wait for itself.
        """
        me = present.actor()
        if me is not None and me.path == self._path:
            raise AskError(
                f"{self._path} asks itself: the answer could only come after this call; call the method instead"
            )
        limit = timeout if isinstance(timeout, float | int) else seconds(timeout, of="ask(timeout=…)")
        return await (self._courier or _courier()).ask(self._path, request, limit)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A Ref in a message travels as its path and arrives bound to nobody's courier but the reader's."""
        return core_schema.no_info_plain_validator_function(
            _as_ref,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda ref: ref.path, return_schema=core_schema.str_schema()
            ),
            json_schema_input_schema=core_schema.str_schema(pattern=f"^{_PATH.pattern}$"),
        )


class Caller(Protocol):
    """Runs a coroutine for code that has no loop, and waits."""

    def __call__(self, work: Coroutine[Any, Any, R], *, interruptible: bool = False) -> R: ...


class BlockingRef(Address):
    """A Ref for code that awaits nothing: the same names as plain calls.

    Args:
        path: where it is.
        call: runs a coroutine on the loop that carries the messages, and waits.
        check: called first, each time; raises Stopped in a session that is being stopped.
        courier: as of `Ref`.
    """

    __slots__ = ("_call", "_check", "_ref")

    def __init__(
        self, path: str, call: Caller, *, check: Callable[[], None] | None = None, courier: Courier | None = None
    ) -> None:
        super().__init__(path)
        self._ref = Ref(path, courier)
        self._call = call
        self._check = check

    def tell(self, message: Message, *, durable: bool = False) -> None:
        """As `Ref.tell`; with `durable` it returns when committed."""
        if self._check:
            self._check()
        self._call(self._tell(message, durable))

    def drain(self) -> None:
        """As `Ref.drain`."""
        if self._check:
            self._check()
        self._call(self._ref.drain(), interruptible=True)

    def ask(self, request: Request[R], timeout: Duration = 5.0) -> R:
        """As `Ref.ask`."""
        if self._check:
            self._check()
        return self._call(self._ref.ask(request, timeout), interruptible=True)

    async def _tell(self, message: Message, durable: bool) -> None:
        if durable:
            await self._ref.tell(message, durable=True)
        else:
            self._ref.tell(message)


def _as_ref(value: object) -> Ref:
    if isinstance(value, Ref):
        return value
    if isinstance(value, Address):
        return Ref(value.path)
    if isinstance(value, str):
        return Ref(value)
    raise ValueError("not a Ref")


def _courier() -> Courier:
    me = present.actor()
    return me.life.courier if me is not None else standin.courier()
