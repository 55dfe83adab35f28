"""msgpack, which has no types of its own, with those that are used here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import msgpack

_untyped: Any = msgpack

packb: Callable[..., bytes] = _untyped.packb
unpackb: Callable[..., Any] = _untyped.unpackb
extension: Callable[[int, bytes], Any] = _untyped.ExtType

REFUSALS: tuple[type[Exception], ...] = (
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
    AttributeError,
    _untyped.UnpackException,
)
"""What msgpack and the readers of extensions raise on bytes or values that aren't theirs."""


def packer(default: Callable[[object], Any] | None = None) -> Callable[[Any], bytes]:
    """`packb` with a buffer of its own; for one thread if `default` is given, since that is Python code."""
    pack: Callable[[Any], bytes] = _untyped.Packer(default=default).pack
    return pack


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether it is exactly a list, as unpacking makes them."""
    return type(value) is list
