"""A hint whether the kernel's OOM killer was at work: its own counters, one small file a look."""

from __future__ import annotations

from pathlib import Path


class OomCounter:
    """Counts the kernel's OOM kills: of our cgroup where it says so, else of the whole machine."""

    def __init__(self) -> None:
        self._files = [*_cgroup_files(), (Path("/proc/vmstat"), "oom_kill")]
        self._last = self._read()

    def grew(self) -> bool | None:
        """Whether there was one since the last look; None if that can't be told."""
        now = self._read()
        before, self._last = self._last, now
        return None if now is None or before is None else now > before

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


def _cgroup_files() -> list[tuple[Path, str]]:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    files: list[tuple[Path, str]] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            files.append((Path("/sys/fs/cgroup") / path.lstrip("/") / "memory.events", "oom_kill"))
        elif controllers == "memory":
            files.append((Path("/sys/fs/cgroup/memory") / path.lstrip("/") / "memory.oom_control", "oom_kill"))
    return files
