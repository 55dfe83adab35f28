"""The zone of the machine, by name: times of schedules that name none are read in it."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LINK = Path("/etc/localtime")
NAME = Path("/etc/timezone")


def machine_zone() -> str:
    """`$TZ`, what `/etc/localtime` points to, or `/etc/timezone`; UTC where none of them names a zone."""
    for name in (os.environ.get("TZ", "").lstrip(":"), _linked(), _written()):
        if name and _is_zone(name):
            return name
    return "UTC"


def _linked() -> str:
    try:
        target = str(LINK.resolve(strict=True))
    except OSError:
        return ""
    return target.rpartition("/zoneinfo/")[2] if "/zoneinfo/" in target else ""


def _written() -> str:
    try:
        return NAME.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return False
    return True
