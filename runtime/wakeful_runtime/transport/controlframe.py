"""What travels on the control lane: `[version, kind, path, incarnation, token, body]`."""

from __future__ import annotations

from typing import Any

from wakeful.errors import CodecError
from wakeful_runtime.wire import MAX_BYTES, VERSION, unpack

Body = dict[str, Any]


def read_control(parts: list[bytes]) -> tuple[str, str, int, str, Body]:
    """kind, path, incarnation, token and body of a message's parts.

    Raises:
        CodecError: they are no control message.
    """
    if len(parts) != 1:
        raise CodecError(f"{len(parts)} parts, not 1")
    match unpack(parts[0], max_bytes=MAX_BYTES):
        case [version, str(kind), str(path), int(incarnation), str(token), dict()] as frame if version == VERSION:
            body: Body = frame[5]
            return kind, path, incarnation, token, body
        case _:
            raise CodecError(f"no control message of version {VERSION}")
