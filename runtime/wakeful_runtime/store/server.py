"""The store's process: take all requests that are there, one transaction, answer after its commit."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Protocol

from wakeful.errors import CodecError, NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.birth import Birth
from wakeful_runtime.processes import boot_id
from wakeful_runtime.store.backup import Backups
from wakeful_runtime.store.group import Groups
from wakeful_runtime.store.protocol import Reply, Request, pack_reply, unpack_request
from wakeful_runtime.store.schema import VERSION, open_store
from wakeful_runtime.store.sqlite import Writer
from wakeful_runtime.store.upkeep import Upkeep
from wakeful_runtime.store.work import Answer, Moment
from wakeful_runtime.transport.request import RequestServer

IDLE_S = 30.0
"""How long the loop sleeps when nobody asks, seconds; then it tidies up."""

GROUP = 1000
"""Requests one transaction holds at most: bounds how long the first of them waits for the last."""

LISTENING = 20_000
"""Paths that are told when something comes for them; the one that asked longest ago goes first."""

ONCE = ("run ", "mail ")
"""What is listened for once: the end of a run, of a text (no path has a blank in it)."""

START_FAILED = 73
"""Exit status: the database can't be used as it is."""

log = logging.getLogger("wakeful.store")


class Lane(Protocol):
    """How requests come and answers go (`transport.request.RequestServer`)."""

    def recv_all(self, timeout: float | None = None, *, limit: int = 10_000) -> list[tuple[bytes, list[bytes]]]:
        """All that is there, waiting at most `timeout` seconds for the first, or until `wake`."""
        ...

    def send(self, client: bytes, frames: list[bytes]) -> bool: ...

    def wake(self) -> None:
        """End a `recv_all` that waits; from any thread or signal handler."""
        ...


class Server:
    """The loop of the store's process, in its main thread.

    Args:
        path: the database's file, for `status` and `backup`.
        group: how many requests a transaction holds at most.
    """

    def __init__(self, db: Writer, lane: Lane, path: Path, *, group: int = GROUP) -> None:
        boot = boot_id()
        self._db = db
        self._lane = lane
        self._path = path
        self._group = group
        self._groups = Groups(db, lambda: Moment(time.time(), time.monotonic(), boot))
        self._backups = Backups(path, self.post)
        self._upkeep = Upkeep(db, self._groups)
        self._posted: deque[Callable[[], None]] = deque()
        self._listening: OrderedDict[str, bytes] = OrderedDict()
        self._started_at = time.time()
        self.dropped = 0

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the loop, soon; from any thread."""
        self._posted.append(call)
        self._lane.wake()

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Serve until `should_stop`, which is looked at after every group and every posted call."""
        while not should_stop():
            self.turn(IDLE_S)
        self.turn(0.0)

    def turn(self, timeout: float) -> None:
        """One turn of the loop: what was posted, then one group."""
        batch = self._lane.recv_all(timeout, limit=self._group)
        while self._posted:
            self._posted.popleft()()
        if batch:
            self._serve(batch)
        self._upkeep.after_turn(idle=not batch)

    def _serve(self, batch: list[tuple[bytes, list[bytes]]]) -> None:
        asked: list[tuple[bytes, list[bytes], Request]] = []
        for client, frames in batch:
            try:
                request = unpack_request(frames[-1])
            except (CodecError, IndexError) as error:
                self._drop(frames, error)
                continue
            if request.op == "status":
                self._answer(client, frames, pack_reply(request.id, Reply("ok", self.status())))
            elif request.op == "backup":
                self._backups.begin(request, partial(self._answer, client, frames))
            else:
                asked.append((client, frames, request))
        replies = self._groups.run([request for _, _, request in asked])
        for client, frames, request in asked:
            self._answer(client, frames, replies[request.id])
        self._tell({request.id: client for client, _, request in asked})

    def _tell(self, clients: dict[str, bytes]) -> None:
        """Wake those for whom something came. A word that is lost goes with its connection, and the next one asks."""
        arrivals = self._groups.arrivals
        for path, request in arrivals.listening.items():
            self._listening[path] = clients[request]
            self._listening.move_to_end(path)
            if len(self._listening) > LISTENING:
                _, forgotten = self._listening.popitem(last=False)
                self._lane.send(forgotten, [b"", b""])  # it asks again, and is the last to be forgotten then
        for path in arrivals.come:
            once = path.startswith(ONCE)
            client = self._listening.pop(path, None) if once else self._listening.get(path)
            if client is not None and not self._lane.send(client, [b"", b""]):
                self._listening.pop(path, None)

    def _drop(self, frames: list[bytes], error: Exception) -> None:
        """Count it; log it ever more rarely, so that whoever sends garbage can't fill the log with it."""
        self.dropped += 1
        if not self.dropped & (self.dropped - 1):
            size = sum(map(len, frames))
            log.warning("dropped %d bytes that are no request (the %dth time): %s", size, self.dropped, error)

    def _answer(self, client: bytes, frames: list[bytes], reply: bytes) -> None:
        self._lane.send(client, [*frames[:-1], reply])

    def status(self) -> Answer:
        """How the store does: `trouble` is why it can't commit, None if it can; sizes in bytes."""
        wal = self._path.with_name(self._path.name + "-wal")
        return {
            "path": str(self._path),
            "schema": VERSION,
            "bytes": _size(self._path),
            "wal_bytes": _size(wal),
            "started_wall": self._started_at,
            "groups": self._groups.groups,
            "requests": self._groups.requests,
            "dropped": self.dropped,
            "trouble": self._groups.trouble,
            "pid": os.getpid(),
        }


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def serve(
    directory: NodeDirectory,
    should_stop: Callable[[], bool],
    on_loop: Callable[[Server], None] | None = None,
    *,
    group: int = GROUP,
) -> int:
    """Open the database, serve until `should_stop`, close it.

    Args:
        on_loop: told once, when requests are taken from now on; `Server.post` may be used from then on.
        group: how many requests a transaction holds at most.

    Returns:
        the exit status.
    """
    try:
        db = open_store(directory.store)
    except NodeError as error:
        sys.stderr.write(f"store: {error}\n")
        return START_FAILED
    try:
        lane = RequestServer(directory.mailbox("store"))
    except NodeError as error:
        sys.stderr.write(f"store: {error}\n")
        db.close()
        return START_FAILED
    try:
        server = Server(db, lane, directory.store, group=group)
        if on_loop is not None:
            on_loop(server)
        server.run(should_stop)
    finally:
        lane.close()
        db.close()
    return 0


def main(birth: Birth) -> int:
    """The store as a process of its own; SIGTERM and SIGINT stop it in order."""
    stopping = threading.Event()
    loop: list[Server] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        if loop:
            loop[0].post(lambda: None)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return serve(birth.directory, stopping.is_set, loop.append)
