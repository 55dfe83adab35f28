"""What `check` says of a tree."""

from __future__ import annotations

import sys

import pytest

from wakeful import Child, Command, Gateway, Monitor
from wakeful_runtime.cli import planned


def nowhere(name: str) -> None:
    """As if nothing were installed."""


def test_a_good_tree_is_told_what_this_machine_lacks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    children = (
        Child("lost", Command("no-such-program")),
        Child("here", Command(sys.executable)),
        Child("sh", Command("sh")),
    )
    plan = Gateway(Monitor("m", *children), alerts=["json://127.0.0.1:1/x"]).plan()
    monkeypatch.setattr(planned, "find_spec", nowhere)
    alerts, program = planned.missing(plan)
    assert "pip install 'wakeful[alerts]'" in alerts
    assert program == "missing here: the program 'no-such-program' of lost, on the PATH"
    assert planned.sketch(plan)[-2:] == [alerts, program]


def test_nothing_is_missing_where_nothing_is_needed() -> None:
    assert planned.missing(Gateway(Monitor("m")).plan()) == []
