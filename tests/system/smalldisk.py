"""A disk that a test can fill."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk_of(megabytes: int) -> Iterator[Path]:
    """An empty folder on a file system of its own; skips where this user may not mount one."""
    root = Path(tempfile.mkdtemp(prefix="wk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(root)]
    if (
        os.getuid()
        or shutil.which("mount") is None
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        root.rmdir()
        pytest.skip("needs the right to mount a tmpfs")
    yield root
    subprocess.run(["umount", "-l", str(root)], check=True)
    root.rmdir()
