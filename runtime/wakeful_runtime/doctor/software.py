"""Python, the packages Wakeful stands on, and what sessions may want."""

from __future__ import annotations

import platform
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from wakeful_runtime.doctor.finding import Finding

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?")
_OLDEST_PYTHON = (3, 11)
_OLDEST_SQLITE = (3, 35)
"""RETURNING and UPSERT."""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_VERSION_S = 10.0


def checks() -> Iterator[Finding]:
    """Python, its packages, SQLite; a browser, which few need."""
    yield python()
    yield packages()
    yield sqlite()
    yield browser()


def python() -> Finding:
    """3.11 or newer."""
    name = f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}"
    if sys.implementation.name != "cpython":
        return Finding("python", "warn", name, "use CPython: hangs in C code can't be told on others")
    if sys.version_info < _OLDEST_PYTHON:
        return Finding("python", "bad", name, "use Python 3.11 or newer")
    return Finding("python", "ok", name)


def packages() -> Finding:
    """What the distribution says it needs, without its extras."""
    told: list[str] = []
    wrong: list[str] = []
    for requirement in requires("wakeful") or ():
        match = _REQUIREMENT.match(requirement)
        if match is None or "extra ==" in requirement:
            continue
        name, least = match[1], match[2]
        try:
            found = version(name)
        except PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        told.append(f"{name} {found}")
        if least and _numbers(found) < _numbers(least):
            wrong.append(f"{name} {found} is older than {least}")
    if wrong:
        return Finding("packages", "bad", ", ".join(wrong), "pip install --upgrade wakeful")
    return Finding("packages", "ok", ", ".join(told))


def sqlite() -> Finding:
    """The store."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        return Finding("sqlite", "bad", f"SQLite {sqlite3.sqlite_version}", "use a Python with SQLite 3.35 or newer")
    return Finding("sqlite", "ok", f"SQLite {sqlite3.sqlite_version}")


def browser() -> Finding:
    """Only for sessions that drive one."""
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        return Finding("chromium", "ok", "none found; only sessions that drive a browser want one")
    try:
        told = subprocess.run(
            [found, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_S,
            stdin=subprocess.DEVNULL,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return Finding("chromium", "warn", f"{found} does not start", "only sessions that drive a browser want it")
    return Finding("chromium", "ok", f"{told or 'there'} at {found}")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
