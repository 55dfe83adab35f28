"""The file a resumed program reads its state from."""

from __future__ import annotations

import json
import os
from pathlib import Path

from wakeful.life import Kept


def text_of(state: Kept) -> str | None:
    """A kept state as JSON; None if nothing was remembered."""
    if state.value is None:
        return None
    return str(state.value) if state.form == "json" else json.dumps(state.value)


def write(text: str, folder: Path) -> Path:
    """In the run's directory, one for all its lives; whole or not at all."""
    file, new = folder / "state.json", folder / "state.json.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    new.replace(file)
    return file


def in_memory(text: str) -> int:
    """For a program of another user, who can't enter the node's directory: a descriptor it inherits, ours to close."""
    descriptor = os.memfd_create("wakeful-state", 0)
    with open(descriptor, "w", encoding="utf-8", closefd=False) as opened:
        opened.write(text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
