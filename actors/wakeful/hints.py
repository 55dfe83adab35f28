"""Reading annotations of what users wrote: of handlers, of `run`, of functions given to `once`."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, get_args, get_origin

_AWAITABLE = (Awaitable, Coroutine)


class Unresolvable(Exception):
    """An annotation names something that can't be found; the text is the name."""


def hint(function: Callable[..., Any], name: str) -> Any:
    """The annotation of a parameter (or of `"return"`), resolved; `inspect.Parameter.empty` without one.

    Raises:
        Unresolvable: it names what neither the module nor the calling functions know.
    """
    plain = inspect.unwrap(function)
    written = getattr(plain, "__annotations__", {})
    if name not in written:
        return inspect.Parameter.empty
    scope: dict[str, Any] = getattr(plain, "__globals__", {})
    return _resolve(written[name], scope, getattr(plain, "__module__", None))


def returned(function: Callable[..., Any]) -> Any:
    """What calling it (and awaiting that) yields, by its annotation; `Any` without one.

    Raises:
        Unresolvable: as `hint`.
    """
    found = hint(_underlying(function), "return")
    if found is inspect.Parameter.empty:
        return Any
    if get_origin(found) in _AWAITABLE:
        return get_args(found)[-1]
    return found


def argument_of(cls: type, base: type) -> Any:
    """What `cls` puts in the place of the one type parameter of `base`; `Any` if nothing.

    Raises:
        Unresolvable: it is a text that names what the module of `cls` doesn't know.
    """
    found = _argument(cls, base)
    if isinstance(found, TypeVar):
        return Any
    return _resolve(found, vars(sys.modules[cls.__module__]), cls.__module__)


def _argument(cls: type, base: type) -> Any:
    if cls is base:
        return cls.__parameters__[0]  # type: ignore[attr-defined]
    for parent in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin: Any = get_origin(parent) or parent
        if not (isinstance(origin, type) and issubclass(origin, base)):
            continue
        found = _argument(origin, base)
        if not isinstance(found, TypeVar):
            return found
        parameters: tuple[Any, ...] = getattr(origin, "__parameters__", ())
        given = get_args(parent)
        return given[parameters.index(found)] if given and found in parameters else Any
    return Any


def _underlying(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return getattr(function, "__func__", function)
    return type(function).__call__


def _resolve(written: Any, scope: dict[str, Any], module: str | None) -> Any:
    holder = types.SimpleNamespace(__annotations__={"it": written})
    try:
        return typing.get_type_hints(holder, scope, {}, include_extras=True)["it"]
    except NameError:
        pass
    try:
        return typing.get_type_hints(holder, scope, _callers_names(module), include_extras=True)["it"]
    except NameError as error:
        raise Unresolvable(error.name) from None


def _callers_names(module: str | None) -> dict[str, Any]:
    """The local names of the calling functions of one module: where a class in a test finds its messages."""
    names: dict[str, Any] = {}
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == module and frame.f_locals is not frame.f_globals:
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names
