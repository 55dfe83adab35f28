"""Who is told what, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.alerts.office import NOON, Office, finding

from wakeful import Alert, BusinessHours
from wakeful.rules.alerts import MOST_LIVE
from wakeful.rules.deliveries import FIRST_PAUSE_S, LONGEST_PAUSE_S, STORM, pause_after
from wakeful.rules.notices import Telling
from wakeful.rules.routes import routes_of

MAIL = Alert("env:MAIL")
NEEDS: dict[str, Any] = {"severity": "error", "needs": True, "commands": ("resume a/b", "why a/b")}


def test_an_incident_is_told_once_however_often_it_is_written_down() -> None:
    office = Office([MAIL])
    for outcome in ("ended", "waiting", "begun"):
        office.take(finding(done=outcome))
        office.wait(10)
    assert office.titles == ["[warning] a/b: exited"]


def test_its_recovery_is_told_to_those_who_were_told_of_it() -> None:
    office = Office([MAIL, Alert("env:PAGER", least="critical")])
    office.take(finding())
    office.wait(10)
    office.take(finding(state="recovered", done="recovered: incarnation 2 made progress"))
    office.wait(10)
    assert [(name, letter.title) for name, _, letter in office.sent] == [
        ("env:MAIL", "[warning] a/b: exited"),
        ("env:MAIL", "[recovered] a/b: exited"),
    ]


def test_what_recovers_before_it_is_told_is_told_once() -> None:
    office = Office([MAIL])
    office.take(finding())
    office.wait(1)
    office.take(finding(state="recovered"))
    office.wait(60)
    assert office.titles == ["[recovered] a/b: exited"]


def test_an_incident_that_comes_to_need_a_person_is_told_again_at_once() -> None:
    office = Office([MAIL])
    office.take(finding())
    office.wait(10)
    office.take(finding(**NEEDS))
    office.wait(10)
    assert office.titles == ["[warning] a/b: exited", "[error] a/b: waits for you (exited)"]
    body = office.sent[-1][2].body
    assert "type: wakeful resume a/b" in body
    assert "wakeful ack 1" in body


def test_the_same_trouble_is_told_again_only_after_the_cooldown() -> None:
    office = Office([Alert("env:MAIL", cooldown="5m")])
    for number in range(1, 20):
        office.take(finding(f"a/b#{number}"))
        office.take(finding(f"a/b#{number}", state="over", done=f"not recovered: incarnation {number + 1} ended"))
        office.wait(10)
    office.wait(400)
    assert office.titles == ["[warning] a/b: exited", "[warning] a/b: exited, again"]
    assert "again 18 times since" in office.sent[-1][2].body
    assert office.sent[-1][1] - office.sent[0][1] >= 300


def test_three_failures_in_a_row_are_two_messages_the_first_and_that_it_waits() -> None:
    office = Office([MAIL])
    for number in (1, 2):
        office.take(finding(f"a/b#{number}"))
        office.wait(5)
        office.take(finding(f"a/b#{number}", state="over", done="not recovered: it ended without progress"))
    office.take(finding("a/b#3"), finding("a/b#3", **NEEDS))
    office.wait(60)
    assert office.titles == ["[warning] a/b: exited", "[error] a/b: waits for you (exited)"]


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_a_storm_of_100_incidents_is_one_summary(spread: float) -> None:
    office = Office([MAIL])
    for number in range(100):
        office.take(finding(f"m/s{number}#1"))
        office.now += spread / 100
    office.take(finding("m/s7#1", severity="error", needs=True, commands=("resume m/s7",)))
    office.wait(120)
    assert office.titles == ["[error] 100 alerts: 1 waiting for you, 99 open"]
    body = office.sent[0][2].body
    assert "100 × exited: m/s7, m/s0, m/s1 and 97 more" in body
    assert "type: wakeful resume m/s7" in body
    assert len(body) <= 1800


def test_a_storm_over_a_minute_is_a_handful_of_messages_and_all_of_it_is_told() -> None:
    office = Office([MAIL])
    for number in range(600):
        office.take(finding(f"m/s{number}#1"))
        office.wait(0.5)
    office.wait(120)
    assert len(office.sent) <= STORM + 300 / 60 + 2
    assert sum(len(batch.items) for batch in office.batches) == 600


def test_the_recovery_of_a_storm_is_one_message() -> None:
    office = Office([MAIL])
    office.take(*(finding(f"m/s{number}#1") for number in range(100)))
    office.wait(30)
    office.take(*(finding(f"m/s{number}#1", state="recovered") for number in range(100)))
    office.wait(120)
    assert office.titles == ["[warning] 100 alerts: 100 open", "[recovered] 100 alerts: 100 recovered"]


def test_alerts_are_routed_by_severity_and_label() -> None:
    office = Office(
        [
            Alert("env:ALL"),
            Alert("env:GRAVE", least="error"),
            Alert("env:RESEARCH", labels=["research/*", "nightly"]),
            Alert("env:POSTER", labels=["poster"]),
        ]
    )
    office.take(finding("research/weekly#1"), finding("sessions/nightly#1"))
    office.take(finding("posts/x#1", severity="critical"), finding("sessions/one#1", agent="poster"))
    office.wait(20)
    assert len(office.told("env:ALL")) == 4
    assert office.told("env:POSTER") == ["[warning] sessions/one: exited"]
    assert office.told("env:GRAVE") == ["[critical] posts/x: exited"]
    assert office.told("env:RESEARCH") == ["[warning] research/weekly: exited", "[warning] sessions/nightly: exited"]


def test_outside_its_hours_an_alert_is_held_and_told_when_they_begin() -> None:
    office = Office([Alert("env:MAIL", when=BusinessHours("mon-fri 13:00-18:00", tz="UTC"))])
    office.take(finding())
    office.wait(3000)
    assert office.titles == []
    office.restart()
    office.wait(900)
    (told,) = office.sent
    assert told[1] == datetime(2026, 11, 23, 13, 0, tzinfo=UTC).timestamp()
    assert "late: it has waited for 60 min" in told[2].body


def test_a_night_of_alerts_is_one_summary_in_the_morning() -> None:
    office = Office([Alert("env:MAIL", when="daily 13:00-18:00")])
    for number in range(40):
        office.take(finding(f"m/s{number}#1"))
        office.wait(60)
    office.wait(1800)
    assert len(office.sent) == 1
    assert len(office.batches[0].items) == 40


def test_outside_its_hours_an_alert_may_go_to_another_route() -> None:
    pager = Alert("env:PAGER", least="error", when="daily 00:00-12:30", otherwise="env:LAST")
    office = Office([Alert("env:MAIL", when="daily 13:00-18:00", otherwise=pager)])
    office.take(finding("a/light#1"), finding("a/grave#1", severity="error"))
    office.wait(60)
    assert office.told("env:PAGER") == ["[error] a/grave: exited"]
    office.wait(1800)
    office.take(finding("a/third#1", severity="error"))
    office.wait(60)
    assert office.told("env:LAST") == ["[error] a/third: exited"]
    office.take(finding("a/third#1", severity="error", state="recovered"))
    office.wait(3600)
    assert office.told("env:LAST")[1:] == ["[recovered] a/third: exited"]
    assert office.told("env:MAIL") == ["[warning] a/light: exited"]


def test_nobody_acknowledges_so_it_is_escalated_once() -> None:
    boss = Alert("env:BOSS", escalate="env:OWNER", escalate_after="10m")
    office = Office([Alert("env:MAIL", escalate=boss, escalate_after="30m")])
    office.take(finding(**NEEDS))
    office.wait(1799)
    assert office.told("env:BOSS") == []
    office.wait(30)
    assert office.told("env:BOSS") == ["[error, escalated] a/b: waits for you (exited)"]
    assert "nobody has acknowledged this for 30 min" in office.sent[-1][2].body
    office.wait(7200)
    assert len(office.told("env:BOSS")) == len(office.told("env:OWNER")) == len(office.told("env:MAIL")) == 1
    office.take(finding(severity="error", state="recovered"))
    office.wait(10)
    assert office.titles[-3:] == ["[recovered] a/b: exited"] * 3


@pytest.mark.parametrize("end", ["ack", "acked elsewhere", "recovered"])
def test_what_is_acknowledged_or_over_is_not_escalated(end: str) -> None:
    office = Office([Alert("env:MAIL", escalate="env:BOSS", escalate_after="30m")])
    office.take(finding(**NEEDS))
    office.wait(600)
    if end == "ack":
        office.book.acked(1, office.now)
    elif end == "acked elsewhere":
        office.take(finding(**NEEDS, acked=True))
    else:
        office.take(finding(state="recovered"))
    office.wait(7200)
    assert office.told("env:BOSS") == []


def test_a_route_that_is_down_when_it_matters_is_escalated_past() -> None:
    office = Office([Alert("env:MAIL", escalate="env:BOSS", escalate_after="30m")], down={"env:MAIL": None})
    office.take(finding(**NEEDS))
    office.wait(2000)
    assert "[error, escalated] a/b: waits for you (exited)" in office.told("env:BOSS")


def test_a_route_that_fails_is_tried_again_and_told_everything_as_one_when_it_is_back() -> None:
    office = Office([MAIL], down={"env:MAIL": None})
    for number in range(8):
        office.take(finding(f"m/s{number}#1"))
        office.wait(600)
    state = office.book.states["env:MAIL"]
    assert state.failures > 10
    assert state.error == "HTTP 503"
    assert state.failing_since == NOON + 3
    office.restart()
    office.down.clear()
    office.wait(LONGEST_PAUSE_S * 1.2 + 120)
    assert len(office.sent) == 1
    assert len(office.batches[0].items) == 8
    assert office.book.states["env:MAIL"].failing_since is None


def test_a_route_that_fails_is_itself_an_alert_on_the_others() -> None:
    office = Office([MAIL, Alert("env:CHAT")], down={"env:MAIL": None})
    office.take(finding())
    office.wait(400)
    assert office.told("env:CHAT") == ["[warning] a/b: exited", "[error] herald: route failing env:MAIL"]
    office.down.clear()
    office.wait(LONGEST_PAUSE_S)
    assert office.told("env:CHAT")[-1] == "[recovered] herald: route failing env:MAIL"
    assert office.told("env:MAIL") == ["[warning] a/b: exited"]


def test_the_pause_a_server_asks_for_is_kept() -> None:
    office = Office([MAIL], down={"env:MAIL": 90.0})
    office.take(finding())
    office.wait(4)
    office.down.clear()
    office.wait(85)
    assert office.sent == []
    office.wait(10)
    assert len(office.sent) == 1


def test_pauses_double_up_to_ten_minutes_and_are_never_shorter_than_asked_for() -> None:
    pauses = [pause_after(number, None, 0.5) for number in range(1, 30)]
    assert pauses[:4] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S, 8 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert pause_after(1, 3600.0, 0.0) == 3600.0
    assert pause_after(1, 1e9, 0.0) == 6 * 3600.0


def test_an_attempt_that_was_cut_off_is_made_again_and_says_so() -> None:
    office = Office([MAIL])
    office.take(finding())
    office.now += 5
    batch = office.book.batch("env:MAIL", office.now)
    assert batch is not None
    office.book.begun(batch)
    office.restart()
    office.wait(5)
    (told,) = office.sent
    assert "may be a repeat" in told[2].body


def test_what_waits_for_a_route_that_is_gone_goes_to_the_others() -> None:
    office = Office([Alert("env:OLD")], down={"env:OLD": None})
    office.take(finding())
    office.wait(10)
    office.restart([Alert("env:NEW")])
    office.wait(10)
    assert office.told("env:NEW") == ["[warning] a/b: exited"]


def test_the_herald_keeps_a_bounded_number_and_counts_the_rest() -> None:
    office = Office([MAIL], down={"env:MAIL": None})
    office.take(*(finding(f"m/s{number}#1") for number in range(MOST_LIVE + 50)))
    assert len(office.book.notices) == MOST_LIVE + 1
    flood = next(notice for notice in office.book.notices.values() if notice.finding.verdict == "flood")
    assert flood.repeats == 49


def test_what_is_over_and_told_is_forgotten() -> None:
    office = Office([MAIL])
    office.take(finding())
    office.take(finding(state="recovered"))
    office.wait(700)
    assert office.book.notices == {}
    office.take(finding(acked=True, state="recovered"))
    office.wait(60)
    assert len(office.sent) == 1


def test_a_secret_is_no_part_of_a_routes_name() -> None:
    plans = [Alert("discord://id/token").plan(), Alert("discord://id/other").plan(), Alert("discord://id/token").plan()]
    names = list(routes_of(plans, UTC))
    assert len(set(names)) == 3
    assert not [name for name in names if "token" in name or "id" in name.partition(":")[2]]
    assert names == list(routes_of(plans, UTC))


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["open", "needs", "recovered", "over", "ack", "restart", "down", "up"]),
        st.integers(1, 3),
        st.floats(0.1, 400),
    ),
    max_size=25,
)


@given(EVENTS)
@settings(max_examples=60, deadline=None)
def test_nothing_that_waits_is_ever_lost_and_what_needs_a_person_is_told(events: list[tuple[str, int, float]]) -> None:
    office = Office([MAIL])
    for number, (what, path, pause) in enumerate(events):
        key = f"p{path}#{number}"
        match what:
            case "open":
                office.take(finding(key))
            case "needs":
                office.take(finding(key), finding(key, severity="error", needs=True))
            case "recovered" | "over":
                for notice in list(office.book.notices.values()):
                    office.take(notice.finding.model_copy(update={"state": what, "needs": False}))
            case "ack":
                for no in list(office.book.notices):
                    office.book.acked(no, office.now)
            case "restart":
                office.restart()
            case "down":
                office.down["env:MAIL"] = None
            case _:
                office.down.clear()
        office.wait(pause)
    office.down.clear()
    office.wait(1500)
    for notice in office.book.notices.values():
        telling = notice.tellings.get("env:MAIL", Telling())
        assert telling.wanted is None
        assert telling.told is not None
        if notice.finding.needs:
            assert telling.told not in ("recovered", "over")
