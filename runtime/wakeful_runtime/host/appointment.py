"""A run that was started for a time: it begins then, not before, and says when it did.

The process is there a little earlier, so that many runs of one second need not be forked within it.
"""

from __future__ import annotations

import asyncio
import time

from wakeful.errors import NodeError
from wakeful.life import Log
from wakeful_runtime.host.facts import LifeClocks
from wakeful_runtime.store.client import StoreClient

LOOK_S = 1.0
"""The longest time between looks at the wall clock, which may be set meanwhile."""

REPORT_S = 60.0


class Appointment:
    """When the run of one life may begin.

    Args:
        at: wall time; None: at once, and nobody asks when it did.
    """

    def __init__(self, at: float | None, run_id: str, clocks: LifeClocks, store: StoreClient, log: Log) -> None:
        self._at = at
        self._run_id = run_id
        self._clocks = clocks
        self._store = store
        self._log = log
        self._report: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Until the wall clock shows that time; the progress clock stands still meanwhile."""
        if self._at is None:
            return
        if self._at > time.time():
            with self._clocks.waiting("its time"):
                while (left := self._at - time.time()) > 0:  # noqa: ASYNC110 (nothing but the clock tells)
                    await asyncio.sleep(min(left, LOOK_S))
        self._report = asyncio.get_running_loop().create_task(self._tell(time.time()), name="wakeful-began")

    async def _tell(self, at: float) -> None:
        """The first life's word stays, whatever the later ones say."""
        try:
            await self._store.request("job_run_began", timeout=REPORT_S, run_id=self._run_id, at=at)
        except NodeError as error:
            self._log.warning("the start was not noted down", error=str(error))
