"""The three nights of the examples, small: what a bare agent leaves undone is done, once, under Wakeful."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize("night", ["keyword_research", "social_night", "timed_posting"])
def test_a_night_is_done_under_wakeful(night: str) -> None:
    command = [sys.executable, f"{EXAMPLES}/{night}.py", "--runs", "4", "--rate", "0.5"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    line = next(line for line in told.stdout.splitlines() if line.startswith("with Wakeful"))
    assert "4 of 4 done" in line
    assert re.search(r"posted twice 0\s+failed in silence 0", line)
