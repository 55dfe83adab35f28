"""The three nights of the examples, small: what a bare agent leaves undone is done, once, under Wakeful."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("night", "size", "says"),
    [
        ("keyword_research", "--runs 4", "4 of 4 done"),
        ("social_night", "--runs 4", "4 of 4 done"),
        ("timed_posting", "--slots 1 --posters 4 --seed 4", "4 of 4 posted in time .* started once +4 "),
    ],
)
def test_a_night_is_done_under_wakeful(night: str, size: str, says: str) -> None:
    command = [sys.executable, f"{EXAMPLES}/{night}.py", *size.split(), "--rate", "0.5"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    line = next(line for line in told.stdout.splitlines() if line.startswith("with Wakeful"))
    assert re.search(says, line), line
    assert re.search(r"posted twice 0\s+failed in silence 0", line)
