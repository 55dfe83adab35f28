"""mypy and pyright, both strict, know what the contract promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_mypy_knows_the_types() -> None:
    _checked([sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "tests/typing"])


@pytest.mark.slow
def test_pyright_knows_the_types() -> None:
    pytest.importorskip("pyright")
    _checked([sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "tests/typing"])


def _checked(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
