"""Specs: frozen, checked when built, and a SpecError names the child and what to write instead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from wakeful import (
    Actor,
    Alert,
    BlockingSession,
    Budget,
    BusinessHours,
    Child,
    Command,
    Gateway,
    Heartbeat,
    Job,
    Limits,
    Monitor,
    Session,
    SpecError,
)
from wakeful.plan import NodePlan


class Counter(Actor):
    def __init__(self, *, start: int = 0) -> None: ...


class Needy(Actor):
    def __init__(self, *, url: str) -> None: ...


class Research(Session[None]):
    idempotent = True
    state_version = 3

    async def run(self, task: str, depth: int = 1, *, tags: list[str] | None = None) -> None: ...


class Chore(Session[None]):
    async def run(self) -> None: ...


class Anything(Session[None]):
    async def run(self, **options: object) -> None: ...


class Crawl(BlockingSession[None]):
    def run(self, task: str) -> None: ...


class NoRun(Session[None]): ...


CHORE = Child("chore", Chore)


def test_defaults_of_an_actor() -> None:
    child = Child("counter", Counter)
    assert (child.restart, child.recovery, child.shutdown, child.heartbeat.progress) == (
        "permanent",
        "immediate",
        5,
        None,
    )
    assert (child.heartbeat.every, child.heartbeat.timeout, child.heartbeat.startup) == (60, 20, 60)


@pytest.mark.parametrize("what", [Research, Crawl, Command("node", "agent.js")])
def test_defaults_of_a_session(what: Any) -> None:
    child = Child("s", what)
    assert (child.restart, child.recovery, child.shutdown) == ("transient", "resume", 30)
    assert (child.heartbeat.progress, child.heartbeat.progress_given) == (1200, False)
    assert (child.run_timeout, child.cleanup, child.wait, child.significant) == (None, "keep", 3600, False)


def test_defaults_of_monitor_and_gateway() -> None:
    monitor = Monitor("m")
    assert (monitor.strategy, monitor.failures_in_a_row, monitor.max_restarts, monitor.within) == (
        "one_for_one",
        3,
        10,
        600,
    )
    assert (monitor.on_exhausted, monitor.auto_shutdown, monitor.max_children, monitor.max_running) == (
        "review",
        "never",
        None,
        8,
    )
    assert (Gateway().max_restarts, Gateway().within, Gateway().timezone) == (5, 60, None)
    job = Job("j", "0 3 * * *", "a")
    assert (job.misfire, job.overlap, job.grace, job.timeout, job.tz) == ("skip", "skip", 600, None, None)
    alert = Alert("env:X")
    assert (alert.when, alert.otherwise, alert.least) == (None, "hold", "warning")


@pytest.mark.parametrize(
    "spec", [Child("c", Counter), Monitor("m"), Gateway(), Job("j", every=1, agent="a"), Alert("env:X")]
)
def test_specs_are_frozen(spec: Any) -> None:
    with pytest.raises(ValidationError):
        spec.name = "other"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Child("a b", Chore), r"'a b' is no name.*write 'a-b'"),
        (lambda: Child("-a", Chore), "is no name"),
        (lambda: Child("é", Chore), "is no name"),
        (lambda: Child("a" * 65, Chore), "is no name"),
        (lambda: Child("", Chore), "is no name"),
        (lambda: Child(Chore, "a"), "the name comes first"),  # type: ignore[arg-type]
        (lambda: Child("c", Counter, args={"strat": 5}), r"Child\('c'\): Counter.__init__ takes no 'strat'.*'start'"),
        (lambda: Child("c", Counter, args={"start": "5"}), "takes start: int"),
        (lambda: Child("c", Counter, args=[5]), "write a dict"),  # type: ignore[arg-type]
        (lambda: Child("c", Counter, args={"start": {1}}), "start: set"),
        (lambda: Child("c", Needy), "needs 'url'"),
        (lambda: Child("c", Counter, task="x"), "has no task"),
        (lambda: Child("c", Counter, run_timeout="1h"), "run_timeout is for sessions"),
        (lambda: Child("r", Research, task=5), "takes task: str"),
        (lambda: Child("r", Research, task="x", args={"task": "y"}), "keep one"),
        (lambda: Child("r", Research, args={"tags": [1]}), "takes tags"),
        (lambda: Child("r", Chore, task="x"), "takes no task"),
        (lambda: Child("r", NoRun), "has no run"),
        (lambda: Child("r", Session), "itself does nothing"),
        (lambda: Child("r", Research()), "an instance of Research"),  # type: ignore[arg-type]
        (lambda: Child("r", int), "neither an Actor nor a Session"),  # type: ignore[arg-type]
        (lambda: Child("r", lambda: None), "lambda"),  # type: ignore[arg-type]
        (lambda: Child("r", test_specs_are_frozen), "the function"),
        (lambda: Child("r", "Research"), "no class"),  # type: ignore[arg-type]
        (lambda: Child("r", Chore, restart="always"), "write 'permanent', 'transient', 'temporary'"),  # type: ignore[arg-type]
        (lambda: Child("r", Chore, recovery="resum"), "did you mean 'resume'"),  # type: ignore[arg-type]
        (lambda: Child("r", Chore, heartbeats=5), r"no option 'heartbeats'; did you mean 'heartbeat'"),
        (lambda: Child("r", Research, depth=3), r"argument of Research.run; write args=\{'depth': 3\}"),
        (lambda: Child("c", Counter, start=3), r"argument of Counter.__init__; write args=\{'start': 3\}"),
        (lambda: Child("r", Chore, heartbeat=5), r"write Heartbeat\(…\)"),  # type: ignore[arg-type]
        (lambda: Child("r", Chore, run_timeout="4 hours"), "'4 hours' is not a duration"),
        (lambda: Child("r", Chore, run_timeout=0), "more than 0"),
        (lambda: Child("r", Chore, shutdown=-1), "not negative"),
        (lambda: Child("r", Chore, failures_in_a_row=0), "whole number"),
        (lambda: Child("r", Chore, significant=True, restart="permanent"), "significant"),
        (lambda: Monitor("m", Counter), r"the class Counter is no child; write Child\("),  # type: ignore[arg-type]
        (lambda: Monitor("m", Child("r", Research)), r"Research.run needs 'task'; write task=…"),
        (lambda: Monitor("m", CHORE, CHORE), "two children are called 'chore'"),
        (lambda: Monitor("m", strategy="one_for_al"), "did you mean 'one_for_all'"),  # type: ignore[arg-type]
        (lambda: Monitor("m", max_restart=3), "did you mean 'max_restarts'"),
        (lambda: Monitor("m", CHORE, Child("b", Chore), max_children=1), "max_children=1"),
        (lambda: Monitor("m", Child("a", Chore, significant=True)), "auto_shutdown"),
        (lambda: Gateway(Child("web", Chore)), "'web' is the name of a process of the node"),
        (lambda: Gateway(Monitor("sessions")), "'sessions'"),
        (lambda: Gateway(agents=[Child("c", Counter)]), "an agent is a session"),
        (lambda: Gateway(agents=CHORE), "write a list"),  # type: ignore[arg-type]
        (lambda: Gateway(agents=[CHORE, CHORE]), "two agents are called 'chore'"),
        (lambda: Gateway(schedule=[Job("j", "0 3 * * *", "x")], agents=[CHORE]), "no agent 'x'; the agents are chore"),
        (lambda: Gateway(schedule=[Job("j", "0 3 * * *", "chore", task="x")], agents=[CHORE]), "takes no task"),
        (lambda: Gateway(schedule=[Job("j", "0 3 * * *", "r")], agents=[Child("r", Research)]), "needs 'task'"),
        (lambda: Gateway(preload=["not a module"]), "no module's name"),
        (lambda: Gateway(timezone="Europe/Berln"), "did you mean 'Europe/Berlin'"),
        (lambda: Gateway(alerts="env:X"), "write a list"),
        (lambda: Gateway(alerts=[5]), "is no alert"),  # type: ignore[list-item]
        (lambda: Job("j", "0 3 * *", "a"), "no cron expression"),
        (lambda: Job("j", "0 0 30 2 *", "a"), "no cron expression"),
        (lambda: Job("j", "0 3 * * *"), "which agent"),
        (lambda: Job("j", agent="a"), "when"),
        (lambda: Job("j", "0 3 * * *", "a", every=5), "keep one"),
        (lambda: Job("j", every="15m", at="2026-12-01T09:00", agent="a"), "keep one"),
        (lambda: Job("j", at="tomorrow", agent="a"), "is no time"),
        (lambda: Job("j", every="15m", agent="a", tz="Mars/Base"), "no time zone"),
        (lambda: Job("j", every="15m", agent="a", misfire="run"), "did you mean 'run_"),  # type: ignore[arg-type]
        (lambda: Job("j", every="15m", agent="a", overlaps="skip"), "did you mean 'overlap'"),
        (lambda: Alert("hello"), "Apprise"),
        (lambda: Alert("env:X", least="loud"), "'critical'"),  # type: ignore[arg-type]
        (lambda: Alert("env:X", otherwise="drop"), "'hold'"),
        (lambda: BusinessHours("mon-fry 09:00-18:00"), "write 'mon-fri"),
        (lambda: BusinessHours("mon-fri"), "write 'mon-fri"),
        (lambda: Command(), "name the program"),
        (lambda: Command("node agent.js"), r"Command\('node', 'agent.js'\)"),
        (lambda: Command("node", ready="soon"), "'port:8080'"),
        (lambda: Command("node", ready="port:x"), "'port:8080'"),
        (lambda: Command("node", ready="log:("), "regular expression"),
        (lambda: Heartbeat.preset("posts"), "no preset"),  # type: ignore[arg-type]
    ],
)
def test_a_mistake_is_told_when_the_spec_is_built(build: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build()


def test_a_local_class_is_refused() -> None:
    class Local(Session[None]):
        async def run(self) -> None: ...

    with pytest.raises(SpecError, match="local"):
        Child("r", Local)


@pytest.mark.parametrize("value", [90, 90.0, "90s", "1m30s", timedelta(seconds=90)])
def test_durations_are_seconds_texts_or_timedeltas(value: Any) -> None:
    child = Child("r", Research, run_timeout=value, shutdown=value, heartbeat=Heartbeat(every=value), wait=value)
    assert child.run_timeout == child.shutdown == child.heartbeat.every == child.wait == 90
    assert Monitor("m", within=value).within == 90
    assert Job("j", every=value, agent="a", grace=value, timeout=value).every == 90


def test_shutdown_none_is_as_long_as_it_takes_and_0_is_killed() -> None:
    assert Child("r", Chore, shutdown=None).shutdown is None
    assert Child("r", Chore, shutdown=0).shutdown == 0


def test_task_is_the_first_argument_of_run() -> None:
    assert Child("r", Research, task="x", args={"depth": 2}).args == {"task": "x", "depth": 2}
    assert Child("a", Anything, args={"whatever": 1}).args == {"whatever": 1}


def test_an_agent_may_get_its_task_later() -> None:
    Gateway(agents=[Child("r", Research, run_timeout="8h")])


@pytest.mark.parametrize(
    ("job", "every", "at"),
    [
        (Job("j", every="15m", agent="a"), 900, None),
        (Job("j", "a", every="15m"), 900, None),
        (Job("j", at="2026-12-01T09:00", agent="a"), None, "2026-12-01T09:00:00"),
    ],
)
def test_a_job_takes_every_or_at_in_the_expressions_place(job: Job, every: float | None, at: str | None) -> None:
    assert (job.expr, job.agent, job.every, job.at) == (None, "a", every, at)


def tree() -> Gateway:
    return Gateway(
        Monitor(
            "research",
            Child("weekly", Research, task="keywords", limits=Limits(memory="4GiB"), budget=Budget(cost=5)),
            Monitor(
                "inner", Child("counter", Counter, args={"start": 5}), strategy="rest_for_one", failures_in_a_row=5
            ),
            Child("node", Command("node", "agent.js", env={"A": "b"}), task="x", args={"n": 1}),
            failures_in_a_row=4,
            agents=[Child("local", Crawl)],
        ),
        Child("alone", Counter, failures_in_a_row=7),
        agents=[Child("researcher", Research, run_timeout="8h")],
        schedule=[
            Job("weekly report", "0 3 * * mon", "researcher", task="keywords", tz="America/New_York"),
            Job("local", "local", every="1h", task="x"),
        ],
        alerts=[
            "env:DISCORD_ALERTS",
            Alert(
                "file:/run/secret",
                when=BusinessHours("mon-fri 09:00-18:00"),
                otherwise="discord://id/token",
                least="error",
                labels=["research/*"],
            ),
        ],
        preload=["json"],
        timezone="Europe/Berlin",
    )


def test_a_plan_is_the_tree_as_data() -> None:
    plan = tree().plan()
    assert NodePlan.model_validate(plan.model_dump()) == plan
    assert NodePlan.model_validate_json(plan.model_dump_json()) == plan
    research, alone = plan.root.children
    assert (research.kind, research.restart, research.shutdown) == ("monitor", "permanent", None)
    assert research.monitor is not None
    weekly, inner, node = research.monitor.children
    assert weekly.code is not None
    assert (weekly.code.name, weekly.code.module) == ("Research", __name__)
    assert (weekly.args, weekly.idempotent, weekly.state_version) == ({"task": "keywords"}, True, 3)
    assert (weekly.limits.memory, weekly.budget.cost, weekly.failures_in_a_row) == (4 * 2**30, 5, 4)
    assert inner.monitor is not None
    assert (inner.monitor.strategy, inner.monitor.children[0].failures_in_a_row) == ("rest_for_one", 5)
    assert node.command is not None
    assert (node.kind, node.command.argv, node.args) == ("command", ("node", "agent.js"), {"task": "x", "n": 1})
    assert (alone.kind, alone.failures_in_a_row, alone.blocking) == ("actor", 7, False)
    assert research.monitor.agents[0].blocking
    assert (plan.agents[0].agent, plan.agents[0].run_timeout) == ("researcher", 8 * 3600)
    assert (plan.schedule[0].expr, plan.schedule[1].every) == ("0 3 * * mon", 3600)
    usual = {"labels": [], "cooldown": 600, "escalate": None, "escalate_after": 1800}
    assert plan.alerts[1] == {
        "url": "file:/run/secret",
        "when": {"hours": "mon-fri 09:00-18:00", "tz": None, "holidays": []},
        "otherwise": {"url": "discord://id/token", "when": None, "otherwise": "hold", "least": "warning", **usual},
        **usual,
        "least": "error",
        "labels": ["research/*"],
    }
    assert (plan.preload, plan.timezone, plan.root.max_restarts, plan.root.within) == (
        ("json",),
        "Europe/Berlin",
        5,
        60,
    )


def test_a_secret_is_not_shown() -> None:
    assert "token" not in repr(Alert("discord://id/token"))
    assert "token" not in repr(Alert("env:X", when="daily 09:00-18:00", otherwise="discord://id/token"))
    with pytest.raises(SpecError) as error:
        Alert("token without a scheme")
    assert "token" not in str(error.value)


SCRIPT = """
from wakeful import Actor, Child, Gateway
class Counter(Actor): ...
tree = Gateway(Child("counter", Counter))
code = tree.plan().root.children[0].code
print(code.module, code.name, code.file)
"""


def test_a_script_is_found_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "overnight.py"
    file.write_text(SCRIPT)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["overnight", "Counter", str(file)]


def test_a_module_is_found_by_its_name_and_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "agents.py").write_text(SCRIPT + "print(code.search)")
    done = subprocess.run(
        [sys.executable, "-c", "import pack.agents"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split("\n")[:2] == ["pack.agents Counter None", f"('{tmp_path}',)"]


@pytest.mark.parametrize("how", ["-c", "-"])
def test_a_class_from_a_prompt_or_a_notebook_is_refused(how: str, tmp_path: Path) -> None:
    command = [sys.executable, how, *([SCRIPT] if how == "-c" else [])]
    done = subprocess.run(command, input=SCRIPT, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert "SpecError: Child('counter'): Counter comes from a notebook or a prompt" in done.stderr
