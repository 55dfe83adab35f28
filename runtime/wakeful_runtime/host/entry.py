"""One row for the journal about a life."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from wakeful_runtime.init.birth import Birth
from wakeful_runtime.processes import boot_id


def entry(birth: Birth, event: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """As the store takes it; once by its id."""
    return {
        "id": uuid.uuid4().hex,
        "at": time.time(),
        "mono": time.monotonic(),
        "boot_id": boot_id(),
        "event": event,
        "path": birth.path,
        "incarnation": birth.incarnation,
        "fields": dict(fields),
    }
