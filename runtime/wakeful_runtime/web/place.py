"""Where the web listens, written down for whoever looks for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from wakeful_runtime.directory import NodeDirectory


def place_file(directory: NodeDirectory) -> Path:
    """Where it says where it listens."""
    return directory.root / "web.json"


def write_place(directory: NodeDirectory, url: str, port: int, epoch: str) -> None:
    """Say where it listens, for `wakeful token`, for the ready line and for the next life."""
    file = place_file(directory)
    scratch = file.with_suffix(".new")
    told = {"url": url, "port": port, "epoch": epoch, "pid": os.getpid()}
    scratch.write_text(json.dumps(told))
    scratch.replace(file)


def read_place(directory: NodeDirectory) -> dict[str, Any] | None:
    """Where the web listens, or did last: `{url, port, epoch, pid}`; None: never."""
    try:
        told: dict[str, Any] = json.loads(place_file(directory).read_text())
    except (OSError, ValueError):
        return None
    return told
