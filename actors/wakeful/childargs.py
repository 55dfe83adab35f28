"""A child's arguments: `args` and `task` against what takes them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

from wakeful.errors import CodecError, SpecError
from wakeful.signatures import check, first_parameter, parameters_of
from wakeful.values import plain


def takes(what: Any, kind: str) -> Any:
    """The method that gets a child's arguments."""
    return what.__init__ if kind == "actor" else what.run


def no_arguments(unknown: Mapping[str, object], what: Any, kind: str, of: str) -> None:
    """Refuse keywords that belong into `args`.

    Raises:
        SpecError: one is a parameter of what takes the arguments.
    """
    method = takes(what, kind)
    for word in unknown:
        if word in parameters_of(method):
            told = f"args={{{word!r}: {unknown[word]!r:.40}}}"
            raise SpecError(f"{of}: {word!r} is an argument of {method.__qualname__}; write {told}")


def child_args(what: Any, kind: str, args: Any, task: object, of: str) -> dict[str, Any]:
    """A child's arguments by name, its task among them, as they will be kept.

    Raises:
        SpecError: what takes them doesn't take these, or one can't be kept as it is.
    """
    given: dict[str, Any] = _mapping(args, of)
    if task is not None:
        if kind == "actor":
            raise SpecError(f"{of}: {what.__name__} is an actor and has no task; write args={{…}} for its __init__")
        named = {"task": task} if kind == "command" else as_task(what, task, of)
        for word in named:
            if word in given:
                raise SpecError(f"{of}: {word!r} is given by task= and in args=; keep one")
        given = {**named, **given}
    kept = {word: _value(value, f"{of}: {word}") for word, value in given.items()}
    if kind != "command":
        check(takes(what, kind), kept, of, complete=False)
    elif (bad := _not_json(kept)) is not None:
        raise SpecError(f"{of}: {bad}: a program gets its arguments as JSON, which has no bytes; write text instead")
    return kept


def _not_json(args: dict[str, Any]) -> str | None:
    for word, value in args.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            return word
    return None


def _mapping(args: Any, of: str) -> dict[str, Any]:
    if args is not None and not isinstance(args, Mapping):
        raise SpecError(f"{of}: args={args!r}: write a dict of keyword arguments, args={{'start': 5}}")
    return dict(args or {})  # pyright: ignore[reportUnknownArgumentType]


def as_task(what: Any, task: object, of: str) -> dict[str, object]:
    """A task by the name of `run`'s first parameter.

    Raises:
        SpecError: `run` takes none.
    """
    first = first_parameter(what.run)
    if first is None:
        raise SpecError(f"{of}: {what.__name__}.run takes no task; remove task=, or write `run(self, task: str)`")
    return {first: task}


def named(function: Any) -> dict[str, Any]:
    """What a plan says of a method's parameters, for whoever starts it without importing it."""
    found = parameters_of(function)
    any_name = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in found.values())
    first = first_parameter(function) or ("task" if any_name else None)
    return {"task_name": first, "takes": None if any_name else tuple(found)}


def _value(value: object, of: str) -> Any:
    try:
        return plain(value, of=of)
    except CodecError as error:
        raise SpecError(str(error)) from None
