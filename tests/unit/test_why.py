"""Why: one answer, in words a person understands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from wakeful_runtime.evidence.incidents import day_lines, markdown, why_lines
from wakeful_runtime.evidence.why import of_incident, why

NOW = datetime(2026, 1, 4, 9, 0, tzinfo=UTC)
KEYS = {"path", "verdict", "since", "what", "facts", "evidence", "action", "outcome", "next"}
INCIDENT: dict[str, Any] = {
    "id": "research/weekly#3",
    "path": "research/weekly",
    "incarnation": 3,
    "verdict": "loop_blocked",
    "opened_at": "2026-01-03T22:00:00.000Z",
    "closed_at": "2026-01-03T22:01:00.000Z",
    "acked_at": None,
    "facts": {"words": "the event loop has not turned for 80 s", "detected_s": 80.2},
    "thresholds": {"seconds": 80.0},
    "evidence": {"line": "agents.py:40 in fetch", "lease": None},
    "action": "restart",
    "outcome": "recovered: incarnation 4 made progress",
}
ROW: dict[str, Any] = {
    "path": "research/weekly",
    "state": "running",
    "verdict": "healthy",
    "incarnation": 4,
    "words": "healthy",
    "beat_age_s": 0.4,
    "progress_age_s": 3.0,
    "checkpoint": "scraped",
    "memory_mb": 41.7,
    "line": "agents.py:38 in fetch",
}
LIFE = {"began_at": "2026-01-03T22:00:30.000Z"}


@pytest.mark.parametrize("incident", [None, INCIDENT])
def test_the_answer_has_the_contracts_keys(incident: dict[str, Any] | None) -> None:
    assert set(why(ROW, incident, LIFE, now=NOW)) >= KEYS
    assert set(of_incident(INCIDENT)) >= KEYS


def test_an_incident_is_five_lines() -> None:
    lines = why_lines(why(ROW, INCIDENT, LIFE, now=NOW))
    assert len(lines) == 5
    assert lines[0].startswith("research/weekly, life 3: loop_blocked at ")
    assert lines[0].endswith(", found after 80 s (limit 80 s); now running, healthy, life 4")
    assert lines[1:] == [
        "  what: the event loop has not turned for 80 s",
        "  where: agents.py:40 in fetch",
        "  done: ended and restarted; recovered: life 4 made progress",
        "  next: nothing to do; all of it: wakeful incidents research/weekly#3 --markdown",
    ]


def test_what_is_healthy_is_five_lines_too() -> None:
    lines = why_lines(why(ROW, None, LIFE, now=NOW))
    assert lines[0].startswith("research/weekly, life 4: running, healthy; began at ")
    assert (
        lines[2]
        == "  seen: answered 0.4 s ago at agents.py:38 in fetch, made progress 3.0 s ago, checkpoint 'scraped', 42 MB"
    )
    assert lines[3:] == [
        "  done: nothing: nothing is wrong with it",
        "  next: nothing to do; its log: wakeful logs research/weekly",
    ]


def test_an_old_incident_that_is_over_explains_nothing_any_more() -> None:
    old = {**INCIDENT, "opened_at": "2026-01-01T22:00:00.000Z"}
    assert why(ROW, old, LIFE, now=NOW)["verdict"] == "healthy"
    assert why(ROW, {**old, "closed_at": None}, LIFE, now=NOW)["verdict"] == "loop_blocked"


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("review", "wakeful resume research/weekly"),
        ("paused", "wakeful unpause research/weekly"),
        ("failed", "wakeful restart research/weekly"),
    ],
)
def test_the_next_step_is_a_command(state: str, command: str) -> None:
    assert why({**ROW, "state": state}, INCIDENT, LIFE, now=NOW)["next"] == command


def test_the_day_is_at_most_ten_lines_with_a_command_each() -> None:
    parked = {**INCIDENT, "action": "review", "closed_at": None}
    lines = day_lines([of_incident(parked), *[of_incident(INCIDENT)] * 11])
    assert len(lines) == 10
    assert lines[0].endswith("(wakeful resume research/weekly)")
    assert lines[1].endswith("(wakeful why research/weekly)")
    assert lines[-1].startswith("and 3 more")
    assert all("(wakeful " in line for line in lines)
    assert len(day_lines([])) == 1


def test_an_incident_in_markdown_names_itself() -> None:
    assert "- **incident**: `research/weekly#3`" in markdown(INCIDENT)
