"""The demo's documents: the source files of the Python that runs it."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from wakeful.errors import NodeError

LEAST = 120
"""As many documents must be there for the demo to mean anything."""

_SMALLEST = 3_000
_LARGEST = 120_000
_SKIPPED = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo", "__pycache__"}


class Corpus:
    """Documents by name; a name is a path below the library's folder, such as `asyncio/queues.py`."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(sysconfig.get_paths()["stdlib"])

    def names(self, count: int) -> list[str]:
        """The first `count` documents of a readable size, top-level modules first, in a fixed order.

        Raises:
            NodeError: fewer than 120 are installed.
        """
        found = [name for path in self._files() if (name := self._name(path))]
        found.sort(key=lambda name: (name.count("/"), name))
        if len(found) < LEAST:
            raise NodeError(
                f"the demo reads the sources of Python's library, and {self.folder} holds only {len(found)} of them; "
                "use a Python that was installed with its sources"
            )
        return found[:count]

    def text(self, name: str) -> str:
        """A document's text, or KeyError for a name that leads elsewhere."""
        path = self.folder / name
        if ".." in Path(name).parts or self._name(path) != name:
            raise KeyError(name)
        return path.read_text(encoding="utf-8", errors="replace")

    def _files(self) -> Iterator[Path]:
        for here, folders, files in os.walk(self.folder):
            folders[:] = [folder for folder in folders if folder not in _SKIPPED]
            yield from (Path(here, file) for file in files if file.endswith(".py"))

    def _name(self, path: Path) -> str | None:
        relative = path.relative_to(self.folder)
        if _SKIPPED.intersection(relative.parts) or not path.is_file():
            return None
        return relative.as_posix() if _SMALLEST <= path.stat().st_size <= _LARGEST else None


def shares(names: Sequence[str], count: int) -> list[list[str]]:
    """The documents dealt out to `count` sessions, one after the other."""
    return [list(names[start::count]) for start in range(count)]
