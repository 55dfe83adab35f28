"""Which starts of a node were not followed by an orderly stop: a node that keeps dying must not resume for ever."""

from __future__ import annotations

import json
import time
from pathlib import Path

from wakeful_runtime.directory import NodeDirectory

TOO_MANY = 3
WITHIN_S = 300.0
"""So many starts after a hard end, within so many seconds, and nothing is resumed by itself."""


def unclean(directory: NodeDirectory) -> int:
    """How many starts within the last five minutes, this one not counted, did not end in order; this one is noted."""
    now = time.time()
    earlier = [at for at in _read(_file(directory)) if 0 <= now - at < WITHIN_S]
    _file(directory).write_text(json.dumps([*earlier, now]))
    return len(earlier)


def ended_in_order(directory: NodeDirectory) -> None:
    """The next start is a clean one."""
    _file(directory).unlink(missing_ok=True)


def _file(directory: NodeDirectory) -> Path:
    return directory.root / "boots"


def _read(file: Path) -> list[float]:
    try:
        return [float(at) for at in json.loads(file.read_bytes())]
    except (OSError, ValueError, TypeError):
        return []
