"""The commands against a node that is played: what they ask, what they print, how they end."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from wakeful.errors import NodeError
from wakeful_runtime.cli.app import main
from wakeful_runtime.clients import client

ROW: dict[str, Any] = {
    "path": "research/weekly",
    "kind": "session",
    "pid": 4711,
    "incarnation": 3,
    "state": "running",
    "verdict": "healthy",
    "restarts": 2,
    "beat_age_s": 0.4,
    "progress_age_s": 205.0,
    "checkpoint": "scraped",
    "memory_mb": 41.7,
}


class PlayedNode:
    """Answers verbs from a table and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"resolve": "research/weekly", "ps": [ROW]}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.directories: list[Path] = []
        self.runs = True

    def connect(self, directory: Path) -> Self:
        self.directories.append(directory)
        if not self.runs:
            raise client.NoNode(f"no node runs in {directory}")
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def call(self, verb: str, args: dict[str, Any]) -> Any:
        self.asked.append((verb, args))
        answer = self.answers.get(verb, {"status": "ok"})
        if isinstance(answer, Exception):
            raise answer
        return answer


Run = Callable[[str], int]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PlayedNode:
    played = PlayedNode()
    monkeypatch.setattr(client, "Client", played.connect)
    monkeypatch.setenv("WAKEFUL_NODE", str(tmp_path / "node"))
    return played


@pytest.fixture
def run() -> Run:
    return lambda line: main(shlex.split(line))


def test_ps_prints_a_row_per_process(node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ps") == 0
    shown = capsys.readouterr().out
    for word in ("research/weekly", "4711", "running", "0.4s", "3m25s", "scraped", "42"):
        assert word in shown


@pytest.mark.parametrize("command", ["ps", "tree", "status", "review", "events", "incidents", "checkpoints x", "why x"])
def test_json_is_one_value_and_nothing_else(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    answer: Any = {"healthy": True, "rows": []} if command in {"tree", "status"} else []
    node.answers[command.split()[0]] = answer
    assert run(f"{command} --json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == answer
    assert printed.err == ""


def test_no_node_is_exit_code_3_and_one_line(node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    node.runs = False
    assert run("ps") == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("wakeful: no node runs in")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("command", ["events", "incidents", "why", "checkpoints x", "why x", "logs x"])
def test_history_of_a_directory_no_node_ever_used_is_exit_code_3(node: PlayedNode, run: Run, command: str) -> None:
    node.runs = False
    assert run(command) == 3


def test_an_error_of_the_node_is_exit_code_1_and_one_line(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["resolve"] = NodeError("'week' could be\nresearch/week, sales/week")
    assert run("stop week") == 1
    assert capsys.readouterr().err == "wakeful: 'week' could be research/week, sales/week\n"


@pytest.mark.parametrize(
    "line",
    [
        "no-such-command",
        "ps --no-such-option",
        "stop",
        "chaos explode weekly",
        "pause",
        "pause weekly --all",
        "spawn --agent x",
        "spawn --task x --args [1]",
        "spawn --task x --args {",
        "spawn --task x --run-timeout soon",
        "resume weekly --fresh --from 3",
        "incidents --since teatime",
        "events --limit 0",
        "deadletters retry",
        "deadletters burn 1",
        "settle weekly publish",
        "settle weekly publish --done --not-done",
        "settle weekly publish 3 --not-done",
        "backup",
        "ack",
        "alerts burn",
        "alerts --limit 0",
        "check nowhere.py:tree",
        "run no-colon",
    ],
)
def test_wrong_use_is_exit_code_2_and_one_line(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert run(line) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("verb", ["stop", "restart", "kill", "pause", "unpause"])
def test_an_order_goes_to_the_whole_path(node: PlayedNode, run: Run, verb: str) -> None:
    assert run(f"{verb} weekly") == 0
    assert node.asked == [("resolve", {"path": "weekly"}), (verb, {"path": "research/weekly"})]


@pytest.mark.parametrize("verb", ["pause", "unpause"])
def test_pausing_all_names_no_path(node: PlayedNode, run: Run, verb: str) -> None:
    assert run(f"{verb} --all") == 0
    assert node.asked == [(verb, {"path": None})]


def test_spawn_speaks_the_sessions_api(node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    node.answers["sessions_spawn"] = {"status": "accepted", "path": "sessions/a", "key": "agent:researcher:session:1"}
    line = """spawn --task "two words" --agent researcher --label a --run-timeout 2h --args '{"depth": 2}'"""
    assert run(line) == 0
    assert capsys.readouterr().out == "sessions/a  agent:researcher:session:1\n"
    expected = {
        "task": "two words",
        "agentId": "researcher",
        "label": "a",
        "runTimeoutSeconds": 7200.0,
        "args": {"depth": 2},
    }
    assert node.asked == [("sessions_spawn", expected)]


def test_a_refused_spawn_is_exit_code_1_with_its_reason(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["sessions_spawn"] = {"status": "forbidden", "error": "8 of 8 running"}
    assert run("spawn --task x") == 1
    assert capsys.readouterr().err == "wakeful: forbidden: 8 of 8 running\n"


def test_send_prints_the_reply(node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    node.answers["sessions_send"] = {"status": "ok", "reply": "half way"}
    assert run("send weekly 'how far?' --wait 5") == 0
    assert capsys.readouterr().out == "half way\n"
    assert node.asked[-1][1] == {"label": "research/weekly", "message": "how far?", "timeoutSeconds": 5.0}


def test_status_says_by_its_exit_code_that_something_waits(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["status"] = {"healthy": False, "waiting_for_a_person": ["research/weekly"], "up_s": 3.0}
    assert run("status") == 1
    shown = capsys.readouterr().out
    assert "1 waiting for you" in shown
    assert "wakeful resume research/weekly" in shown


def test_resume_fresh_is_from_checkpoint_0(node: PlayedNode, run: Run) -> None:
    assert run("resume weekly --fresh") == 0
    assert run("resume weekly --from 41") == 0
    assert run("resume weekly") == 0
    assert [args["from"] for verb, args in node.asked if verb == "resume"] == [0, 41, None]


def test_dead_letters_are_listed_retried_and_dropped(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["deadletters"] = [{"id": "ab", "to": "m/k", "sender": "m/s", "error": "ValueError: no"}]
    assert run("deadletters") == 0
    assert "ValueError: no" in capsys.readouterr().out
    assert run("deadletters retry ab") == run("deadletters drop ab") == 0
    assert [args.get("action") for _, args in node.asked] == [None, "retry", "drop"]


@pytest.mark.parametrize(
    ("given", "done", "result"),
    [
        ("--done", True, None),
        ("""--done '{"id": 4711}'""", True, {"id": 4711}),
        ("--done posted", True, "posted"),
        ("--not-done", False, None),
    ],
)
def test_settle_says_what_became_of_an_effect(
    node: PlayedNode, run: Run, given: str, done: bool, result: object
) -> None:
    assert run(f"settle weekly publish {given}") == 0
    assert node.asked == [("settle", {"path": "weekly", "key": "publish", "done": done, "result": result})]


def test_a_backup_is_written_where_the_command_is(
    node: PlayedNode, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    node.answers["backup"] = {"file": "x", "bytes": 1}
    assert run("backup copy.sqlite3") == 0
    assert node.asked == [("backup", {"file": str(tmp_path / "copy.sqlite3")})]
    node.runs = False
    assert run("backup copy.sqlite3") == 3


@pytest.mark.parametrize("line", ["--node {0} ps", "ps --node {0}", "--node /elsewhere ps --node {0}"])
def test_node_may_be_given_before_or_after_the_command(node: PlayedNode, run: Run, tmp_path: Path, line: str) -> None:
    assert run(line.format(tmp_path)) == 0
    assert node.directories == [tmp_path]


def test_logs_are_read_without_a_node(
    node: PlayedNode, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node.runs = False
    logs = tmp_path / "node" / "logs"
    logs.mkdir(parents=True)
    (logs / "research~weekly.log").write_text("one\ntwo\nthree\n")
    (logs / "gateway.log").write_text("")
    assert run("logs weekly -n 2") == 0
    assert capsys.readouterr().out == "two\nthree\n"


def test_help_teaches_with_examples(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    commands = (
        "run check tree ps status down restart stop kill pause unpause spawn send why events logs checkpoints chaos"
        " incidents dump review resume demo deadletters settle backup mcp token"
    )
    for command in commands.split():
        assert run(f"{command} --help") == 0
        assert f"    wakeful {command}" in capsys.readouterr().out


def test_version_is_the_distributions(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("wakeful 0.")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run x.py:tree --web nowhere", "write HOST:PORT, such as 127.0.0.1:8717"),
        ("run x.py:tree --web 127.0.0.1:0 --no-web", "write --web or --no-web, not both"),
    ],
)
def test_a_web_that_can_not_be_is_wrong_use(run: Run, capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    assert run(line) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "extra"), [("run x.py:tree --web 127.0.0.1:0", "wakeful[web]"), ("mcp", "wakeful[mcp]")]
)
def test_a_library_that_is_not_installed_is_one_line_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, run: Run, capsys: pytest.CaptureFixture[str], line: str, extra: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(line) == 2
    printed = capsys.readouterr()
    assert f"pip install '{extra}'" in printed.err
    assert printed.err.count("\n") == 1


NOTICE: dict[str, Any] = {
    "id": 17,
    "at": "2026-11-23T12:00:00.000Z",
    "severity": "error",
    "state": "open",
    "path": "research/weekly",
    "verdict": "wedged",
    "what": "no thread of Python has run for 22 s",
    "repeats": 2,
    "acked_at": None,
    "routes": [
        {"route": "env:MAIL", "told": "alert", "told_at": "2026-11-23T12:00:03.000Z", "waits": None, "tries": 1},
        {"route": "env:CHAT", "told": None, "told_at": None, "waits": "alert", "tries": 4},
    ],
}
ROUTE: dict[str, Any] = {"failing_since": None, "opens_at": None, "sent_at": None, "error": "", "next_at": None}


def test_alerts_say_what_was_told_to_whom_and_how_the_routes_do(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = {"failing_since": "2026-11-23T12:00:03.000Z", "error": "HTTP 503"}
    held = {"opens_at": "2026-11-24T09:00:00.000Z"}
    node.answers["alerts"] = {
        "rows": [NOTICE],
        "routes": [
            {**ROUTE, "route": "env:MAIL"},
            {**ROUTE, "route": "env:CHAT", **failing},
            {**ROUTE, "route": "env:DAY", **held},
        ],
    }
    assert run("alerts --open -n 5") == 0
    assert node.asked == [("alerts", {"open": True, "limit": 5})]
    shown = capsys.readouterr().out
    for word in ("17", "research/weekly", "wedged: no thread", "env:MAIL: alert", "env:CHAT: waits, tried 4 times"):
        assert word in shown
    for line in ("env:MAIL: nothing sent yet", "HTTP 503", "env:DAY: held until"):
        assert line in shown
    assert run("alerts --json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [NOTICE]


def test_a_trial_fails_when_somebody_has_not_got_it(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["alerts_test"] = [{"route": "env:MAIL", "ok": True, "error": ""}]
    assert run("alerts test") == 0
    node.answers["alerts_test"] = [{"route": "env:MAIL", "ok": False, "error": "HTTP 404"}]
    assert run("alerts test --route env:MAIL") == 1
    assert capsys.readouterr().out == "env:MAIL: sent\nenv:MAIL: HTTP 404\n"
    assert node.asked[-1][1]["route"] == "env:MAIL"


def test_an_acknowledgement_says_what_follows_from_it(
    node: PlayedNode, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["ack"] = {"no": 17, "path": "research/weekly", "first": True, "resumed": True}
    assert run("ack 17") == 0
    assert node.asked == [("ack", {"id": "17"})]
    assert capsys.readouterr().out == "research/weekly: acknowledged; it resumes\n"
    node.answers["ack"] = {"no": 17, "path": "a", "first": True, "resumed": False, "not_resumed": "a is done"}
    assert run("ack 17") == 0
    assert capsys.readouterr().out == "a: acknowledged; nothing to resume: a is done\n"
