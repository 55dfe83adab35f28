"""What is made of incidents and journal rows, and what a message then says."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.alerts.office import HOME, NOON, Office

from wakeful import Alert
from wakeful.rules.findings import Finding, of_event, of_incident
from wakeful.rules.letters import letter, trial
from wakeful.rules.masks import mask
from wakeful.rules.ownfindings import held

AT = "2026-11-23T12:00:00.000Z"


def incident(**given: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": "research/weekly#3",
        "path": "research/weekly",
        "incarnation": 3,
        "verdict": "no_progress",
        "severity": "error",
        "action": "restart",
        "outcome": "ended (no_progress); waiting for the next life to make progress",
        "opened_at": AT,
        "at": AT,
        "closed_at": None,
        "acked_at": None,
        "facts": {"words": "no act of its own for 20 min (limit 20 min)", "since": NOON - 1200},
        "evidence": {"line": "scrape.py:41 in fetch", "lease": {"what": "fetch a page"}},
    }
    return {**row, **given}


def event(name: str, path: str = "a/b", **fields: Any) -> dict[str, Any]:
    return {"seq": 7, "at": AT, "event": name, "path": path, "incarnation": 2, **fields}


def said(found: Finding) -> tuple[str, str]:
    office = Office([Alert("env:MAIL", least="info")])
    office.take(found)
    office.wait(5)
    ((_, _, told),) = office.sent
    return told.title, told.body


def test_a_message_says_what_why_since_when_what_was_done_what_to_do_and_what_to_type() -> None:
    title, body = said(of_incident(incident(), mask))
    assert title == "[error] research/weekly: no progress"
    assert body.splitlines() == [
        "what: research/weekly, life 3: no progress",
        "why: no act of its own for 20 min (limit 20 min), at scrape.py:41 in fetch in 'fetch a page'",
        "since: 2026-11-23 11:40:00 UTC",
        "done: its life is ended and it is started again from its last checkpoint; ended (no_progress); waiting for the"
        " next life to make progress",
        "you: nothing: it goes on by itself",
        "type: wakeful why research/weekly",
        "seen it: wakeful ack 1",
        "node: host:/srv/node",
    ]


def test_what_waits_for_a_person_says_so_first() -> None:
    found = of_incident(incident(action="review", outcome="waits for a person: 3 failures in a row"), mask)
    title, body = said(found)
    assert title == "[error] research/weekly: waits for you (no progress)"
    assert "type: wakeful resume research/weekly\ntype: wakeful why research/weekly\n" in body
    assert "you: look why, then let it go on" in body
    over = of_incident(incident(action="review", outcome="the run is over: killed", closed_at=AT), mask)
    assert (over.needs, over.state) == (False, "over")


@pytest.mark.parametrize(
    ("outcome", "closed", "state"),
    [
        ("waiting", None, "open"),
        ("recovered: incarnation 4 made progress", AT, "recovered"),
        ("the run is over: ok", AT, "recovered"),
        ("the run is over: timeout", AT, "over"),
        ("not recovered: incarnation 4 ended without progress (exited)", AT, "over"),
    ],
)
def test_only_a_life_that_got_somewhere_is_a_recovery(outcome: str, closed: str | None, state: str) -> None:
    assert of_incident(incident(outcome=outcome, closed_at=closed), mask).state == state


def test_the_kind_of_an_end_is_not_said_twice() -> None:
    facts = {"words": "fatal: the account is closed", "kind": "fatal"}
    assert of_incident(incident(verdict="fatal", facts=facts), mask).what == "the account is closed"


@pytest.mark.parametrize(
    ("row", "verdict", "what", "command"),
    [
        (event("alert", verdict="slow", words="slower than it was"), "slow", "slower than it was", "why a/b"),
        (
            event(
                "alert", "cron/nightly", verdict="job_disabled", words="it is switched off", next="wakeful cron list"
            ),
            "job_disabled",
            "it is switched off",
            "cron list",
        ),
        (
            event("missed", "cron/the week", job="the week", scheduled=AT, why="the node was down"),
            "missed",
            f"its run of {AT} was missed: the node was down",
            "cron runs 'the week'",
        ),
        (event("deadletter", error="boom"), "deadletter", "a message to it is a dead letter: boom", "deadletters"),
        (event("escalated", what="more than 3 restarts"), "escalated", "it gave up and is started anew: more than", ""),
        (event("exited", "init", what="the node died as a whole"), "exited", "the node died as a whole", "status"),
        (event("exited", "keeper", what="it is gone; the node runs on"), "exited", "it is gone", "status"),
    ],
    ids=["slow", "job", "missed", "deadletter", "escalated", "init", "keeper"],
)
def test_a_journal_row_that_people_should_know_of_is_told(
    row: dict[str, Any], verdict: str, what: str, command: str
) -> None:
    found = of_event(row, mask)
    assert found is not None
    assert found.verdict == verdict
    assert found.what.startswith(what)
    assert command in found.commands[0]
    assert found.state in ("over", "recovered")
    assert said(found)[0].endswith(f": {verdict.replace('_', ' ')}")


@pytest.mark.parametrize(
    "row",
    [
        event("checkpoint"),
        event("exited", what="killed"),
        event("escalated", limit=3),
        event("alert", verdict="unkillable", words="an incident tells of it"),
        event("exited", "keeper", what="the node died as a whole"),
    ],
)
def test_a_journal_row_that_an_incident_tells_of_is_not(row: dict[str, Any]) -> None:
    assert of_event(row, mask) is None


def test_a_run_that_takes_too_long_is_one_alert_though_two_tell_of_it() -> None:
    row = event("alert", "research/weekly", verdict="run_timeout", words="too long") | {"incarnation": 3}
    first = of_event(row, mask)
    assert first is not None
    office = Office([Alert("env:MAIL")])
    office.take(first, of_incident(incident(verdict="run_timeout", action="stop"), mask))
    office.wait(60)
    assert len(office.sent) == 1


def test_a_node_that_resumes_nothing_says_so() -> None:
    title, body = said(held("e1", 3, 600.0, NOON))
    assert title == "[critical] gateway: held"
    assert "the node ended hard 3 times within 10 minutes" in body
    assert "type: wakeful review\ntype: wakeful unpause --all" in body


def test_the_text_of_a_test_says_that_nothing_is_wrong() -> None:
    assert "nothing is wrong" in trial(HOME).body


def test_a_message_is_never_longer_than_a_chat_takes() -> None:
    office = Office([Alert("env:MAIL")])
    office.take(
        *(of_incident(incident(id=f"p{n}#1", path=f"p{n}" * 40, verdict=f"v{n}" * 30), mask) for n in range(200))
    )
    office.wait(90)
    assert all(len(told.body) <= 1800 for _, _, told in office.sent)
    assert letter(office.batches[0], office.now, HOME).kind == "failure"
