"""Rich leaves of messages: what msgpack has no type for, as extensions that come back equal."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

from wakeful.ref import Address
from wakeful_runtime.packing import extension, is_list, packb, unpackb


def pack_rich(value: object) -> bytes:
    """A value with rich leaves, models and dataclasses in it; those become dicts of their fields.

    Raises:
        ValueError, TypeError, OverflowError, RecursionError: something in it can't travel.
    """
    return packb(value, default=_leaf, strict_types=True)


def read_leaf(code: int, data: bytes) -> Any:
    """An extension's value, for msgpack's `ext_hook`.

    Raises:
        ValueError, TypeError, OverflowError, RecursionError: these bytes are none.
    """
    known = _EXTENSIONS.get(code)
    if known is None:
        raise ValueError(f"an extension of type {code}")
    try:
        return known[1](data)
    except decimal.InvalidOperation:
        raise ValueError("not a decimal number") from None


def fields_of(model: BaseModel) -> dict[str, Any]:
    """The declared fields and their values as they are: no alias, no serializer, no cached property."""
    values = model.__dict__
    return {name: values[name] for name in type(model).model_fields if name in values}


def _leaf(value: object) -> Any:
    code = _CODES.get(type(value))
    if code is not None:
        return extension(code, _EXTENSIONS[code][0](value))
    if isinstance(value, BaseModel):
        return fields_of(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Address):
        return value.path
    if isinstance(value, SecretStr | SecretBytes):
        return value.get_secret_value()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    for plain in _PLAIN:
        if isinstance(value, plain):
            return plain(value)
    return to_jsonable_python(value)


def _members(data: bytes) -> list[Any]:
    value = unpackb(data, strict_map_key=False, ext_hook=read_leaf)
    if not is_list(value):
        raise ValueError("not a list")
    return value


def _pack_members(value: Any) -> bytes:
    return pack_rich(list(value))


def _pack_int(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _pack_span(value: dt.timedelta) -> bytes:
    return pack_rich([value.days, value.seconds, value.microseconds])


def _read_span(data: bytes) -> dt.timedelta:
    days, seconds, micros = _members(data)
    return dt.timedelta(int(days), int(seconds), int(micros))


def _pack_iso(value: dt.datetime | dt.date | dt.time) -> bytes:
    return value.isoformat().encode()


_PLAIN: tuple[Any, ...] = (str, bytes, int, float, dict, list, tuple)
"""A subclass of one of these travels as that one, or as validation makes it."""

_Extension = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]

_EXTENSIONS: dict[int, _Extension] = {
    1: (_pack_iso, lambda data: dt.datetime.fromisoformat(data.decode())),
    2: (_pack_iso, lambda data: dt.date.fromisoformat(data.decode())),
    3: (_pack_iso, lambda data: dt.time.fromisoformat(data.decode())),
    4: (_pack_span, _read_span),
    5: (lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
    6: (lambda value: str(value).encode(), lambda data: decimal.Decimal(data.decode())),
    7: (_pack_int, lambda data: int.from_bytes(data, "big", signed=True)),
    8: (_pack_members, lambda data: tuple(_members(data))),
    9: (_pack_members, lambda data: set(_members(data))),
    10: (_pack_members, lambda data: frozenset(_members(data))),
}

_CODES: dict[type, int] = {
    dt.datetime: 1,
    dt.date: 2,
    dt.time: 3,
    dt.timedelta: 4,
    uuid.UUID: 5,
    decimal.Decimal: 6,
    int: 7,
    tuple: 8,
    set: 9,
    frozenset: 10,
}
