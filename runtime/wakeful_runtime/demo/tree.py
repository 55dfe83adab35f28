"""The demo's tree. What it works on comes from the demo by an environment variable of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.demo.corpus import Corpus, shares
from wakeful_runtime.demo.research import Research

SESSIONS = ("ada", "barbara", "edsger", "grace")
MONITOR = "research"
SETTINGS = "WAKEFUL_DEMO"
"""JSON: `base` (the server) and `documents` (how many)."""

WATCH = Heartbeat(every=0.5, timeout=1.0, progress=5.0)
"""As tight as the demo is short; a fetch is leased, so a stalled server is no lack of progress."""


def dealt(documents: int) -> dict[str, list[str]]:
    """Which session reads what."""
    return dict(zip(SESSIONS, shares(Corpus().names(documents), len(SESSIONS)), strict=True))


def build(base: str, work: Mapping[str, Sequence[str]]) -> Gateway:
    """A monitor over one session a share."""
    sessions = [
        Child(name, Research, task=name, args={"base": base, "documents": list(names)}, heartbeat=WATCH)
        for name, names in work.items()
    ]
    return Gateway(Monitor(MONITOR, *sessions))


def _from_environment() -> Gateway:
    settings = json.loads(os.environ[SETTINGS])
    return build(settings["base"], dealt(settings["documents"]))


if SETTINGS in os.environ:
    tree = _from_environment()
