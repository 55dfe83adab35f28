"""A node with work in it, and proof that what should not notice a fault did not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.system.node.books import Bookkeeper
from tests.system.node.conftest import Harness
from tests.system.node.people import Walk

from wakeful import Child, Gateway, Heartbeat, Monitor

QUICK = Heartbeat(every=0.3, timeout=0.7, progress=10.0)
WORKERS = ("m/w0", "m/w1")


class Witness:
    """Two sessions that count and write down what was acknowledged, under one monitor; one more can be spawned."""

    def __init__(self, harness: Harness, folder: Path) -> None:
        self.harness = harness
        self.folder = folder
        children = [
            Child(path[2:], Bookkeeper, task="count", args={"book": str(self.book(path))}, heartbeat=QUICK)
            for path in WORKERS
        ]
        self.tree = Gateway(Monitor("m", *children), agents=[Child("walker", Walk, heartbeat=QUICK)])
        self._before: dict[str, tuple[int, int]] = {}

    def book(self, path: str) -> Path:
        return self.folder / path.replace("/", "~")

    def numbers(self, path: str) -> list[int]:
        """What was acknowledged, in order."""
        book = self.book(path)
        return [int(line.split()[0]) for line in book.read_text().splitlines()] if book.exists() else []

    def begin(self) -> Witness:
        """Start the node, let its sessions work, remember who is who."""
        self.harness.start(self.tree)
        self.moves_on()
        return self.remember()

    def remember(self) -> Witness:
        self._before = self.lives()
        return self

    def lives(self) -> dict[str, tuple[int, int]]:
        return {path: (row["pid"], row["incarnation"]) for path, row in self.harness.rows().items()}

    def pid(self, path: str) -> int:
        """Of the process that was there when `remember` was called."""
        return self._before[path][0]

    def signal(self, path: str, number: int = signal.SIGKILL) -> int:
        os.kill(self.pid(path), number)
        return self.pid(path)

    def replaced(self, path: str, within: float = 20.0) -> None:
        """Wait until another process has taken its place, and runs."""

        def there() -> bool:
            row = self.harness.row(path)
            return row["pid"] not in (None, self.pid(path)) and row["state"] == "running"

        self.harness.until(there, within)

    def moves_on(self, *paths: str) -> None:
        """Wait until these sessions (default: both) have made acknowledged progress from now on."""
        for path in paths or WORKERS:
            self.harness.until(partial(self._has_more, path, len(self.numbers(path)) + 1))

    def _has_more(self, path: str, than: int) -> bool:
        return len(self.numbers(path)) > than

    def untouched_but(self, *died: str) -> None:
        """Everybody else is the same process in the same life."""
        now = self.lives()
        changed = {path: (was, now.get(path)) for path, was in self._before.items() if now.get(path) != was}
        assert set(changed) <= set(died), f"{changed}\n{self.harness.story()}"

    def nothing_lost(self) -> None:
        """No acknowledged checkpoint was lost: no number was counted twice."""
        for path in WORKERS:
            numbers = self.numbers(path)
            assert numbers == sorted(set(numbers)), f"{path}: {numbers}"

    def told(self, path: str, *events: str) -> None:
        """The journal tells it."""
        for event in events:
            self.harness.until_event(path, event)

    def works(self) -> None:
        """The node still does what a node does."""
        harness = self.harness
        path = harness.client.sessions_spawn(task="walk", agent_id="walker").path
        harness.until_event(path, "checkpoint")
        harness.call("kill", path=path)
        harness.until_event(path, "restarted")
        harness.call("restart", path=path)
        harness.until_event(path, "restarted", count=2)
        harness.call("stop", path=path)
        harness.until_event(path, "finished")

    def survives(self, *died: str, told: Callable[[], Any] | None = None) -> None:
        """All of it at once, after a fault that killed these."""
        self.moves_on()
        self.works()
        if told is not None:
            told()
        self.untouched_but(*died)
        self.nothing_lost()
