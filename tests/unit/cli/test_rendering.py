"""What people see."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from wakeful.errors import NodeError
from wakeful_runtime.cli.explaining import evidence_lines, shown_dump
from wakeful_runtime.cli.history import event_line, growing, tail
from wakeful_runtime.cli.inspection import moment
from wakeful_runtime.cli.logline import readable
from wakeful_runtime.cli.past import logged_path
from wakeful_runtime.cli.screen import age, cell
from wakeful_runtime.cli.show import drawing
from wakeful_runtime.clients.client import NoNode


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (9.94, "9.9s"), (59.9, "59s"), (205, "3m25s"), (7500, "2h05m"), (97200, "1d03h"), (-0.2, "0.0s")],
)
def test_an_age_is_short(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_a_missing_value_is_a_dash() -> None:
    assert cell("checkpoint", None) == "–"
    assert cell("checkpoint", {"name": "scraped", "seq": 4}) == "scraped"


def test_the_tree_is_drawn_below_the_gateway() -> None:
    def row(path: str, kind: str) -> dict[str, object]:
        return {"path": path, "kind": kind, "state": "running", "incarnation": 1, "verdict": "healthy"}

    rows = [row("init", "init"), row("gateway", "gateway"), row("store", "store"), row("research", "monitor")]
    rows += [row("research/weekly", "session"), row("research/deep", "monitor"), row("research/deep/one", "session")]
    assert drawing(rows) == [
        "init#1  init running",
        "gateway#1  gateway running",
        "├─ store#1  store running",
        "└─ research#1  monitor running",
        "   ├─ weekly#1  session running",
        "   └─ deep#1  monitor running",
        "      └─ one#1  session running",
    ]


def test_a_dump_is_shown_section_by_section() -> None:
    told = {"path": "a", "process": {"state": "S"}, "tasks": ["run\n  a.py:1 in run"], "threads": [], "dump": ""}
    assert shown_dump("a", told) == ["a", "process: state S", "tasks:", "  run", "    a.py:1 in run"]


def test_the_lists_of_a_process_are_shown_a_line_each() -> None:
    told = {"process": {"state": "S", "open_files": ["0 /dev/null", "1 a.log"], "children": [], "why": ""}}
    assert list(evidence_lines(told)) == ["process: state S", "  open files:", "    0 /dev/null", "    1 a.log"]


def test_an_event_is_one_line() -> None:
    row = {"seq": 1, "at": "x", "event": "killed", "path": "a/b", "incarnation": 2, "why": "two\nlines", "id": "z"}
    assert event_line(row) == "x  a/b#2  killed  why=two lines"


def test_a_record_of_a_log_is_told_in_words_and_its_traceback_has_lines() -> None:
    about = {"path": "a/b", "incarnation": 2, "at": "x", "level": "error", "logger": "root"}
    line = json.dumps({**about, "event": "it ended", "kind": "error", "exception": "Traceback:\n  a.py, line 1"})
    assert readable(line) == "x  #2  error  it ended  kind=error\n  Traceback:\n    a.py, line 1"
    warned = json.dumps({**about, "level": "warning", "event": "never awaited\n  self.checkpoint()\n"})
    assert readable(warned) == "x  #2  warning  never awaited\n    self.checkpoint()"


@pytest.mark.parametrize("line", ["item 3", "", "{cut off", '{"event": "of the agent itself"}', "[1]"])
def test_what_was_printed_is_shown_as_it_is(line: str) -> None:
    assert readable(line) == line


def test_a_clock_time_is_the_last_one() -> None:
    now = datetime(2026, 1, 3, 9, 30, tzinfo=UTC).astimezone()
    late = (now + timedelta(minutes=5)).strftime("%H:%M")
    early = (now - timedelta(minutes=5)).strftime("%H:%M")
    assert moment(late, now=now) == "2026-01-02T09:35:00.000Z"
    assert moment(early, now=now) == "2026-01-03T09:25:00.000Z"
    assert moment("2h", now=now) == "2026-01-03T07:30:00.000Z"
    assert moment("2026-01-01T00:00:00+00:00", now=now) == "2026-01-01T00:00:00.000Z"
    with pytest.raises(typer.BadParameter):
        moment("teatime", now=now)


def test_the_end_of_a_path_that_has_a_log_is_enough(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("gateway", "research~weekly", "sales~weekly", "research~daily"):
        (logs / f"{name}.log").touch()
    assert logged_path(str(tmp_path), "daily") == "research/daily"
    assert logged_path(str(tmp_path), "sales/weekly") == "sales/weekly"
    with pytest.raises(NodeError, match="research/weekly, sales/weekly"):
        logged_path(str(tmp_path), "weekly")
    with pytest.raises(NodeError, match="no 'monthly'"):
        logged_path(str(tmp_path), "monthly")


def test_where_no_tree_has_run_the_keeper_knows_why(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "keeper.log").touch()
    assert logged_path(str(tmp_path), "keeper") == "keeper"
    with pytest.raises(NoNode, match="wakeful logs keeper"):
        logged_path(str(tmp_path), "weekly")


def test_following_a_log_gives_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\ntwo\n")
    last, end = tail(file, 1)
    assert last == ["two"]
    with file.open("a") as opened:
        opened.write("three\nfour\nfi")
    lines = growing(file, end)
    assert [next(lines), next(lines)] == ["three", "four"]
    with file.open("a") as opened:
        opened.write("ve\n")
    assert next(lines) == "five"


def test_following_starts_over_when_the_log_was_cut(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\ntwo\n")
    lines = growing(file, 0)
    assert [next(lines), next(lines)] == ["one", "two"]
    file.write_text("new\n")
    assert next(lines) == "new"
