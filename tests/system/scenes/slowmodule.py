"""A module whose import takes its time."""

from __future__ import annotations

import os
import time
from typing import Any

from wakeful import Session

time.sleep(float(os.environ.get("SLOW_IMPORT_S", "0")))


class Slow(Session[Any]):
    async def run(self, task: str) -> str:
        async for mail in self.inbox:
            return mail.text
        return ""
