"""What of the past is kept, and for how long: lives, runs, incidents. Results are kept until somebody has them."""

from __future__ import annotations

from dataclasses import dataclass

from wakeful_runtime.store.checkpoints import drop_checkpoints
from wakeful_runtime.store.kept import unkeep
from wakeful_runtime.store.post import box
from wakeful_runtime.store.sqlite import Database

LIVES_KEPT = 1000
"""The newest of each path."""

DAYS = 90
OLD_S = DAYS * 24 * 3600.0
"""How long closed incidents, and runs whose result was taken, are kept."""

PAGE = 200
"""Rows looked at in one go: a store that tidies up answers nobody meanwhile."""


@dataclass
class Past:
    """A walk through all of it, a page at a time.

    Attributes:
        path, run: where it goes on; after the last one it begins anew.
    """

    db: Database
    path: str = ""
    run: int = 0

    def page(self, now: float, *, lives: int = LIVES_KEPT) -> bool:
        """Drop what is beyond the bounds in the next page, at wall time `now`; whether there is more to look at."""
        more = self._incidents(now - OLD_S)
        more |= self._runs(now - OLD_S)
        return self._lives(lives) or more

    def _incidents(self, before: float) -> bool:
        dropped = self.db.execute(
            "DELETE FROM incidents WHERE rowid IN (SELECT rowid FROM incidents"
            " WHERE opened_at < ? AND closed_at IS NOT NULL LIMIT ?)",
            (before, PAGE),
        ).rowcount
        return dropped == PAGE

    def _runs(self, before: float) -> bool:
        """Runs that ended long ago, were taken, and belong to no child and no parent that goes on."""
        rows = self.db.rows(
            "SELECT no, run_id, path, spec FROM runs WHERE no > ? AND taken_at < ? AND finished_at < ?"
            " AND NOT EXISTS (SELECT 1 FROM placements WHERE placements.path = runs.path) ORDER BY no LIMIT ?",
            self.run,
            before,
            before,
            PAGE,
        )
        for row in rows:
            if not self._awaited(row["spec"]):
                self._forget(row["no"], row["run_id"], row["path"])
        self.run = rows[-1]["no"] if len(rows) == PAGE else 0
        return bool(self.run)

    def _awaited(self, spec: bytes) -> bool:
        """Whether the run that spawned it may ask for its result again."""
        parent = unkeep(spec).get("parent_run")
        if parent is None:
            return False
        return self.db.row("SELECT 1 FROM runs WHERE run_id = ? AND outcome IS NULL", parent) is not None

    def _forget(self, no: int, run_id: str, path: str) -> None:
        """The row in `paths` stays: incarnations only grow."""
        drop_checkpoints(self.db, no, but_newest=False)
        self.db.execute("DELETE FROM effects WHERE place = ?", (run_id,))
        self.db.execute("DELETE FROM messages WHERE recipient = ?", (box(path, run_id),))
        self.db.execute("DELETE FROM meta WHERE key = ?", (f"mark {run_id}",))
        self.db.execute("DELETE FROM lives WHERE path = ? AND run_no = ?", (path, no))
        self.db.execute("DELETE FROM runs WHERE no = ?", (no,))

    def _lives(self, kept: int) -> bool:
        rows = self.db.rows("SELECT path, incarnation FROM paths WHERE path > ? ORDER BY path LIMIT ?", self.path, PAGE)
        full = False
        for row in rows:
            full |= self._lives_of(row["path"], row["incarnation"] - kept)
        if full:
            return True  # the same page again
        self.path = rows[-1]["path"] if len(rows) == PAGE else ""
        return bool(self.path)

    def _lives_of(self, path: str, upto: int) -> bool:
        dropped = self.db.execute(
            "DELETE FROM lives WHERE path = ? AND incarnation IN"
            " (SELECT incarnation FROM lives WHERE path = ? AND incarnation <= ? ORDER BY incarnation LIMIT ?)",
            (path, path, upto, PAGE),
        ).rowcount
        return dropped == PAGE
