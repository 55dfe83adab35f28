"""Values that are kept: state, arguments, results. What would not come back equal is refused when it is written."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from wakeful.errors import CodecError
from wakeful.life import Kept, Plain

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
"""Nesting of lists and dicts."""

_REFUSALS = (ValidationError, PydanticSerializationError, UnicodeError, ValueError, TypeError, RecursionError)


def encode(value: object, kind: Any = Any, *, of: str = "value") -> Kept:
    """The value as the store keeps it.

    Args:
        value: what to keep.
        kind: its declared type, any that pydantic knows; `Any`: None, bool, int, float, str, bytes, list, dict[str, …].
        of: what it is, for the error.

    Raises:
        CodecError: it would not come back equal, or is over 16 MiB.
    """
    if kind is Any or kind is object or value is None:
        return Kept("plain", plain(value, of=of))
    adapter = _adapter(kind, of)
    for attempt in (_as_json, _as_plain):
        kept = attempt(adapter, value)
        if kept is not None and _comes_back(value, kept, adapter):
            _check_size(kept, of)
            return kept
    raise CodecError(
        f"{of}: {_shown(value)} would not come back equal as {_name(kind)}; "
        f"declare the type it really has, or turn it into one pydantic can write and read again"
    )


def decode(kept: Kept, kind: Any = Any, *, of: str = "value") -> Any:
    """The value again, as `kind`.

    Raises:
        CodecError: it isn't one; the class has changed since it was written.
    """
    if kept.value is None and kept.form == "plain":
        return None
    try:
        if kind is Any or kind is object:
            return json.loads(str(kept.value)) if kept.form == "json" else kept.value
        return _read(kept, _adapter(kind, of))
    except _REFUSALS as error:
        raise CodecError(f"{of}: what is stored isn't a {_name(kind)} any more: {_first_line(error)}") from None


def plain(value: object, *, of: str = "value") -> Plain:
    """A copy made of None, bool, int, float, str, bytes, list and dict with str keys only.

    Raises:
        CodecError: it holds something else, is nested over 64 deep, or is over 16 MiB.
    """
    size, copy = _plain(value, of, 0)
    if size > MAX_BYTES:
        raise CodecError(
            f"{of}: {size / 2**20:.1f} MiB; at most 16 MiB are kept, write larger things to files in `directory`"
        )
    return copy


def _plain(value: object, of: str, depth: int) -> tuple[int, Plain]:
    """Its size in bytes (msgpack's, within a few) and a copy of exact types."""
    if depth > MAX_DEPTH:
        raise CodecError(f"{of}: nested more than {MAX_DEPTH} deep (or within itself)")
    if value is None or isinstance(value, bool):
        return 1, value
    if isinstance(value, int):
        return _integer(value, of)
    if isinstance(value, float):
        if math.isnan(value):
            raise CodecError(f"{of}: NaN equals nothing, so it can't come back equal; write None")
        return 9, float(value)
    if isinstance(value, str):
        return _text(value, of)
    if isinstance(value, bytes):
        return 5 + len(value), bytes(value)
    if isinstance(value, list):
        return _list(value, of, depth)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, dict):
        return _dict(value, of, depth)  # pyright: ignore[reportUnknownArgumentType]
    raise CodecError(
        f"{of}: {_shown(value)} is not kept as it is; untyped values are None, bool, int, float, str, bytes, list and "
        f"dict with str keys. Convert it, or declare a type (`Session[Notes]`, `-> Notes`)"
    )


def _integer(value: int, of: str) -> tuple[int, Plain]:
    if not -(2**63) <= value < 2**64:
        raise CodecError(f"{of}: an integer of more than 64 bits; write it as a str")
    return 1 if -32 <= value < 128 else 9, int(value)


def _text(value: str, of: str) -> tuple[int, Plain]:
    try:
        return 5 + len(value.encode()), str.__str__(value)
    except UnicodeEncodeError:
        raise CodecError(f"{of}: {_shown(value)} holds half a surrogate pair and is no Unicode text") from None


def _list(value: list[object], of: str, depth: int) -> tuple[int, Plain]:
    size, copy = 5, list[Any]()
    for index, item in enumerate(value):
        bytes_, kept = _plain(item, f"{of}[{index}]", depth + 1)
        size += bytes_
        copy.append(kept)
    return size, copy


def _dict(value: dict[object, object], of: str, depth: int) -> tuple[int, Plain]:
    size, copy = 5, dict[str, Any]()
    for key, item in value.items():
        if not isinstance(key, str):
            raise CodecError(f"{of}: the key {_shown(key)} is no str; declare a type, or write str keys")
        key_bytes, key_kept = _text(key, of)
        bytes_, kept = _plain(item, f"{of}[{key!r}]", depth + 1)
        size += key_bytes + bytes_
        copy[str(key_kept)] = kept
    return size, copy


def _as_json(adapter: TypeAdapter[Any], value: object) -> Kept | None:
    try:
        return Kept("json", adapter.dump_json(value, round_trip=True, warnings=False).decode())
    except _REFUSALS:
        return None


def _as_plain(adapter: TypeAdapter[Any], value: object) -> Kept | None:
    """For what JSON can't carry: bytes that are no text, infinities."""
    try:
        dumped = adapter.dump_python(value, mode="python", round_trip=True, warnings=False)
        return Kept("plain", plain(_without_rich_leaves(dumped, 0)))
    except (*_REFUSALS, CodecError):
        return None


def _without_rich_leaves(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    if isinstance(value, dict):
        return _str_keys(value, depth)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_rich_leaves(item, depth + 1) for item in cast("list[Any]", value)]
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    return to_jsonable_python(value)


def _str_keys(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    return {
        key if isinstance(key, str) else str(to_jsonable_python(key)): _without_rich_leaves(item, depth + 1)
        for key, item in value.items()
    }


def _comes_back(value: object, kept: Kept, adapter: TypeAdapter[Any]) -> bool:
    try:
        return bool(_read(kept, adapter) == value)
    except _REFUSALS:
        return False


def _read(kept: Kept, adapter: TypeAdapter[Any]) -> Any:
    if kept.form == "json":
        return adapter.validate_json(str(kept.value))
    return adapter.validate_python(kept.value)


def _check_size(kept: Kept, of: str) -> None:
    if kept.form == "json":
        plain(kept.value, of=of)


def _adapter(kind: Any, of: str) -> TypeAdapter[Any]:
    try:
        return _cached_adapter(kind)
    except TypeError:  # not hashable: Annotated with a list, say
        return TypeAdapter(kind)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError) as error:
        raise CodecError(f"{of}: pydantic doesn't know {_name(kind)}: {_first_line(error)}") from None


@lru_cache(maxsize=1024)
def _cached_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _shown(value: object) -> str:
    """Type first: values may hold secrets, so only a little of them is shown."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:40] + '…'}"


def _first_line(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else first["msg"]
    return str(error).partition("\n")[0]
