"""Arguments against what takes them: an actor's `__init__`, a session's `run`."""

from __future__ import annotations

import difflib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError

from wakeful.errors import SpecError
from wakeful.hints import Unresolvable, hint

_PLAIN = (bool, int, float, str, bytes, list, dict, type(None), Any, object)


def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a method, without `self`."""
    found = inspect.signature(function).parameters
    return dict(list(found.items())[1:])


def first_parameter(function: Callable[..., Any]) -> str | None:
    """The name of the one a session's `task` goes to; None if it takes nothing by position."""
    for name, parameter in parameters_of(function).items():
        if (
            parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
            or parameter.kind is inspect.Parameter.KEYWORD_ONLY
        ):
            return name
    return None


def by_name(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], of: str) -> dict[str, Any]:
    """Arguments of a call as keyword arguments.

    Raises:
        SpecError: the function doesn't take them so.
    """
    try:
        bound = inspect.signature(function).bind(None, *args, **kwargs)
    except TypeError as error:
        raise SpecError(f"{of}: {error}; it takes {shown(function)}") from None
    named: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL or kind is inspect.Parameter.POSITIONAL_ONLY:
            raise SpecError(
                f"{of}: {name} can't be given by name, and a child gets keyword arguments; write it without * or /"
            )
        named.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
    return named


def check(function: Callable[..., Any], given: Mapping[str, Any], of: str, *, complete: bool) -> None:
    """Refuse arguments the function doesn't take.

    Args:
        function: `cls.__init__` or `cls.run`.
        given: keyword arguments.
        of: the child, for the error.
        complete: whether what has no default must be given.

    Raises:
        SpecError: an unknown name, a missing one, or a value that plainly isn't of the annotated type.
    """
    parameters = parameters_of(function)
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    for name, value in given.items():
        if name not in parameters and not takes_any:
            close = difflib.get_close_matches(name, parameters, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise SpecError(f"{of}: {_name(function)} takes no {name!r}{meant} It takes {shown(function)}")
        if name in parameters:
            _check_type(function, name, value, of)
    for name, parameter in parameters.items():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise SpecError(f"{of}: {_name(function)} takes {name!r} by position only; remove the `/`")
        required = parameter.default is inspect.Parameter.empty and parameter.kind in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        if complete and required and name not in given:
            raise SpecError(f"{of}: {_name(function)} needs {name!r}; write {_how(function, name)}")


def shown(function: Callable[..., Any]) -> str:
    """What it takes, for people."""
    return "(" + ", ".join(str(parameter) for parameter in parameters_of(function).values()) + ")"


def _check_type(function: Callable[..., Any], name: str, value: Any, of: str) -> None:
    """Only annotations of plain values are looked at: others may be made to take what a plain value stands for."""
    try:
        kind = hint(function, name)
    except Unresolvable:
        return
    if kind is inspect.Parameter.empty or not _is_plain(kind):
        return
    try:
        TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError:
        text = kind.__name__ if isinstance(kind, type) else str(kind)
        raise SpecError(
            f"{of}: {_name(function)} takes {name}: {text}, and {value!r} is a {type(value).__name__}"
        ) from None


def _is_plain(kind: Any) -> bool:
    origin = get_origin(kind)
    if origin is Literal:
        return True
    if origin in (typing.Union, types.UnionType, list, dict):
        return all(_is_plain(part) for part in get_args(kind))
    return any(kind is plain for plain in _PLAIN)


def _how(function: Callable[..., Any], name: str) -> str:
    if function.__name__ == "run" and name == first_parameter(function):
        return "task=…"
    return f"args={{{name!r}: …}}"


def _name(function: Callable[..., Any]) -> str:
    return ".".join(function.__qualname__.split(".")[-2:])
