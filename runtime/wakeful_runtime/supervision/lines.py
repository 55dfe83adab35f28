"""The lines a supervisor speaks on: to init, to its children, to the store."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.initclient import InitClient
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.transport.control import ControlServer


@dataclass(slots=True)
class Lines:
    """Shared by the supervisors of one process.

    Attributes:
        path, incarnation: the process they run in.
        journals: False once the store is told to stop: there is nobody to write anything down.
        epoch: the node's present start (`wakeful run`); a saved row with another one is from before a node restart.
    """

    directory: NodeDirectory
    path: str
    incarnation: int
    boot_id: str
    epoch: str
    init: InitClient
    control: ControlServer
    store: StoreClient
    clock: Callable[[], float] = time.monotonic
    journals: bool = True
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        """A number of its own, for a nonce or an id."""
        return next(self._numbers)

    def journal(self, event: str, path: str, incarnation: int, fields: Mapping[str, Any], *, key: str = "") -> None:
        """An entry about `path`; buffered, never waits.

        Args:
            key: names what happened, where more than one may tell of it: it is stored once.
        """
        if not self.journals:
            return
        entry = {
            "id": f"{self.boot_id}.{key}" if key else f"{self.path}#{self.incarnation}.{self.epoch}.{self.number()}",
            "at": time.time(),
            "mono": self.clock(),
            "boot_id": self.boot_id,
            "event": event,
            "path": path,
            "incarnation": incarnation,
            "fields": dict(fields),
        }
        self.store.journal([entry])
