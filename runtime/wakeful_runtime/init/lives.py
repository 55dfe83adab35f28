"""What is known of a life outside it: its identity, how it ended, and the small files that outlive init."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from wakeful_runtime.directory import NodeDirectory

FileState = Literal["forking", "running", "exited"]
EXITS_KEPT = 16
"""Unacknowledged exit reports kept per path; a child that dies in a loop while its owner is away fills no disk."""


MARKER = "WAKEFUL_LIFE"
"""Environment variable by which leftovers that were exec'd are known when nothing else tells whose they are."""


@dataclass(frozen=True, slots=True)
class LifeRecord:
    """The identity of one life.

    Attributes:
        path: where it is in the tree.
        kind: what `roles.enter` starts for it.
        incarnation: grows with every life of the path.
        pid: its process; alone it proves nothing.
        start: clock ticks since boot at which the process started (psutil's create time where there is no /proc).
        inode: inode of its pidfd, unique for a boot where the kernel gives one (Linux 6.9); else 0.
        boot_id: the boot it belongs to.
        token: 32 hex digits only this life and its supervisors know.
        owner: path of the supervisor its exit is reported to.
        forked_at: monotonic clock, seconds.
    """

    path: str
    kind: str
    incarnation: int
    pid: int
    start: float
    inode: int
    boot_id: str
    token: str
    owner: str
    forked_at: float

    def to_json(self) -> dict[str, Any]:
        """As it travels and as it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LifeRecord:
        """The inverse of `to_json`; more keys are ignored.

        Raises:
            ValueError: a key is missing or of another type.
        """
        return cls(**_typed(data, cls.__annotations__))


@dataclass(frozen=True, slots=True)
class ExitReport:
    """How a life ended, reported after its group and its orphans were swept.

    Attributes:
        code: exit status if it left by itself.
        signal: the signal that ended it.
        core: whether it dumped core.
        unknown: nobody could tell the status (init and keeper had died, or another boot).
        maxrss: peak resident memory of the process, KiB; 0 if unknown.
        utime, stime: CPU seconds; 0 if unknown.
        empty: nothing of it is left. False: something can't be killed; a `LifeEmpty` may follow.
        leftover: pids that had to be killed (empty) or are still there (not empty).
        at: monotonic clock when the death was seen, seconds; of another boot: 0.
        oom: a hint whether the kernel's OOM killer did it; None if that can't be told.
    """

    path: str
    incarnation: int
    pid: int
    code: int | None
    signal: int | None
    core: bool
    unknown: bool
    maxrss: int
    utime: float
    stime: float
    empty: bool
    leftover: tuple[int, ...]
    at: float
    oom: bool | None

    def to_json(self) -> dict[str, Any]:
        """As it travels and as it is stored."""
        return {**asdict(self), "leftover": list(self.leftover)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ExitReport:
        """The inverse of `to_json`; more keys are ignored.

        Raises:
            ValueError: a key is missing or of another type.
        """
        return cls(**_typed(data, cls.__annotations__))


_CHECKS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (int, float),
    "int | None": (int, type(None)),
    "bool | None": (bool, type(None)),
    "tuple[int, ...]": (list, tuple),
}


def marker(token: str) -> str:
    """What `MARKER` holds in a life's environment: no secret, its token can't be made from it."""
    return hashlib.sha256(token.encode()).hexdigest()[:24]


def _typed(data: Mapping[str, Any], annotations: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, annotation in annotations.items():
        value = data.get(name)
        if not isinstance(value, _CHECKS[str(annotation)]) or (annotation == "int" and isinstance(value, bool)):
            raise ValueError(f"{name}: {value!r} is not {annotation}")
        values[name] = _pids(value) if annotation == "tuple[int, ...]" else value
    return values


def _pids(value: Any) -> tuple[int, ...]:
    return tuple(int(pid) for pid in value)


@dataclass(frozen=True, slots=True)
class LifeFile:
    """One file: a life and what init last knew of it."""

    life: LifeRecord
    state: FileState
    exit: ExitReport | None = None


class LifeFiles:
    """The third home of the table: one small file per life, written around the fork, removed with the acknowledgement.

    Only init writes here, one init at a time (`init.lock`).
    """

    def __init__(self, directory: NodeDirectory) -> None:
        self._directory = directory

    def write(self, record: LifeFile) -> None:
        """Replace the life's file in one step. No fsync: a file matters to the processes of its own boot only.

        Raises:
            OSError: the disk is full or gone.
        """
        file = self._file(record.life.path, record.life.incarnation)
        scratch = f"{file}.new"
        data = {
            "life": record.life.to_json(),
            "state": record.state,
            "exit": record.exit.to_json() if record.exit else None,
        }
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, json.dumps(data).encode())
        finally:
            os.close(descriptor)
        os.replace(scratch, file)  # noqa: PTH105 (a str on the way of every fork)

    def remove(self, path: str, incarnation: int) -> None:
        """Forget a life; it may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file(path, incarnation))  # noqa: PTH108 (as above)

    def read(self) -> Iterator[LifeFile]:
        """Every readable file."""
        for file in sorted(self._directory.lives.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                yield _parse(file.read_bytes())

    def clean(self) -> None:
        """Remove what can't be read (a torn write of a power cut) and what was never finished. Init only."""
        for file in self._directory.lives.glob("*.json"):
            try:
                _parse(file.read_bytes())
            except (ValueError, KeyError, TypeError):
                file.unlink(missing_ok=True)
        for scratch in self._directory.lives.glob("*.json.new"):
            scratch.unlink(missing_ok=True)

    def _file(self, path: str, incarnation: int) -> str:
        return f"{self._directory.life(path)}.{incarnation}.json"


def owner_of(directory: NodeDirectory, path: str, incarnation: int) -> str | None:
    """Who supervises a life by its file; None if that can't be read. For the life itself, when nobody answers it."""
    try:
        return _parse(Path(f"{directory.life(path)}.{incarnation}.json").read_bytes()).life.owner
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _parse(raw: bytes) -> LifeFile:
    data = json.loads(raw)
    state = data["state"]
    if state not in ("forking", "running", "exited"):
        raise ValueError(state)
    exit_data = data["exit"]
    return LifeFile(LifeRecord.from_json(data["life"]), state, ExitReport.from_json(exit_data) if exit_data else None)
