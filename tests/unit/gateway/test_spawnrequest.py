"""The JSON of `sessions_spawn`: what is taken, what is refused, and what a session becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from wakeful import BlockingSession, Child, Gateway, Monitor, Session
from wakeful.errors import NodeError
from wakeful.policy import SESSION_PROGRESS
from wakeful_runtime.gateway.nodeplan import startable
from wakeful_runtime.gateway.spawnrequest import Agents, SpawnRequest, read_spawn


class Research(Session[None]):
    async def run(self, topic: str, depth: int = 1) -> None: ...


class Chore(Session[None]):
    async def run(self) -> None: ...


class Anything(BlockingSession[None]):
    def run(self, **options: object) -> None: ...


AGENT = Child("researcher", Research, args={"depth": 3}, run_timeout="4h", cleanup="delete")


def agents(*children: Child) -> Agents:
    return Agents(startable(Gateway(agents=list(children or (AGENT,))).plan()))


def spawn(known: Agents | None = None, **args: Any) -> SpawnRequest:
    return read_spawn({"task": "keywords", **args}, known or agents())


def test_openclaws_session_of_a_night_is_accepted_as_it_stands() -> None:
    found = spawn(label="night", runTimeoutSeconds=28800, cleanup="keep")
    assert found.plan.run_timeout == 28800.0
    assert (found.plan.cleanup, found.plan.label, found.plan.name, found.ignored) == ("keep", "night", "night", ())


def test_the_task_is_the_first_argument_of_run_whatever_its_name() -> None:
    assert spawn().plan.args == {"topic": "keywords", "depth": 3}
    assert spawn(agents(Child("a", Anything))).plan.args == {"task": "keywords"}
    assert spawn(agents(Child("a", Chore))).plan.args == {}


def test_what_is_not_given_is_as_the_agent_has_it() -> None:
    plan = spawn().plan
    assert (plan.run_timeout, plan.cleanup, plan.recovery) == (14400.0, "delete", "resume")
    assert plan.heartbeat.progress == SESSION_PROGRESS


def test_a_run_timeout_of_0_is_none() -> None:
    assert spawn(runTimeoutSeconds=0).plan.run_timeout is None


def test_a_heartbeat_changes_what_it_gives_and_a_text_is_a_preset() -> None:
    found = spawn(heartbeat={"every": 300, "progress": "5m"}).plan.heartbeat
    assert (found.every, found.timeout, found.progress, found.progress_given) == (300.0, 20.0, 300.0, True)
    assert spawn(heartbeat={"every": 300}).plan.heartbeat.progress_given is False
    assert spawn(heartbeat="posting").plan.heartbeat.every == 180.0


def test_a_label_may_be_any_text_and_makes_a_path_of_it() -> None:
    found = spawn(label="keyword research, monday").plan
    assert (found.label, found.name) == ("keyword research, monday", "keyword-research-monday")
    assert spawn(label="../../etc").plan.name == "etc"
    assert len(spawn(label="…").plan.name) == 12


def test_keys_of_openclaw_are_ignored_and_told() -> None:
    assert spawn(model="large", thinking="high", thread=True).ignored == ("model", "thinking", "thread")


def test_whoever_chooses_the_runs_id_may_ask_again_and_waits_for_its_turn() -> None:
    found = spawn(runId="report@2026-11-22T03:00+00:00")
    assert found.again
    assert found.plan.run_id == "report@2026-11-22T03:00+00:00"
    assert found.plan.name == spawn(runId="report@2026-11-22T03:00+00:00").plan.name
    assert not spawn().again


def test_without_an_agent_it_is_main_else_the_only_one_else_an_error_that_lists_them() -> None:
    assert spawn().plan.agent == "researcher"
    assert spawn(agents(Child("main", Chore), AGENT)).plan.agent == "main"
    with pytest.raises(NodeError, match="say which agentId; agents are chore, researcher"):
        spawn(agents(Child("chore", Chore), AGENT))


def test_an_agent_of_a_monitor_runs_under_that_monitor() -> None:
    tree = Gateway(Monitor("night", agents=[Child("chore", Chore)]), agents=[AGENT])
    known = Agents(startable(tree.plan()))
    assert spawn(known, agentId="chore").under == "night"
    assert spawn(known, agentId="researcher").under == "sessions"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"task": ""}, "task is required"),
        ({"task": None}, "task is required"),
        ({"taks": "x"}, "did you mean 'task'"),
        ({"agentId": "reseacher"}, "no agent 'reseacher'; agents are researcher"),
        ({"agentId": 7}, "no agent 7"),
        ({"label": 7}, "label: a text"),
        ({"label": "x" * 65}, "label: a text of at most 64"),
        ({"runTimeoutSeconds": -1}, "runTimeoutSeconds: -1"),
        ({"runTimeoutSeconds": "8h"}, "runTimeoutSeconds: '8h'"),
        ({"runTimeoutSeconds": True}, "runTimeoutSeconds: True"),
        ({"runTimeoutSeconds": float("nan")}, "runTimeoutSeconds: nan"),
        ({"cleanup": "remove"}, "cleanup: 'remove' is none of keep, delete"),
        ({"recovery": "later"}, "recovery: 'later' is none of resume, immediate, alert_first"),
        ({"heartbeat": {"evry": 5}}, "did you mean 'every'"),
        ({"heartbeat": {"every": 0}}, "heartbeat: .*must be more than 0"),
        ({"heartbeat": "hasty"}, "no preset 'hasty'"),
        ({"heartbeat": 5}, "heartbeat: an object"),
        ({"args": [1]}, "args: an object"),
        ({"args": {"dept": 1}}, "takes no 'dept'; did you mean 'depth'"),
        ({"args": {"topic": "x"}}, "'topic' is the task's"),
        ({"runId": "../x"}, "runId"),
    ],
)
def test_what_can_not_be_is_refused_with_what_to_write(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(NodeError, match=says):
        spawn(**wrong)
