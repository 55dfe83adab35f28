"""What a session writes down for itself, outside the node: what was acknowledged to it, in order."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Word = Literal["began", "checkpoint", "sent", "applied", "effect", "finished"]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was acknowledged.

    Attributes:
        incarnation: the life that wrote it.
        step: its count then; of a `began`, the count it resumed from.
        what: of `began` the pid, of `sent` recipient and number, of `applied` sender, life and number, of `effect` key.
        at: wall time.
    """

    word: str
    incarnation: int
    step: int
    what: str
    at: float


class Book:
    """A session's; every line is one write, so that a SIGKILL tears none."""

    def __init__(self, folder: Path, path: str) -> None:
        self.file = folder / f"{path.replace('/', '~')}.book"

    def write(self, word: Word, incarnation: int, step: int, what: str = "-") -> None:
        """Append a line."""
        line = f"{word} {incarnation} {step} {what} {time.time():.6f}\n"
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def read(self, start: int = 0) -> Iterator[Line]:
        """All lines from an offset on."""
        for line in self.text(start).splitlines():
            yield parse(line)

    def text(self, start: int = 0) -> str:
        """From an offset on, whole lines only."""
        if not self.file.exists():
            return ""
        with self.file.open("rb") as file:
            file.seek(start)
            data = file.read()
        return data[: data.rfind(b"\n") + 1].decode()


def parse(line: str) -> Line:
    """The inverse of `Book.write`."""
    word, incarnation, step, what, at = line.split(" ")
    return Line(word, int(incarnation), int(step), what, float(at))


class Reader:
    """Follows a book.

    Attributes:
        pid: of the last life that began.
        began, counted: lines of that life: its incarnation, and how many checkpoints were acknowledged to it.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.pid = 0
        self.incarnation = 0
        self.counted = 0
        self.step = 0
        self._offset = 0

    def look(self) -> Reader:
        """Read what has come."""
        text = self.book.text(self._offset)
        self._offset += len(text.encode())
        for line in map(parse, text.splitlines()):
            if line.word == "began":
                self.pid, self.incarnation, self.counted = int(line.what), line.incarnation, 0
            elif line.word == "checkpoint" and line.incarnation == self.incarnation:
                self.counted += 1
                self.step = line.step
        return self
