"""Bytes as choices, so that whoever makes bytes (hypothesis, libFuzzer) makes values."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

WORDS = ("", "a", "a/b", "m/w", "gateway", "r1", "x" * 300, "\0", "\ud800", "é/ü", "../..", "node", "ok", "plain")
NUMBERS = (0, 1, -1, 2, 3, 7, 255, 2**31, 2**63 - 1, -(2**63), 2**64 - 1)
FLOATS = (0.0, 1.5, -1.0, 1e308, float("inf"), float("-inf"), float("nan"))


class Source:
    """Each choice takes some of the bytes; when none are left, every choice is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """So many bytes, or what is left."""
        self._at += count
        return self._data[self._at - count : self._at]

    @property
    def over(self) -> bool:
        """Whether none are left."""
        return self._at >= len(self._data)

    def below(self, count: int) -> int:
        """0 to `count` - 1."""
        return int.from_bytes(self.take(1), "big") % count

    def one(self, values: Sequence[T]) -> T:
        """One of them."""
        return values[self.below(len(values))]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(max(0, len(self._data) - self._at))

    def value(self, depth: int = 3) -> Any:
        """What msgpack or JSON could bring."""
        match self.below(10 if depth else 7):
            case 0:
                return self.one(WORDS)
            case 1:
                return self.one(NUMBERS)
            case 2:
                return self.below(2) == 1
            case 3:
                return None
            case 4:
                return self.one(FLOATS)
            case 5:
                return self.take(self.below(20))
            case 6:
                return struct.unpack(">q", self.take(8).rjust(8, b"\0"))[0]
            case 7:
                return [self.value(depth - 1) for _ in range(self.below(5))]
            case 8:
                return {self.one(WORDS): self.value(depth - 1) for _ in range(self.below(5))}
            case _:
                return self.take(self.below(20)).decode("utf-8", "surrogateescape")
