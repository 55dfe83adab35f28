"""Handlers: which method takes which message. Checked when the class is made."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, get_args, get_origin

from pydantic import TypeAdapter

from wakeful.errors import SpecError
from wakeful.hints import Unresolvable, hint
from wakeful.message import Message, Request, reply_of, tag_of

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__wakeful_handler__"
_KINDS = "__wakeful_kinds__"


@dataclass(frozen=True)
class HandlerSpec:
    """One row of an actor's handler table.

    Attributes:
        tag: the message's name on the wire.
        type: the message's class.
        name: the method's name; `getattr(actor, name)(message)` handles it.
        reply_type: `R` of a `Request[R]` (`NoneType` for `Request[None]`); None if nobody waits for an answer.
        is_async: whether the method is `async def`.
    """

    tag: str
    type: type[Message]
    name: str
    reply_type: Any
    is_async: bool

    @cached_property
    def reply(self) -> TypeAdapter[Any] | None:
        """Validates and encodes the answer; None if nobody waits for one."""
        return None if self.reply_type is None else TypeAdapter(self.reply_type)


def handler(method: F) -> F:
    """Mark a method as the handler of the message its one parameter is annotated with.

    The function stays as it is: in a test, call it. The checks run when the class is made and raise SpecError.
    """
    setattr(_function(method), _MARK, True)
    return method


def handlers_of(cls: type) -> dict[str, HandlerSpec]:
    """The handler table of an actor's class, by the message's tag."""
    table: dict[str, HandlerSpec] = cls.__dict__.get("__wakeful_handlers__", {})
    return table


def collect(cls: type) -> dict[str, HandlerSpec]:
    """Build and check the handler table of a class that is being made.

    A method that overrides a handler without `@handler` stays the handler of the same messages.

    Raises:
        SpecError: a handler has not exactly one parameter, annotated with a Message or a union of them; two handlers
            take one type; a Request's handler is not annotated to return its reply; two types share a tag.
    """
    kinds: dict[str, tuple[type[Message], ...]] = {}
    for parent in reversed(cls.__mro__):
        for name, value in vars(parent).items():
            function = _function(value)
            if getattr(function, _MARK, False):
                if function is not value:
                    raise _wrong(cls, name, "is a staticmethod or classmethod; write a plain method")
                kinds[name] = _kinds(cls, name, function)
            elif name in kinds and not inspect.isfunction(value):
                del kinds[name]
    table: dict[str, HandlerSpec] = {}
    for name, types_ in kinds.items():
        is_async = inspect.iscoroutinefunction(getattr(cls, name))
        for kind in types_:
            _add(cls, table, HandlerSpec(tag_of(kind), kind, name, reply_of(kind), is_async))
    return table


def _add(cls: type, table: dict[str, HandlerSpec], spec: HandlerSpec) -> None:
    other = table.get(spec.tag)
    if other is not None and other.type is spec.type:
        raise _wrong(cls, spec.name, f"takes {spec.type.__name__}, and so does {other.name}; one handler a type")
    if other is not None:
        raise _wrong(
            cls,
            spec.name,
            f"takes {spec.type.__module__}.{spec.tag}, {other.name} another class of that name; "
            f'write `tag: ClassVar[str] = "…"` in one of them',
        )
    table[spec.tag] = spec


def _kinds(cls: type, name: str, function: types.FunctionType) -> tuple[type[Message], ...]:
    """The messages a handler takes; kept with the function, for subclasses made where its names are unknown."""
    known: tuple[type[Message], ...] | None = getattr(function, _KINDS, None)
    if known is None:
        parameter = _parameter(cls, name, function)
        known = _messages(cls, name, parameter, _hint(cls, name, function, parameter))
        _check_reply(cls, name, function, known)
        setattr(function, _KINDS, known)
    return known


def _parameter(cls: type, name: str, function: types.FunctionType) -> str:
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise _wrong(cls, name, "is a generator; a handler returns its answer")
    parameters = list(inspect.signature(function).parameters.values())[1:]
    ordinary = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) != 1 or parameters[0].kind not in ordinary:
        raise _wrong(cls, name, f"must have one parameter, the message; write `def {name}(self, message: …)`")
    return parameters[0].name


def _hint(cls: type, name: str, function: types.FunctionType, of: str) -> Any:
    try:
        return hint(function, of)
    except Unresolvable as error:
        raise _wrong(
            cls,
            name,
            f"is annotated with {error}, which can't be found when the class is made; import or define it first",
        ) from None


def _messages(cls: type, name: str, parameter: str, annotation: Any) -> tuple[type[Message], ...]:
    if annotation is inspect.Parameter.empty:
        raise _wrong(cls, name, f"needs the message's type: write `{parameter}: TheMessage`")
    found = _members(annotation)
    for kind in found:
        if not _is_message(kind):
            shown = getattr(kind, "__name__", repr(kind))
            raise _wrong(cls, name, f"takes {shown}, which is no subclass of Message (or a union of them)")
        reply = reply_of(kind)
        if reply is Any or isinstance(reply, TypeVar):
            raise _wrong(
                cls, name, f"takes {kind.__name__}, which doesn't say what answers it; derive it from Request[…]"
            )
    return found


def _is_message(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Message) and kind not in (Message, Request)


def _check_reply(cls: type, name: str, function: types.FunctionType, kinds: tuple[type[Message], ...]) -> None:
    if not any(issubclass(kind, Request) for kind in kinds):
        return
    expected = {member for kind in kinds for member in _members(reply_of(kind) or type(None))}
    annotation = _hint(cls, name, function, "return")
    if annotation is inspect.Parameter.empty or set(_members(annotation)) != expected:
        wanted = " | ".join("None" if kind is type(None) else getattr(kind, "__name__", str(kind)) for kind in expected)
        raise _wrong(cls, name, f"answers a Request; write `-> {wanted}`")


def _members(annotation: Any) -> tuple[Any, ...]:
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return _members(get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(member for part in get_args(annotation) for member in _members(part))
    return (annotation,)


def _function(value: Any) -> Any:
    if isinstance(value, staticmethod | classmethod):
        return value.__func__  # pyright: ignore
    return value


def _wrong(cls: type, name: str, why: str) -> SpecError:
    return SpecError(f"{cls.__name__}.{name}: {why}")
