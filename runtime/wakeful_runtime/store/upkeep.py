"""What the store does between groups, so that it doesn't grow without end."""

from __future__ import annotations

import logging
import sqlite3
import time

from wakeful_runtime.store.group import Groups
from wakeful_runtime.store.jobs import drop_old_job_runs
from wakeful_runtime.store.journal_rows import drop_old_entries
from wakeful_runtime.store.notices import drop_old_notices
from wakeful_runtime.store.past import Past
from wakeful_runtime.store.post import drop_old_ids
from wakeful_runtime.store.sqlite import Writer, describe

EVERY_GROUPS = 2000
"""A store that is never idle tidies up after so many groups."""

PAST_EVERY_S = 600.0
"""Between two walks through the past."""

IDS_KEPT_S = 7 * 24 * 3600.0
"""How long a handled message's id is remembered."""

log = logging.getLogger("wakeful.store")


class Upkeep:
    """Drops what is beyond its bounds, a small batch at a time."""

    def __init__(self, db: Writer, groups: Groups) -> None:
        self._db = db
        self._groups = groups
        self._done_at = 0
        self._past = Past(db)
        self._past_at = 0.0

    def after_turn(self, *, idle: bool) -> None:
        """Called after each turn; works when nobody asks, or it has been long."""
        since = self._groups.groups - self._done_at
        if since < EVERY_GROUPS and not (idle and since):
            return
        self._done_at = self._groups.groups
        try:
            self._db.begin(durable=False)
            drop_old_entries(self._db)
            drop_old_ids(self._db, time.time() - IDS_KEPT_S)
            drop_old_job_runs(self._db)
            drop_old_notices(self._db)
            self._drop_past()
            self._db.commit()
        except sqlite3.Error as error:
            log.warning("the store can't tidy up now: %s", describe(error))
        finally:
            self._db.rollback()

    def _drop_past(self) -> None:
        now = time.monotonic()
        if now >= self._past_at and not self._past.page(time.time()):
            self._past_at = now + PAST_EVERY_S
