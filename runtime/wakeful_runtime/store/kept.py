"""Values as they lie in the database: packed by the wire's codec, so that what comes back is what was put in."""

from __future__ import annotations

from typing import Any

from wakeful_runtime.wire import pack, unpack

MAX_BYTES = 32 * 1024 * 1024
"""More than any value that was let in."""

MAX_DEPTH = 128


def keep(value: Any) -> bytes:
    """A plain value as a blob.

    Raises:
        CodecError: it isn't plain.
    """
    return pack(value)


def unkeep(blob: bytes | None) -> Any:
    """The value of a blob; None for none."""
    return None if blob is None else unpack(blob, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
