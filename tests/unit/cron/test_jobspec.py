"""The JSON of jobs: what is taken as it is, what is ignored, what is refused and with which words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cron.world import World

from wakeful.errors import NodeError
from wakeful.plan import ChildPlan
from wakeful_runtime.gateway.spawnrequest import Agents
from wakeful_runtime.scheduler.jobspec import Defaults, moment, read_job, slug
from wakeful_runtime.scheduler.zone import machine_zone

NIGHTLY: dict[str, Any] = {
    "name": "Nightly keywords",
    "schedule": {"kind": "cron", "expr": "0 3 * * *", "tz": "America/New_York"},
    "sessionTarget": "isolated",
    "payload": {"kind": "agentTurn", "message": "research", "timeoutSeconds": 900},
}


def defaults(*names: str) -> Defaults:
    return Defaults(
        Agents({name: (ChildPlan(name=name, kind="session"), "sessions") for name in names}), "Europe/Berlin"
    )


def test_a_job_of_openclaw_is_taken_and_what_means_nothing_is_told() -> None:
    job = {
        **NIGHTLY,
        "wakeMode": "now",
        "deleteAfterRun": False,
        "delivery": {"mode": "announce", "channel": "slack"},
        "schedule": {**NIGHTLY["schedule"], "staggerMs": 0},
        "payload": {**NIGHTLY["payload"], "model": "large", "thinking": "high"},
    }
    given = read_job(job, defaults("main", "other"))
    assert given.ignored == [
        "wakeMode",
        "deleteAfterRun",
        "delivery",
        "schedule.staggerMs",
        "payload.model",
        "payload.thinking",
    ]
    assert given.spec == {**NIGHTLY, "agentId": "main", "misfire": "skip", "grace": 600.0, "overlap": "skip"}


@pytest.mark.parametrize(
    ("agents", "asked", "meant"), [(("main", "b"), None, "main"), (("only",), None, "only"), (("a", "b"), "b", "b")]
)
def test_without_an_agent_it_is_main_else_the_only_one(agents: tuple[str, ...], asked: str | None, meant: str) -> None:
    assert read_job({**NIGHTLY, "agentId": asked}, defaults(*agents)).spec["agentId"] == meant


def changed(**changes: Any) -> dict[str, Any]:
    return {**NIGHTLY, **changes}


WRONG = [
    (changed(shedule={}), "no key 'shedule'; did you mean 'schedule'?"),
    (changed(schedule={"kind": "cron", "exp": "* * * * *"}), "no key 'exp'; did you mean 'expr'?"),
    (changed(payload={"kind": "agentTurn", "mesage": "x"}), "no key 'mesage'; did you mean 'message'?"),
    (changed(payload={"kind": "systemEvent", "message": "x"}), "write 'agentTurn'"),
    (changed(sessionTarget="main"), "write 'isolated'"),
    (changed(agentId="nobody"), "no agent 'nobody'; agents are a, b"),
    (changed(agentId=None), "say which agentId; agents are a, b"),
    (changed(agentId="a", schedule={"kind": "cron", "expr": "0 25 * * *"}), "no cron expression (Bad hour)"),
    (changed(agentId="a", schedule={"kind": "cron", "expr": "@reboot"}), "@daily"),
    (changed(agentId="a", schedule={"kind": "every"}), "needs 'everyMs'"),
    (changed(agentId="a", schedule={"kind": "every", "everyMs": 5}), "milliseconds, 100 or more"),
    (changed(agentId="a", schedule={"kind": "at", "at": "tomorrow"}), "is no time"),
    (changed(agentId="a", schedule={"kind": "at", "at": "2030-01-01", "everyMs": 1000}), "remove one"),
    (changed(agentId="a", schedule={"kind": "cron", "expr": "* * * * *", "tz": "Europe/Berln"}), "'Europe/Berlin'"),
    (changed(agentId="a", misfire="skipp"), "did you mean 'skip'?"),
    (changed(agentId="a", overlap="parallel"), "'skip', 'queue', 'replace'"),
    (changed(agentId="a", grace=-1), "write seconds"),
    (changed(agentId="a", enabled="yes"), "true or false"),
    (changed(agentId="a", name=""), "1 to 64"),
    ("0 3 * * *", "cron: job is required"),
    (changed(payload=None), "cron: payload is required"),
]


@pytest.mark.parametrize(("job", "why"), WRONG)
def test_what_can_not_be_is_refused_with_what_to_write(job: object, why: str) -> None:
    with pytest.raises(NodeError) as refused:
        read_job(job, defaults("a", "b"))
    assert why in str(refused.value) and "\n" not in str(refused.value)


def test_a_time_without_an_offset_is_read_in_the_zone() -> None:
    assert moment("2026-12-01T09:00", "America/New_York") == moment("2026-12-01T14:00:00Z", "UTC")
    assert moment("2026-12-01T09:00+01:00", "America/New_York") == moment("2026-12-01T08:00", "UTC")


def test_names_become_parts_of_paths() -> None:
    assert slug("Weekly report: Täglich!") == "weekly-report-t-glich"
    assert slug("每日") == "job"


def test_the_machine_names_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert machine_zone() == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    assert machine_zone() != "CET-1CEST,M3.5.0,M10.5.0/3"


async def test_adding_the_same_job_again_is_the_same_job_and_another_one_of_its_name_is_refused(world: World) -> None:
    first = await world.add()
    assert (await world.add())["id"] == first["id"]
    with pytest.raises(NodeError, match="there is a job 'tick' already"):
        await world.add(grace=5)


async def test_keys_of_a_job_beside_the_action_are_taken_as_the_job(world: World) -> None:
    job = await world.verbs.cron({"action": "add", **NIGHTLY, "gatewayUrl": "ws://x"})
    assert isinstance(job, dict)
    assert (job["name"], job["tz"], job["ignored"]) == ("Nightly keywords", "America/New_York", ["gatewayUrl"])
    assert job["next_local"][0].endswith(("T03:00:00-04:00", "T03:00:00-05:00"))
    assert len(job["next"]) == 3 and job["next"][0].endswith("Z")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"action": "drop"}, "write add, list"),
        ({}, "write add, list"),
        ({"action": "run"}, "say which job"),
        ({"action": "run", "jobId": "none"}, "there is no job 'none'; there is tick"),
        ({"action": "runs", "limit": 0}, "limit=0"),
        ({"action": "list", "jobid": "x"}, "did you mean 'jobId'?"),
        ({"action": "update", "name": "tick", "patch": {"grase": 1}}, "did you mean 'grace'?"),
        ({"action": "add", "job": {**NIGHTLY, "schedule": {"kind": "at", "at": "2020-01-01"}}}, "has passed"),
    ],
)
async def test_a_wrong_call_is_one_clear_line(world: World, args: dict[str, Any], why: str) -> None:
    await world.add()
    with pytest.raises(NodeError) as refused:
        await world.verbs.cron(args)
    assert why in str(refused.value) and "\n" not in str(refused.value)


async def test_a_patch_changes_what_it_names(world: World) -> None:
    await world.cron("add", job={**NIGHTLY, "agentId": "main"})
    patch = {"payload": {"message": "other"}, "schedule": {"tz": "UTC"}, "grace": 60, "wakeMode": "now"}
    job = await world.cron("update", name="Nightly keywords", patch=patch)
    assert (job["payload"]["message"], job["payload"]["timeoutSeconds"]) == ("other", 900)
    assert (job["schedule"]["expr"], job["tz"], job["grace"]) == ("0 3 * * *", "UTC", 60)
    switched = await world.cron(
        "update", name="Nightly keywords", patch={"schedule": {"kind": "every", "everyMs": 500}}
    )
    assert switched["schedule"] == {"kind": "every", "everyMs": 500}
