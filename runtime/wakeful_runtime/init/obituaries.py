"""How inits and keepers ended, kept until a gateway has surely written it into the journal."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEPT = 50
"""Ends that are told of again and again; far more than can happen before a gateway has heard of them."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One end.

    Attributes:
        stamp: tells it from all others: when it was seen, as text.
        how: in words.
    """

    stamp: str
    how: str

    @classmethod
    def now(cls, how: str) -> Ended:
        """One that is seen now."""
        return cls(f"{time.time():.6f}", how)

    def plain(self) -> list[str]:
        """For a frame or a file."""
        return [self.stamp, self.how]


def read_ends(plain: Any) -> tuple[Ended, ...]:
    """What `plain` made of each, out of a frame."""
    return tuple([Ended(str(stamp), str(how)) for stamp, how in plain or ()])


class Obituaries:
    """The last ends of a role, in a small file too: whoever saw them may die before anybody else has heard.

    One process writes it at a time. On a full disk they are kept in memory alone.

    Args:
        file: of this role.
        known: what another process remembers besides.
    """

    def __init__(self, file: Path, known: tuple[Ended, ...] = ()) -> None:
        self._file = file
        found = {each.stamp: each for each in (*_read(file), *known)}
        self._ends = [found[stamp] for stamp in sorted(found)][-KEPT:]

    def __iter__(self) -> Iterator[Ended]:
        return iter(tuple(self._ends))

    def note(self, how: str) -> None:
        """One more."""
        self._ends = [*self._ends, Ended.now(how)][-KEPT:]
        scratch = self._file.with_suffix(".new")
        with contextlib.suppress(OSError):
            scratch.write_text(json.dumps([each.plain() for each in self._ends]))
            os.replace(scratch, self._file)  # noqa: PTH105

    def forget(self) -> None:
        """The node stopped in order: all of it is in the journal."""
        self._ends = []
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)


def _read(file: Path) -> tuple[Ended, ...]:
    try:
        return read_ends(json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return ()
