"""Each pitfall of docs/pitfalls.md has a regression test that carries its number."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"def test_p(\d+)_", re.MULTILINE)


def test_each_pitfall_has_a_test_named_after_it_and_each_such_test_a_pitfall() -> None:
    listed = (ROOT / "docs" / "pitfalls.md").read_text()
    told = {int(number) for number in re.findall(r"^\| P(\d+) \|", listed, re.MULTILINE)}
    held = {int(number) for file in (ROOT / "tests").rglob("test_*.py") for number in NAMED.findall(file.read_text())}
    assert told == held == set(range(1, 16))
