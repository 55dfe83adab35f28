"""The report of a run: faults by kind, how soon they were seen and mended, what was lost."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from statistics import median
from typing import Any

from tests.chaos.books import Line
from tests.chaos.losses import Losses
from tests.chaos.monkey import Fault


@dataclass(frozen=True)
class Figures:
    """Of one kind of fault.

    Attributes:
        detection: from the fault to the first word of it in the journal, seconds.
        recovery: from the fault to acknowledged work of the next life (sessions), to `ready` or to the journal's
            `restarted` (the node's own).
    """

    kind: str
    count: int
    detection: tuple[float, float] | None
    recovery: tuple[float, float] | None
    measured: int


@dataclass(frozen=True)
class Report:
    """What `python -m tests.chaos --json` prints."""

    seed: int
    minutes: float
    faults: int
    kills: int
    checkpoints: int
    effects: int
    messages: int
    figures: list[Figures]
    losses: Losses
    trouble: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def text(self) -> str:
        """For people."""
        rows = [f"{'fault':24} {'times':>6} {'seen: median':>13} {'p90':>7} {'mended: median':>15} {'p90':>7}"]
        for each in self.figures:
            seen, mended = (_pair(pair) for pair in (each.detection, each.recovery))
            rows.append(f"{each.kind:24} {each.count:6} {seen[0]:>13} {seen[1]:>7} {mended[0]:>15} {mended[1]:>7}")
        lost = [f"{name}: {count}" for name, count in self.losses.counts().items()]
        examples = [
            f"  {each.name}: {line}" for each in fields(self.losses) for line in getattr(self.losses, each.name)[:20]
        ]
        head = f"seed {self.seed}, {self.minutes:g} min: {self.faults} faults, {self.kills} processes killed"
        work = f"{self.checkpoints} checkpoints, {self.effects} effects, {self.messages} durable messages acknowledged"
        return "\n".join([head, work, "", *rows, "", ", ".join(lost), *examples, self.trouble])


def _pair(pair: tuple[float, float] | None) -> tuple[str, str]:
    return ("-", "-") if pair is None else (f"{pair[0]:.3f} s", f"{pair[1]:.2f}")


def spread(values: list[float]) -> tuple[float, float] | None:
    """Median and 90th percentile."""
    if not values:
        return None
    ordered = sorted(values)
    return round(median(ordered), 4), round(ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))], 4)


class Timeline:
    """When what was told, by path."""

    def __init__(self, journal: Iterable[dict[str, Any]], books: dict[str, list[Line]]) -> None:
        self._seen: dict[tuple[str, int], float] = {}
        self._exits: dict[str, list[float]] = defaultdict(list)
        self._ups: dict[str, list[float]] = defaultdict(list)
        for row in journal:
            at = datetime.fromisoformat(row["at"]).timestamp()
            key = (row["path"], row["incarnation"])
            if row["event"] in ("suspect", "confirmed", "exited"):
                self._seen[key] = min(at, self._seen.get(key, at))
            if row["event"] == "exited":
                self._exits[row["path"]].append(at)
            if row["event"] in ("ready", "restarted") and row["path"] not in books:
                self._ups[row["path"]].append(at)
        self._work = {
            path: [(line.at, line.incarnation) for line in lines if line.word == "checkpoint"]
            for path, lines in books.items()
        }

    def detection(self, fault: Fault) -> float | None:
        """Seconds until somebody knew."""
        if fault.role == "keeper" and fault.how == "stop":
            return None  # nobody watches the keeper; it is continued by whoever stopped it
        if fault.role in ("init", "keeper"):
            return _after(sorted(self._exits[fault.path]), fault.at)
        at = self._seen.get((fault.path, fault.incarnation))
        return None if at is None else max(0.0, at - fault.at)

    def recovery(self, fault: Fault) -> float | None:
        """Seconds until the next life worked."""
        if fault.role == "keeper" and fault.how == "stop":
            return None
        if fault.role == "session":
            work = self._work[fault.path]
            start = bisect_left(work, (fault.at, 0))
            return next((at - fault.at for at, incarnation in work[start:] if incarnation > fault.incarnation), None)
        return _after(sorted(self._ups[fault.path]), fault.at)


def _after(times: list[float], at: float) -> float | None:
    place = bisect_left(times, at)
    return times[place] - at if place < len(times) else None


def figures(faults: list[Fault], timeline: Timeline) -> list[Figures]:
    """By kind, of those that are known to have happened."""
    kinds: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        if not fault.sure:
            continue
        kinds[f"{fault.role} {fault.how}"].append(fault)
    found: list[Figures] = []
    for kind, same in sorted(kinds.items()):
        seen = [value for fault in same if (value := timeline.detection(fault)) is not None]
        mended = [value for fault in same if (value := timeline.recovery(fault)) is not None]
        found.append(Figures(kind, len(same), spread(seen), spread(mended), len(mended)))
    return found
