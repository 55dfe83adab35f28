"""What clients and the store say to each other: one msgpack array each way, matched by the request's id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from wakeful.errors import CodecError
from wakeful_runtime.wire import pack, unpack

VERSION = 1

MAX_BYTES = 20 * 1024 * 1024
"""A request with the largest value there may be (16 MiB), and room for the rest."""

MAX_DEPTH = 128

MAX_ID = 128
"""Characters of a request's id."""

Kind = Literal["ok", "no", "wait"]

_KINDS: dict[str, Kind] = {"ok": "ok", "no": "no", "wait": "wait"}
_ARRAY: TypeAdapter[tuple[int, str, str, dict[str, Any]]] = TypeAdapter(tuple[int, str, str, dict[str, Any]])


@dataclass(frozen=True, slots=True)
class Request:
    """A request; a repeated `id` is the same request and gets the first answer."""

    id: str
    op: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        kind: `ok`: done, and committed; `no`: refused, `body` is `{code, why, facts}`; `wait`: not now, nothing was
            done, ask again; `body` is `{code, why}`.
    """

    kind: Kind
    body: dict[str, Any]


def pack_request(request: Request) -> bytes:
    """A request as bytes.

    Raises:
        CodecError: an argument isn't plain, or the request is too large.
    """
    data = pack([VERSION, request.id, request.op, request.arguments])
    if len(data) > MAX_BYTES:
        raise CodecError(f"{request.op}: {len(data):,} bytes; the store takes at most {MAX_BYTES:,}")
    return data


def unpack_request(data: bytes) -> Request:
    """A request from bytes of anybody.

    Raises:
        CodecError: these aren't a request.
    """
    number, op, arguments = _fields(unpack(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH))
    if not 0 < len(number) <= MAX_ID:
        raise CodecError("a request's id has 1 to 128 characters")
    return Request(number, op, arguments)


def pack_reply(number: str, reply: Reply) -> bytes:
    """The answer to request `number` as bytes."""
    return pack([VERSION, number, reply.kind, reply.body])


def unpack_reply(data: bytes, number: str) -> Reply:
    """The answer to request `number`.

    Raises:
        CodecError: these aren't it.
    """
    answered, kind, body = _fields(unpack(data, max_bytes=MAX_BYTES * 2, max_depth=MAX_DEPTH))
    if answered != number or kind not in _KINDS:
        raise CodecError("not the store's answer to this request")
    return Reply(_KINDS[kind], body)


def _fields(value: object) -> tuple[str, str, dict[str, Any]]:
    """What follows the version in either array."""
    try:
        version, first, second, body = _ARRAY.validate_python(value)
    except ValidationError:
        raise CodecError("not an array of version, two words, and a dict with str keys") from None
    if version != VERSION:
        raise CodecError(f"version {version} of the store's protocol, not {VERSION}")
    return first, second, body
