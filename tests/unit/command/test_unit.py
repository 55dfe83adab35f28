"""The systemd unit, and the names of wrapped commands."""

from __future__ import annotations

import pytest

from wakeful import Actor, Child, Gateway, Monitor, Session
from wakeful.plan import NodePlan
from wakeful_runtime.cli.wrapped import name_of
from wakeful_runtime.service.unit import Service, escaped, longest_stop, unit_text


class Idle(Actor):
    """For a plan."""


class Quiet(Session[None]):
    """For a plan's agents."""

    async def run(self, task: str) -> None: ...


def plan(shutdown: float | None) -> NodePlan:
    return Gateway(Monitor("m", Child("a", Idle, shutdown=shutdown), Child("b", Idle))).plan()


SERVICE = Service("/opt/py/bin/python", "/var/lib/a node", "/srv/my%agents.py:tree", "/srv", "agents", machine=True)


def test_the_unit_asks_only_the_keeper_to_stop_and_gives_the_tree_its_time() -> None:
    text = unit_text(SERVICE, plan(90))
    assert "Type=notify\n" in text and "WatchdogSec=" in text and "Delegate=yes\n" in text
    assert "KillMode=mixed\n" in text and "OOMPolicy=continue\n" in text
    assert "TimeoutStopSec=125\n" in text
    assert "User=agents\n" in text and "WantedBy=multi-user.target\n" in text


def test_words_of_the_unit_mean_what_they_are() -> None:
    assert '--node "/var/lib/a node" run "/srv/my%%agents.py:tree"' in unit_text(SERVICE, plan(5))
    assert escaped('a "$b"') == '"a \\"$$b\\""'
    assert escaped("plain/word.py:tree") == "plain/word.py:tree"


@pytest.mark.parametrize(("shutdown", "seconds"), [(90.0, 125.0), (0.0, 35.0), (None, 3600.0)])
def test_children_stop_one_after_the_other(shutdown: float | None, seconds: float) -> None:
    assert longest_stop(plan(shutdown)) == seconds


def test_what_was_spawned_stops_together_and_monitors_one_after_the_other() -> None:
    agents = [Child("quick", Quiet, shutdown=1), Child("slow", Quiet, shutdown=20)]
    inner = Monitor("in", Child("a", Idle, shutdown=3), agents=agents)
    tree = Gateway(inner, Child("b", Idle, shutdown=4), agents=[Child("c", Quiet, shutdown=40)])
    assert longest_stop(tree.plan()) == 3 + 20 + 4 + 40 + 30


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["./crawl.sh"], "crawl"),
        (["python", "agent.py", "--fast"], "agent"),
        (["/usr/bin/node", "/srv/server.js"], "server"),
        (["python", "-m", "http.server"], "python"),
        (["sh", "-c", "echo hi"], "sh"),
        (["web"], "web-command"),
        (["@@"], "command"),
    ],
)
def test_a_wrapped_command_is_called_by_its_script_or_its_program(command: list[str], name: str) -> None:
    assert name_of(command) == name
