"""A copy of the store while it works: one snapshot, made by a thread with a connection of its own."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from wakeful_runtime.store.protocol import Reply, Request, pack_reply
from wakeful_runtime.store.sqlite import describe

Done = Callable[[bytes], None]


class Backups:
    """At most one thread per request; a repeated request waits for the same copy.

    Args:
        post: runs a call on the store's loop, from any thread.
    """

    def __init__(self, path: Path, post: Callable[[Callable[[], None]], None]) -> None:
        self._path = path
        self._post = post
        self._waiting: dict[str, list[Done]] = {}

    def begin(self, request: Request, done: Done) -> None:
        """Copy the store into the request's `file` and call `done` with the packed reply, on the loop."""
        if request.id in self._waiting:
            self._waiting[request.id].append(done)
            return
        self._waiting[request.id] = [done]
        threading.Thread(target=self._copy, args=(request,), name="backup", daemon=True).start()

    def _copy(self, request: Request) -> None:
        reply = self._attempt(request.arguments.get("file"))
        self._post(lambda: self._finish(request.id, pack_reply(request.id, reply)))

    def _finish(self, number: str, reply: bytes) -> None:
        for done in self._waiting.pop(number):
            done(reply)

    def _attempt(self, file: object) -> Reply:
        if not isinstance(file, str) or not Path(file).is_absolute() or Path(file).is_dir():
            return _no(f"backup: {file!r} is no absolute path of a file")
        target = Path(file)
        if target.resolve().name.startswith(self._path.name) and target.resolve().parent == self._path.resolve().parent:
            return _no("backup: that is the store's own file; choose another one")
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            size = copy_database(self._path, part)
            part.replace(target)
        except sqlite3.Error as error:
            return _no(f"backup: can't copy to {file}: {describe(error)}")
        except OSError as error:
            return _no(f"backup: can't write {file}: {error.strerror}")
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return Reply("ok", {"file": str(target), "bytes": size})


def _no(why: str) -> Reply:
    return Reply("no", {"code": "backup", "why": why, "facts": {}})


def copy_database(source: Path, target: Path) -> int:
    """Copy a database as it is at one moment, whoever writes it meanwhile; the copy is on the disk on return.

    Returns:
        its size in bytes.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    reading = sqlite3.connect(source, timeout=5.0)
    writing = sqlite3.connect(target)
    try:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode=DELETE")
    finally:
        writing.close()
        reading.close()
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
