"""Where a program of a tree file runs."""

from __future__ import annotations

from pathlib import Path

from wakeful import Child, Command, Gateway, Monitor
from wakeful_runtime.tree.anchor import anchored


def test_a_program_of_a_tree_file_runs_where_that_file_is_or_below_as_it_says() -> None:
    inner = Monitor("n", Child("c", Command("x", cwd="/srv")))
    tree = Gateway(
        Child("a", Command("x")),
        Monitor("m", Child("b", Command("x", cwd="sub")), inner),
        agents=[Child("d", Command("x"))],
    )
    plan = anchored(tree.plan(), Path("/home/u"))
    first, monitor = plan.root.children
    assert first.command is not None and first.command.cwd == "/home/u"
    assert monitor.monitor is not None
    second, below = monitor.monitor.children
    assert second.command is not None and second.command.cwd == "/home/u/sub"
    assert below.monitor is not None
    third = below.monitor.children[0].command
    assert third is not None and third.cwd == "/srv"
    assert plan.agents[0].command is not None and plan.agents[0].command.cwd == "/home/u"
