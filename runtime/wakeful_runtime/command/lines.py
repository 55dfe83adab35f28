"""Lines out of a stream of bytes, none longer than allowed; pure."""

from __future__ import annotations


class Lines:
    """Cuts what it is fed into lines.

    Args:
        longest: bytes; of a longer line nothing is kept.

    Attributes:
        overlong: how many lines were too long.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = bytearray()
        self._skipping = False
        self.overlong = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends."""
        *whole, rest = data.split(b"\n")
        found: list[bytes] = []
        for piece in whole:
            self._add(piece)
            if not self._skipping:
                found.append(bytes(self._rest))
            self._rest.clear()
            self._skipping = False
        self._add(rest)
        return found

    def end(self) -> list[bytes]:
        """What is left when the stream ends: a last line may have no end."""
        left = [] if self._skipping or not self._rest else [bytes(self._rest)]
        self._rest.clear()
        return left

    def _add(self, piece: bytes) -> None:
        if self._skipping:
            return
        if len(self._rest) + len(piece) > self._longest:
            self._rest.clear()
            self._skipping = True
            self.overlong += 1
            return
        self._rest += piece
