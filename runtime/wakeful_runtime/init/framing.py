"""Frames on init's socket: 4 bytes of big-endian length and a JSON object; descriptors ride on the first byte."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, cast

MAX_FRAME = 8 * 1024 * 1024
MAX_DESCRIPTORS = 200
"""Per frame; the kernel takes 253 (SCM_MAX_FD)."""


class FrameError(ValueError):
    """Bytes that are no frame: the connection they came from must be closed."""


def encode(message: dict[str, Any]) -> bytes:
    """One frame.

    Raises:
        FrameError: longer than `MAX_FRAME`.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise FrameError(f"a frame of {len(body)} bytes; {MAX_FRAME} at most")
    return len(body).to_bytes(4, "big") + body


class Decoder:
    """Bytes in, JSON objects out."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ready: deque[dict[str, Any]] = deque()

    def feed(self, data: bytes) -> None:
        """Take what was read.

        Raises:
            FrameError: too long, no JSON, or no object. The decoder is of no use afterwards.
        """
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if size > MAX_FRAME:
                raise FrameError(f"a frame of {size} bytes; {MAX_FRAME} at most")
            if len(self._buffer) < 4 + size:
                return
            body = bytes(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            self._ready.append(_decode(body))

    def pop(self) -> dict[str, Any] | None:
        """The next object, None if no whole one is there."""
        return self._ready.popleft() if self._ready else None


def _decode(body: bytes) -> dict[str, Any]:
    try:
        message: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"no JSON: {error}") from None
    if not isinstance(message, dict):
        raise FrameError("no JSON object")
    return cast("dict[str, Any]", message)
