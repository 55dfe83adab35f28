"""The node under attack: run, run again, looked at from outside, stopped; and what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.chaos.books import Book, Reader
from tests.chaos.ledger import Ledger
from tests.chaos.people import FOLDER, Bee

from wakeful import Child, Gateway, Heartbeat, Monitor, Session
from wakeful.errors import NodeError
from wakeful_runtime.clients.client import Client, runs_in
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeplan import pack_plan
from wakeful_runtime.init import locks
from wakeful_runtime.init.birth import set_subreaper
from wakeful_runtime.init.lives import LifeFiles, LifeRecord
from wakeful_runtime.processes import descendants, read_stat

ROOT = Path(__file__).parents[2]
"""Children import `tests.chaos.people` as a user's module, from here."""

HEARTBEAT = Heartbeat(every=1.0, timeout=2.0, progress=8.0, startup=60.0)
MONITORS = {"a": 4, "b": 4}
SPAWNED = 3
WITHOUT_END = 1_000_000
START_S = 90.0


def paths() -> list[str]:
    """Of all sessions."""
    tree = [f"{monitor}/s{number}" for monitor, count in MONITORS.items() for number in range(count)]
    return [*tree, *[f"sessions/d{number}" for number in range(SPAWNED)]]


def peers_of(path: str) -> list[str]:
    """Whom a session sends to: two of the tree's. Spawned ones get nothing: a parcel would count as progress."""
    place, fixed = paths().index(path), [each for each in paths() if not each.startswith("sessions/")]
    return [fixed[(place + step) % len(fixed)] for step in (1, 5)]


class Arena:
    """One node directory, its keepers, the world outside.

    Args:
        folder: for books, flags and ledger.
        pause: of a session between two steps, seconds.
    """

    def __init__(self, folder: Path, pause: float) -> None:
        set_subreaper()  # what a killed keeper leaves falls to this process: nothing can hide
        self._known = set(descendants(os.getpid()))
        self.folder = folder
        self.directory = NodeDirectory(folder / "n").create()
        self.ledger = Ledger(folder)
        self.books = {path: Book(folder, path) for path in paths()}
        self.readers = {path: Reader(book) for path, book in self.books.items()}
        self._pause = pause
        self._keepers: list[subprocess.Popen[bytes]] = []
        self._client: Client | None = None
        self._files = LifeFiles(self.directory)

    # running

    def tree(self) -> Gateway:
        """Two monitors with sessions, and an agent that is spawned."""
        often = {"max_restarts": WITHOUT_END, "within": 1.0}
        monitors = [
            Monitor(name, *[self._bee(f"{name}/s{number}") for number in range(count)], **often)  # type: ignore[arg-type]
            for name, count in MONITORS.items()
        ]
        agent = Child("bee", Bee, heartbeat=HEARTBEAT)
        return Gateway(*monitors, agents=[agent], max_restarts=WITHOUT_END, within=1.0)

    def _bee(self, path: str) -> Child:
        bee: type[Session[Any]] = Bee
        return Child(path.split("/")[1], bee, task="count", args=self._args(path), heartbeat=HEARTBEAT)

    def _args(self, path: str) -> dict[str, Any]:
        return {"peers": peers_of(path), "pause": self._pause}

    def begin(self) -> None:
        """Run the node and spawn what is spawned; returns when every session has counted."""
        self.run()
        for path in paths():
            if path.startswith("sessions/"):
                self.client.sessions_spawn(
                    task="count", agent_id="bee", label=path.split("/")[1], args=self._args(path)
                )
        self.until(lambda: all(reader.look().counted for reader in self.readers.values()), "every session counts")

    def run(self) -> None:
        """Become the keeper of the directory's node, or start one; returns when it is ready."""
        variables = {**os.environ, FOLDER: str(self.folder)}
        variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        with self.directory.log("keeper").open("ab") as said:
            keeper = subprocess.Popen(
                [sys.executable, "-P", "-m", "wakeful_runtime.keeping_node", str(self.directory.root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=variables,
                start_new_session=True,
            )
        assert keeper.stdin is not None and keeper.stdout is not None
        keeper.stdin.write(pack_plan(self.tree().plan()))
        keeper.stdin.close()
        self._keepers.append(keeper)
        ready = keeper.stdout.readline()
        keeper.stdout.close()
        if ready != b"ready\n":
            raise NodeError(f"the node did not come up: {self.directory.log('keeper').read_text()[-2000:]}")

    @property
    def client(self) -> Client:
        """Talks to the node."""
        if self._client is None:
            self._client = Client(self.directory.root)
        return self._client

    @property
    def keeper(self) -> subprocess.Popen[bytes]:
        """The last one that was run."""
        return self._keepers[-1]

    # looking

    def lives(self) -> dict[str, LifeRecord]:
        """Who runs, by path, without asking the node; init and keeper are no lives."""
        return {file.life.path: file.life for file in self._files.read() if file.state == "running"}

    def role(self, name: str) -> int:
        """Pid of init or keeper; 0: it is gone."""
        holder = locks.holder(self.directory.lock(name)).process()
        if holder is None:
            return 0
        pid = holder.pid
        holder.close()
        return pid

    def until(self, condition: Callable[[], Any], what: str, within: float = 60.0) -> Any:
        """What the condition returns, once that is true; a node in the middle of a change is waited for.

        Raises:
            TimeoutError: it did not become true.
        """
        deadline = time.monotonic() + within
        trouble: Exception | None = None
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except NodeError as error:
                trouble = error
            time.sleep(0.05)
        raise TimeoutError(f"{what}: not within {within:g} s ({trouble})")

    def events(self) -> Iterator[dict[str, Any]]:
        """The whole journal."""
        after = 0
        while rows := self._page(after):
            yield from rows
            after = int(rows[-1]["seq"])

    def _page(self, after: int) -> list[dict[str, Any]]:
        asked = {"after": after, "limit": 5000}
        found: list[dict[str, Any]] = self.until(lambda: [self.client.call("events", asked)], "events")[0]
        return found

    # ending

    def stop(self) -> None:
        """Stop the node in order.

        Raises:
            subprocess.TimeoutExpired: it did not stop.
        """
        if self._client is not None:
            self._client.close()
            self._client = None
        self.keeper.terminate()
        self.keeper.wait(START_S)

    def left_over(self) -> list[str]:
        """Processes, sockets and files of lives that are still there."""
        deadline = time.monotonic() + 5.0
        while (found := self._left_over()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def _left_over(self) -> list[str]:
        reap()
        left = [f"process {pid}: {_described(pid)}" for pid in self._living()]
        left += [f"socket {file.name}" for file in self.directory.sockets.glob("*")]
        left += [f"file {file.name}" for file in self.directory.lives.glob("*.json*")]
        left += ["a lock"] if runs_in(self.directory) else []
        return left

    def _living(self) -> list[int]:
        found: list[int] = []
        for pid in descendants(os.getpid()):
            stat = read_stat(pid)
            if pid not in self._known and stat is not None and stat.state not in "ZX":
                found.append(pid)
        return found

    def kill_all(self) -> set[int]:
        """SIGKILL whatever there is, until nothing is; the pids."""
        killed: set[int] = set()
        while living := self._living():
            killed.update(living)
            for pid in living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for keeper in self._keepers:
                keeper.poll()
            time.sleep(0.005)
        return killed

    def close(self) -> None:
        """Let go of everything."""
        if self._client is not None:
            self._client.close()
        self.kill_all()
        for keeper in self._keepers:
            keeper.wait()
        reap()


def _described(pid: int) -> str:
    stat = read_stat(pid)
    with contextlib.suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return f"{line.strip()} (parent {stat.parent if stat else '?'}, started at tick {stat.start if stat else '?'})"
    return "gone meanwhile"


def reap() -> None:
    """Zombies that fell to this process."""
    for pid in descendants(os.getpid()):
        stat = read_stat(pid)
        if stat is not None and stat.state == "Z" and stat.parent == os.getpid():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
