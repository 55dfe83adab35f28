"""Init's table: path and incarnation -> life, mirrored in life files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init import locks
from wakeful_runtime.init.lives import EXITS_KEPT, ExitReport, LifeFile, LifeFiles, LifeRecord
from wakeful_runtime.init.saying import say
from wakeful_runtime.processes import ProcessHandle

State = Literal["running", "ending", "exited"]


@dataclass(eq=False)
class Entry:
    """One life as init sees it.

    Attributes:
        life: its identity.
        handle: the process; None once it is reaped (or was gone when this init came).
        own: this init forked it, so it is its child.
        state: running; ending (dead or told to die, not swept yet); exited.
        exit: the report, once it is made.
        ordered: SIGKILL was ordered through init.
        clean: empty rounds in a row since its death.
        leftover: pids that were swept after it.
        family: handles on what was below it, taken before an ordered kill of a life that isn't our child.
        died_at: monotonic clock; 0 while it lives.
        status: wait status, where it is known before it is reaped.
        lost: its parent is outside the node, so what it left may be anywhere.
        acknowledged: the owner took the report of a life that is not empty yet.
    """

    life: LifeRecord
    handle: ProcessHandle | None
    own: bool
    state: State = "running"
    exit: ExitReport | None = None
    ordered: bool = False
    clean: int = 0
    leftover: list[int] = field(default_factory=list[int])
    family: list[ProcessHandle] = field(default_factory=list[ProcessHandle])
    died_at: float = 0.0
    status: int | None = None
    lost: bool = False
    acknowledged: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """Path and incarnation."""
        return self.life.path, self.life.incarnation

    @property
    def haunted(self) -> bool:
        """Reported as ended while something of it could not be killed."""
        return self.exit is not None and not self.exit.empty

    def row(self) -> dict[str, Any]:
        """The life in a table; `pidfd` says whether a descriptor travels with it where they do."""
        return {
            **self.life.to_json(),
            "state": "exited" if self.exit is not None else "running",
            "exit": self.exit.to_json() if self.exit is not None else None,
            "pidfd": int(self.handle is not None and self.handle.pidfd is not None),
        }

    def close(self) -> None:
        """Let all descriptors go."""
        for handle in (self.handle, *self.family):
            if handle is not None:
                handle.close()
        self.handle = None
        self.family = []


class Registry:
    """All lives this node knows, and the last incarnation seen of each path."""

    def __init__(self, directory: NodeDirectory) -> None:
        self._directory = directory
        self._files = LifeFiles(directory)
        self._entries: dict[tuple[str, int], Entry] = {}
        self._living: dict[str, Entry] = {}
        self._last: dict[str, int] = {}
        self._numbers = Numbers(directory)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def living(self, path: str) -> Entry | None:
        """The life of a path that isn't over: running, ending, or with something left that can't be killed."""
        return self._living.get(path)

    def find(self, path: str, incarnation: int) -> Entry | None:
        """A life that isn't forgotten yet."""
        return self._entries.get((path, incarnation))

    def owned(self, path: str) -> list[Entry]:
        """What `path` has to hear of, oldest first."""
        return [entry for entry in self._entries.values() if entry.life.owner == path]

    def last(self, path: str) -> int:
        """The highest incarnation seen of a path; 0 if none."""
        return max(self._last.get(path, 0), self._numbers.last(path))

    def number(self, path: str) -> int:
        """The next incarnation of one of the node's own processes; it is on disk when this returns."""
        return self._numbers.take(path, self.last(path) + 1)

    def number_of_init(self) -> int:
        """The next number of init itself, which must come up on a full disk too: then it is kept in memory only."""
        try:
            return self.number("init")
        except OSError as error:
            say(f"can't keep the number of this init: {error}")
            return self.last("init")

    def lock(self, path: str) -> Path:
        """The lock of a path's lives."""
        return self._directory.life(path).with_suffix(".lock")

    def lock_is_held(self, path: str) -> bool:
        """Whether something of an earlier life of the path still runs, whatever the table says."""
        return locks.held(self.lock(path))

    def announce(self, life: LifeRecord) -> None:
        """Before the fork: a life is about to begin."""
        self._files.write(LifeFile(life, "forking"))

    def withdraw(self, life: LifeRecord) -> None:
        """The fork failed."""
        self._files.remove(life.path, life.incarnation)

    def add(self, entry: Entry) -> None:
        """A life that runs; on disk when this returns."""
        self._files.write(LifeFile(entry.life, "running"))
        self._entries[entry.key] = entry
        self._living[entry.life.path] = entry
        self._seen(entry.life)

    def exited(self, entry: Entry, report: ExitReport) -> None:
        """Keep the report until it is acknowledged; the oldest of too many is dropped."""
        entry.state, entry.exit = "exited", report
        self._try_write(LifeFile(entry.life, "exited", report))
        self._entries[entry.key] = entry
        self._seen(entry.life)
        if report.empty and self._living.get(entry.life.path) is entry:
            del self._living[entry.life.path]
        elif not report.empty:
            self._living[entry.life.path] = entry
        earlier = [each for each in self if each.life.path == entry.life.path and each.state == "exited"]
        for old in sorted(earlier, key=lambda each: each.life.incarnation)[:-EXITS_KEPT]:
            self.forget(old)

    def forget(self, entry: Entry) -> None:
        """It was acknowledged."""
        self._files.remove(*entry.key)
        self._entries.pop(entry.key, None)
        entry.close()
        if self._living.get(entry.life.path) is entry:
            del self._living[entry.life.path]
        lock = self.lock(entry.life.path)
        if self._living.get(entry.life.path) is None and not locks.held(lock):
            lock.unlink(missing_ok=True)  # only children of init open it, and none of this path lives

    def give(self, entry: Entry, life: LifeRecord) -> None:
        """Replace a life's record (its owner)."""
        entry.life = life
        self._try_write(LifeFile(life, "exited" if entry.exit else "running", entry.exit))

    def load(self, boot: str) -> list[LifeFile]:
        """What the files of earlier inits say, forks that were never finished left out."""
        self._files.clean()
        records: list[LifeFile] = []
        for record in self._files.read():
            if record.state == "forking":
                self._files.remove(record.life.path, record.life.incarnation)
            else:
                records.append(record)
        return sorted(records, key=lambda each: (each.life.boot_id == boot, each.life.forked_at))

    def _try_write(self, record: LifeFile) -> None:
        """A full disk must not end init: memory still has it, and the next write tries again."""
        try:
            self._files.write(record)
        except OSError as error:
            say(f"can't write the file of {record.life.path}: {error}")

    def _seen(self, life: LifeRecord) -> None:
        self._last[life.path] = max(life.incarnation, self._last.get(life.path, 0))


class Numbers:
    """Incarnations of the node's own processes, which init numbers itself: they grow over reboots too."""

    def __init__(self, directory: NodeDirectory) -> None:
        self._file = directory.root / "incarnations.json"
        self._last: dict[str, int] = {}
        self._floor = 0
        try:
            data = json.loads(self._file.read_bytes())
            self._last = {str(path): int(number) for path, number in data.items()}
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, AttributeError):
            # Not readable, so what was used is unknown: jump to where no count of lives gets to.
            self._floor = int(time.time())

    def last(self, path: str) -> int:
        """The last number given to a path."""
        return self._last.get(path, self._floor)

    def take(self, path: str, number: int) -> int:
        """Note that a number is used; durable when this returns."""
        self._last[path] = number
        scratch = self._file.with_suffix(".new")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, json.dumps(self._last).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        scratch.replace(self._file)
        return number
