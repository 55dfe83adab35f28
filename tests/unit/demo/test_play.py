"""The demo's script and its report, on a node that is played."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from wakeful_runtime.demo.corpus import Corpus
from wakeful_runtime.demo.faults import GATEWAY, Fault, Injected
from wakeful_runtime.demo.play import BETWEEN_S, FIRST_S, PATIENCE_S, Play
from wakeful_runtime.demo.report import Report, undisturbed

T0 = 1_767_000_000.0
PLAN = (Fault("kill", "research/ada", "killed"), Fault("kill", "research", "monitor killed"))
SHARE = {"research/ada": 2, "research/grace": 2}


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, what: str) -> None:
        self.lines.append(what)


def row(
    path: str, *, incarnation: int = 1, pid: int = 100, state: str = "running", checkpoint: str | None = "read"
) -> Any:
    return {"path": path, "incarnation": incarnation, "pid": pid, "state": state, "checkpoint": checkpoint}


def event(at: float, name: str, path: str, incarnation: int, **more: Any) -> Any:
    text = datetime.fromtimestamp(at, UTC).isoformat()
    return {"seq": 1, "at": text, "event": name, "path": path, "incarnation": incarnation, **more}


def rows(**changed: Any) -> list[Any]:
    return [
        row("research", pid=50, incarnation=changed.get("monitor", 1)),
        row(
            "research/ada",
            pid=changed.get("ada_pid", 101),
            incarnation=changed.get("ada", 1),
            **changed.get("both", {}),
        ),
        row("research/grace", pid=102, **changed.get("both", {})),
    ]


def test_nothing_is_broken_before_every_session_has_a_checkpoint() -> None:
    play = Play(SHARE, Told(), PLAN)
    unready = rows(both={"checkpoint": None})
    assert play.step(unready, [], T0) is None
    assert play.step(unready, [], T0 + 60) is None
    assert play.step(rows(), [], T0 + 61) is None
    assert play.step(rows(), [], T0 + 61 + FIRST_S) == PLAN[0]


def test_the_gateway_hits_every_session_and_may_move_none() -> None:
    play = Play(SHARE, Told(), (Fault("kill", GATEWAY, "gateway killed"),))
    table = [*rows(), row(GATEWAY, pid=40)]
    assert play.step(table, [], T0) is None
    assert play.step(table, [], T0 + FIRST_S) == Fault("kill", GATEWAY, "gateway killed")
    seen = [event(T0 + FIRST_S + 0.1, "exited", GATEWAY, 1)]
    play.step([*rows(ada_pid=999), row(GATEWAY, pid=41, incarnation=2)], seen, T0 + FIRST_S + 1)
    assert [one.touched for one in play.finished([])] == [["research/ada"]]


def test_a_fault_waits_for_the_recovery_from_the_one_before() -> None:
    play = started()
    assert play.step(rows(), [], T0 + 5) is None
    back = [event(T0 + 3.4, "checkpoint", "research/ada", 2)]
    assert play.step(rows(ada=2, ada_pid=111), back, T0 + 6) is None
    assert play.step(rows(ada=2, ada_pid=111), [], T0 + 6 + BETWEEN_S) == PLAN[1]


def test_a_fault_that_is_never_found_does_not_hold_the_demo() -> None:
    play = started()
    assert play.step(rows(), [], T0 + FIRST_S + PATIENCE_S) == PLAN[1]


def test_detection_and_recovery_are_read_from_the_journal() -> None:
    play = started()
    hit = T0 + FIRST_S
    seen = [
        event(hit - 1, "exited", "research/ada", 1),
        event(hit + 0.004, "exited", "research/grace", 1),
        event(hit + 0.25, "exited", "research/ada", 1, verdict="exited"),
        event(hit + 0.30, "killed", "research/ada", 1),
        event(hit + 0.50, "checkpoint", "research/ada", 1),
        event(hit + 0.75, "checkpoint", "research/ada", 2),
        event(hit + 0.95, "checkpoint", "research/ada", 2),
    ]
    play.step(rows(ada=2), seen, hit + 1)
    served = [
        {"life": f"research/ada#{life}", "document": name} for life, name in ((1, "a"), (1, "b"), (2, "b"), (3, "b"))
    ]
    (one,) = play.finished(served)
    assert one.verdict == "exited"
    assert round(one.found_s or 0, 3) == 0.25
    assert round(one.back_s or 0, 3) == 0.75
    assert one.redone == ["b"]
    assert one.recovered


def test_a_replaced_monitor_must_have_touched_no_session() -> None:
    monitor = Injected(PLAN[1], T0, 1, {"research/ada": 101, "research/grace": 102})
    monitor.observe([event(T0 + 0.1, "exited", "research", 1)])
    monitor.observe_supervisor(rows(), T0 + 0.2)
    assert monitor.back_s is None
    monitor.observe_supervisor(rows(monitor=2), T0 + 0.4)
    assert monitor.recovered
    assert not monitor.touched
    touched = Injected(PLAN[1], T0, 1, {"research/ada": 101, "research/grace": 102}, found_s=0.1)
    touched.observe_supervisor(rows(monitor=2, ada_pid=999), T0 + 0.4)
    assert touched.touched == ["research/ada"]
    assert not touched.recovered


def test_the_demo_is_over_when_all_sessions_are_done() -> None:
    play = Play(SHARE, Told(), PLAN)
    play.step(rows(both={"state": "done"}), [], T0)
    assert play.over


def test_the_report_is_good_only_if_the_result_is_the_undisturbed_one() -> None:
    corpus = Corpus()
    names = corpus.names(120)[:4]
    expected = undisturbed(corpus, {"ada": names[:2], "grace": names[2:]})
    published = {session: json.dumps({"keywords": keywords}) for session, keywords in expected.items()}
    once = {"ada": 1, "grace": 1}
    recovered = Injected(PLAN[0], T0, 1, found_s=0.1, back_s=0.2)

    def report(**changed: Any) -> Report:
        given: dict[str, Any] = {
            "expected": expected,
            "published": published,
            "publications": once,
            "faults": [recovered],
            "planned": 1,
            "tricks": {"none": 9, "cut": 2},
            "seconds": 12.3,
        }
        return Report(**{**given, **changed})

    assert report().recovered
    assert report().as_json()["lost"] == []
    assert "lost: nothing" in report().lines()[-1]
    assert not report(publications={"ada": 2, "grace": 1}).recovered
    assert not report(planned=2).recovered
    assert not report(faults=[Injected(PLAN[0], T0, 1, found_s=0.1)]).recovered
    short = report(published={"ada": published["ada"], "grace": "not json"})
    assert not short.recovered
    assert short.lost == [f"grace: {name}" for name in sorted(names[2:])]


def started() -> Play:
    """A play that has injected its first fault at T0 + FIRST_S."""
    play = Play(SHARE, Told(), PLAN)
    play.step(rows(), [], T0)
    assert play.step(rows(), [], T0 + FIRST_S) == PLAN[0]
    return play
