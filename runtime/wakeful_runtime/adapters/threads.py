"""LangGraph's threads in memory, and each as plain data and back: what `Saver` keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

try:
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.checkpoint.serde.base import SerializerProtocol
except ImportError as error:
    raise ImportError(f"langgraph isn't there ({error}): pip install 'wakeful[langgraph]'") from None

NAMESPACES = 32
"""Namespaces kept of a thread: each run of a subgraph has one of its own."""

_DELTAS = "counters_since_delta_snapshot"
"""In the metadata of checkpoints that are read together with their ancestors."""


class Threads(InMemorySaver):
    """LangGraph's own saver in memory, whose threads can be taken out, put back, copied and pruned."""

    def __init__(self, *, serde: SerializerProtocol | None = None) -> None:
        super().__init__(serde=serde)  # pyright: ignore[reportUnknownMemberType]

    def thread_ids(self) -> list[str]:
        """Of the threads that have a checkpoint."""
        return [thread for thread, spaces in self.storage.items() if any(spaces.values())]

    def dump(self, thread: str) -> dict[str, Any]:
        """All of a thread: None, bool, int, float, str, bytes and lists."""
        spaces = self.storage.get(thread, {})
        return {
            "checkpoints": [
                [space, number, [*body], [*metadata], parent]
                for space, checkpoints in spaces.items()
                for number, (body, metadata, parent) in checkpoints.items()
            ],
            "blobs": [[space, channel, version, [*blob]] for space, channel, version, blob in self._blobs_of(thread)],
            "writes": [
                [space, number, index, task, channel, [*value], path]
                for (owner, space, number), writes in self.writes.items()
                if owner == thread
                for (_, index), (task, channel, value, path) in writes.items()
            ],
        }

    def read(self, thread: str, kept: dict[str, Any]) -> None:
        """The thread again, as `dump` gave it."""
        self.drop(thread)
        for space, number, body, metadata, parent in kept["checkpoints"]:
            self.storage[thread][space][number] = (tuple(body), tuple(metadata), parent)
        for space, channel, version, blob in kept["blobs"]:
            self.blobs[thread, space, channel, version] = tuple(blob)
        for space, number, index, task, channel, value, path in kept["writes"]:
            self.writes[thread, space, number][task, index] = (task, channel, tuple(value), path)

    def drop(self, thread: str) -> None:
        """Forget a thread."""
        super().delete_thread(thread)

    def drop_runs(self, run_ids: Sequence[str]) -> list[str]:
        """Forget the checkpoints that LangGraph runs made; the threads that had some."""
        gone: list[str] = []
        for thread in self.thread_ids():
            wanted = {number for _, number, metadata, _ in self._entries(thread) if metadata.get("run_id") in run_ids}
            if wanted:
                self._drop_checkpoints(thread, wanted)
                gone.append(thread)
        return gone

    def copy(self, source: str, target: str) -> None:
        """Put all of a thread in another's place."""
        self.read(target, self.dump(source))

    def keep_newest(self, thread: str, count: int) -> None:
        """Forget all but the newest `count` checkpoints of each namespace; nothing of what is read by its ancestors."""
        spaces: dict[str, list[str]] = {}
        for space, number, metadata, _ in self._entries(thread):
            if metadata.get(_DELTAS):
                return
            spaces.setdefault(space, []).append(number)
        newest = sorted(spaces, key=lambda space: (space == "", max(spaces[space])))[-NAMESPACES:]
        kept = {number for space in newest for number in sorted(spaces[space])[-count:]}
        gone = {number for numbers in spaces.values() for number in numbers} - kept
        if gone:
            self._drop_checkpoints(thread, gone)

    def _entries(self, thread: str) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
        """Namespace, id, metadata and versions of each checkpoint of a thread."""
        return [
            (space, number, self.serde.loads_typed(metadata), self.serde.loads_typed(body)["channel_versions"])
            for space, checkpoints in self.storage.get(thread, {}).items()
            for number, (body, metadata, _) in checkpoints.items()
        ]

    def _drop_checkpoints(self, thread: str, numbers: Iterable[str]) -> None:
        """Forget checkpoints, their writes, and the values that no other one has."""
        gone = set(numbers)
        for checkpoints in self.storage[thread].values():
            for number in gone & checkpoints.keys():
                del checkpoints[number]
        for key in [key for key in self.writes if key[0] == thread and key[2] in gone]:
            del self.writes[key]
        used = {
            (space, channel, version)
            for space, _, _, versions in self._entries(thread)
            for channel, version in versions.items()
        }
        for space, channel, version, _ in self._blobs_of(thread):
            if (space, channel, version) not in used:
                del self.blobs[thread, space, channel, version]

    def _blobs_of(self, thread: str) -> list[tuple[str, str, Any, tuple[str, bytes]]]:
        return [
            (space, name, version, blob)
            for (owner, space, name, version), blob in self.blobs.items()
            if owner == thread
        ]
