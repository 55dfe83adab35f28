"""Commands that are said to a person can be typed as they are: they name the node where the person has named it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import typer
from tests.unit.cli.test_commands import ROW, PlayedNode, Run, node, run

from wakeful.errors import NodeError
from wakeful_runtime.cli.app import app
from wakeful_runtime.prompt import PLAIN, Prompt

__all__ = ["node", "run"]
THERE = Path("/srv/my node")
NAMED = "wakeful --node '/srv/my node'"
PARKED = {"path": "research/weekly", "state": "review", "verdict": "exited", "next": "wakeful resume research/weekly"}
Shown = pytest.CaptureFixture[str]


def test_every_command_is_known_and_other_words_are_none() -> None:
    commands = cast("Any", typer.main.get_command(app)).commands
    prompt = Prompt.naming(THERE)
    for name in commands:
        assert prompt.put(f"({PLAIN.begin} {name} x)") == f"({NAMED} {name} x)"
    for text in ("this wakeful reads 3", "wakeful: ready", "in ~/wakeful run", "wakeful psi", f"{NAMED} ps"):
        assert prompt.put(text) == text


def test_only_the_default_node_goes_without_a_name_where_the_shell_is_not_known() -> None:
    assert Prompt.from_anywhere(Path("~/.local/state/wakeful/default").expanduser()) == PLAIN
    assert Prompt.from_anywhere(THERE).begin == NAMED


@pytest.mark.parametrize(
    ("verb", "answer", "line", "told"),
    [
        ("status", {"healthy": False, "waiting_for_a_person": ["a/b"]}, "status", ["why a/b;", "resume a/b)"]),
        ("why", {**ROW, "next": "nothing to do; its log: wakeful logs a"}, "why a", ["logs a"]),
        ("why", [PARKED], "why", ["resume research/weekly)"]),
        ("why", [], "why", ["ps)"]),
        ("incidents", [{**PARKED, "next": None, "id": "a#3"}], "incidents 3", ["incidents a#3 --markdown"]),
        ("review", [PARKED], "review", ["resume research/weekly"]),
        ("chaos", {}, "chaos kill weekly", ["why research/weekly)"]),
        ("stop", NodeError("see `wakeful logs store`"), "stop weekly", ["logs store`"]),
        (
            "ack",
            {"path": "a", "first": True, "resumed": False, "not_resumed": "over: wakeful restart a"},
            "ack 1",
            ["restart a"],
        ),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_commands_name_the_node_if_the_person_has(
    node: PlayedNode, run: Run, capsys: Shown, verb: str, answer: Any, line: str, told: list[str], named: bool
) -> None:
    node.answers[verb] = answer
    run(f"{line} --node '{THERE}'" if named else line)
    shown = capsys.readouterr()
    for command in told:
        assert f"{NAMED if named else 'wakeful'} {command}" in shown.out + shown.err
    assert named or "--node" not in shown.out + shown.err


def test_json_is_the_answer_as_it_is(node: PlayedNode, run: Run, capsys: Shown) -> None:
    node.answers["review"] = [PARKED]
    assert run(f"review --json --node '{THERE}'") == 0
    assert "--node" not in capsys.readouterr().out


def test_what_an_earlier_command_line_named_is_forgotten(node: PlayedNode, run: Run, capsys: Shown) -> None:
    node.answers["why"] = []
    assert run(f"why --node '{THERE}'") == run("why") == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("(wakeful ps)")
