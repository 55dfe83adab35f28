"""A hint whether the kernel's OOM killer was at work: its own counter, one small file a look."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

RECENT_S = 2.0
"""A kill that was counted so many seconds ago may be the death that is reported now; an older one is another's."""


class OomCounter:
    """Counts the kernel's OOM kills: of our cgroup and those below where it says so (v2), else of the whole machine.

    A cgroup v1 counts only the kills it caused itself, not those of the groups below it, so it isn't asked.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._files = [*_cgroup_file(), (Path("/proc/vmstat"), "oom_kill")]
        self._seen: deque[tuple[float, int]] = deque()
        self.look()

    def look(self) -> None:
        """Remember where it stands now; called now and then, so that a kill of long ago is not taken for a new one."""
        count = self._read()
        if count is None:
            return
        now = self._clock()
        self._seen.append((now, count))
        while len(self._seen) > 1 and self._seen[1][0] <= now - RECENT_S:
            self._seen.popleft()

    def grew(self) -> bool | None:
        """Whether there was one lately; None if that can't be told."""
        if not self._seen or (count := self._read()) is None:
            return None
        before = self._seen[0][1]
        self._seen.clear()
        self._seen.append((self._clock(), count))
        return count > before

    def _read(self) -> int | None:
        for file, word in self._files:
            try:
                lines = file.read_text().splitlines()
            except OSError:
                continue
            for line in lines:
                name, _, value = line.partition(" ")
                if name == word and value.isdigit():
                    return int(value)
        return None


def _cgroup_file() -> list[tuple[Path, str]]:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    paths = [path for _, controllers, path in (line.split(":", 2) for line in lines) if not controllers]
    return [(Path("/sys/fs/cgroup") / path.lstrip("/") / "memory.events", "oom_kill") for path in paths]
