"""Bytes and plain values: msgpack with limits. The one place that trusts no input.

Plain values are None, bool, int (64 bits), float, str, bytes, list and dict. Richer leaves (datetimes, UUIDs, decimals,
sets, tuples) travel only between mailboxes, as msgpack extensions; see `leaves`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wakeful.errors import CodecError
from wakeful_runtime.leaves import read_leaf
from wakeful_runtime.packing import REFUSALS as REFUSALS
from wakeful_runtime.packing import is_list, packb, packer, unpackb

VERSION = 1
"""Of every frame on every lane; a frame of another version is bad bytes."""

MAX_BYTES = 20 * 1024 * 1024
"""A frame with the largest value there may be (16 MiB), and room for the rest."""

MAX_BODY = 16 * 1024 * 1024
"""The largest message (api.md: Values)."""

MAX_DEPTH = 128


def pack(value: Any) -> bytes:
    """A plain value as bytes.

    Raises:
        CodecError: it holds something that isn't plain, or is nested over some 500 deep.
    """
    try:
        packed = packb(value)
    except REFUSALS as error:
        raise CodecError(f"can't be written: {_line(error)}") from None
    return packed


pack_scalar: Callable[[float | str | None], bytes] = packer()
"""One int, float, str or None of our own; runs no Python code, so that any thread may use it."""


def unpack(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The value of bytes of anybody.

    Raises:
        CodecError: they are no msgpack, too many, or nested too deep; nothing else, whatever the bytes.
    """
    if len(data) > max_bytes:
        raise CodecError(f"{len(data):,} bytes; at most {max_bytes:,} are taken")
    try:
        value = unpackb(data, strict_map_key=False, ext_hook=_no_extension)
    except REFUSALS as error:
        raise CodecError(f"not msgpack: {_line(error)}") from None
    if len(data) > max_depth:
        _check_depth(value, max_depth)
    return value


def unpack_frame(data: bytes) -> list[Any]:
    """A mailbox frame: a list that begins with the version and the kind.

    Raises:
        CodecError: it is none.
    """
    try:
        frame = unpackb(data, strict_map_key=False, ext_hook=read_leaf)
    except REFUSALS as error:
        raise CodecError(f"not msgpack: {_line(error)}") from None
    if is_list(frame) and len(frame) > 2 and frame[0] == VERSION and type(frame[1]) is int:
        return frame
    if is_list(frame) and frame and type(frame[0]) is int and frame[0] != VERSION:
        raise CodecError(f"a frame of version {frame[0]}, not {VERSION}")
    raise CodecError("no frame: not a list that begins with a version and a kind")


def array_header(length: int) -> bytes:
    """The bytes before `length` packed values that make them a list."""
    if length < 16:
        return bytes((0x90 | length,))
    if length < 65536:
        return b"\xdc" + length.to_bytes(2, "big")
    return b"\xdd" + length.to_bytes(4, "big")


def _check_depth(value: Any, limit: int) -> None:
    level: list[Any] = [value]
    for _ in range(limit):
        inner: list[Any] = []
        for each in level:
            inner += each if type(each) is list else each.values() if type(each) is dict else ()
        level = [each for each in inner if type(each) is list or type(each) is dict]
        if not level:
            return
    raise CodecError(f"nested more than {limit} deep")


def _no_extension(code: int, data: bytes) -> Any:
    raise ValueError(f"an extension of type {code}")


def _line(error: BaseException) -> str:
    text = str(error).partition("\n")[0] or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "…"
