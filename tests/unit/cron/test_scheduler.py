"""The scheduler on a clock that the test holds: once, in time, and told."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.unit.cron.world import START, World

from wakeful.plan import JobPlan
from wakeful_runtime.scheduler.starter import TRIED_S


def outcomes(rows: list[dict[str, Any]]) -> list[str | None]:
    return [row["outcome"] for row in reversed(rows)]


async def test_a_job_starts_at_each_of_its_times_once(world: World) -> None:
    await world.add()
    await world.pass_time(600.5)
    rows = await world.cron("runs", name="tick")
    assert outcomes(rows) == ["ok"] * 10
    assert all(count == 1 for count in world.spawned.values()) and len(world.spawned) == 10
    assert {row["late_by_s"] for row in rows} == {0.0} and all(row["on_time"] for row in rows)
    assert len(world.events("fired")) == 10


async def test_the_session_is_asked_for_ahead_and_begins_at_its_time(world: World) -> None:
    await world.add()
    await world.pass_time(59.5, step=0.5, outcome=None)
    assert [args["notBefore"] for args in world.asked] == [START + 60.0]
    assert (world.asked[0]["task"], "runTimeoutSeconds" in world.asked[0]) == ("go", False)


@pytest.mark.parametrize("seconds", [0, 90])
async def test_the_jobs_own_time_limit_stands_in_place_of_the_agents(world: World, seconds: int) -> None:
    await world.add(payload={"kind": "agentTurn", "message": "go", "timeoutSeconds": seconds})
    await world.pass_time(61.0)
    assert world.asked[0]["runTimeoutSeconds"] == seconds


@pytest.mark.parametrize("after", [False, True])
async def test_a_scheduler_killed_at_any_call_fires_exactly_once(after: bool) -> None:
    for crash_at in range(1, 40):
        world = World()
        await world.begin()
        await world.add()
        world.crash_at, world.after = world.calls + crash_at, after
        world.now += 56.0
        await world.lives_on(8.0)
        world.now += 52.0
        await world.lives_on(8.0)
        world.crash_at = None
        rows = await world.cron("runs", name="tick")
        assert sorted(world.spawned.values()) == [1, 1], crash_at
        assert outcomes(rows) == ["ok"] * 2, crash_at
        assert len(world.events("missed")) == 0
        world.close()


async def test_killed_again_and_again_it_still_fires_each_time_once() -> None:
    dice = random.Random(7)
    for _ in range(10):
        world = World()
        await world.begin()
        await world.add(misfire="run_all")
        for _ in range(12):
            world.crash_at, world.after = world.calls + dice.randint(1, 12), dice.random() < 0.5
            world.now += 50.0
            await world.lives_on(10.0)
        world.crash_at = None
        await world.lives_on(30.0)
        rows = await world.cron("runs", name="tick", limit=100)
        assert [row["id"] for row in rows if row["outcome"] == "ok"] == sorted(world.spawned, reverse=True)
        assert len(world.spawned) == 12 and set(world.spawned.values()) == {1}
        world.close()


async def test_a_gateway_that_is_away_is_asked_again_under_the_same_id(world: World) -> None:
    await world.add()
    world.away = True
    await world.pass_time(60.5, outcome=None)
    world.away = False
    await world.starter.settle()
    assert len(world.spawned) == 1
    assert (await world.cron("runs"))[0]["state"] == "running"


async def test_a_session_that_is_refused_until_its_grace_is_over_is_missed_and_told(world: World) -> None:
    await world.add(grace=0)
    world.refuse = "8 of at most 8 sessions run"
    await world.pass_time(60.5, outcome=None)
    world.now += TRIED_S + 1
    await world.starter.settle()
    row = (await world.cron("runs"))[-1]
    assert row["outcome"] == "missed" and "8 of at most 8" in row["why"]
    assert "8 of at most 8" in world.events("missed")[0]["why"]


async def test_what_passed_while_nobody_was_there_is_told(world: World) -> None:
    await world.add(grace=90)
    world.now += 600.0
    await world.turn()
    rows = await world.cron("runs", limit=50)
    assert outcomes(rows) == ["missed"] * 9 + ["ok"]
    assert len(world.events("missed")) == 9
    assert rows[0]["on_time"] and not rows[1]["on_time"]


async def test_skip_leaves_out_a_time_at_which_the_run_before_goes_on(world: World) -> None:
    await world.add()
    await world.pass_time(130.0, outcome=None)
    assert outcomes(await world.cron("runs")) == [None, "skipped"]
    assert "still goes on" in world.events("skipped")[0]["why"]
    assert len(world.spawned) == 1


async def test_a_run_that_ended_since_the_last_look_is_not_in_the_way(world: World) -> None:
    await world.add()
    await world.pass_time(119.0, outcome=None)
    world.now += 1.0
    (running,) = world.running()
    world.end(running)
    await world.scheduler.turn()
    await world.turn()
    assert outcomes(await world.cron("runs", name="tick")) == ["ok", "ok"]
    assert world.events("skipped") == []


async def test_queue_starts_it_when_the_run_before_is_over(world: World) -> None:
    await world.add(overlap="queue")
    await world.pass_time(190.0, outcome=None)
    rows = await world.cron("runs")
    assert [row["state"] for row in rows] == ["queued", "queued", "running"]
    world.end(rows[-1]["id"])
    await world.turn(outcome=None)
    assert [row["state"] for row in await world.cron("runs")] == ["queued", "running", "over"]


async def test_replace_stops_the_run_before_and_counts_it_for_nothing(world: World) -> None:
    await world.add(overlap="replace")
    await world.pass_time(125.0, outcome=None)
    rows = await world.cron("runs")
    assert [(row["state"], row["outcome"]) for row in rows] == [("running", None), ("over", "killed")]
    assert world.stopped == [f"sessions/{rows[1]['id']}"]
    assert (await world.cron("list"))[0]["failures"] == 0


async def test_ten_failures_in_a_row_switch_the_job_off_and_alert(world: World) -> None:
    await world.add()
    await world.pass_time(6 * 3600.0, step=10.0, outcome="error")
    job = (await world.cron("list"))[0]
    assert not job["enabled"] and job["next"] == [] and "10 runs failed in a row" in job["why"]
    alerts = world.events("alert")
    assert len(alerts) == 1 and alerts[0]["verdict"] == "job_disabled"
    assert len(world.spawned) == 10
    rows = await world.cron("runs", limit=1000)
    assert any(row["why"] == "backing off after 3 failures in a row" for row in rows if row["outcome"] == "skipped")
    await world.cron("update", name="tick", patch={"enabled": True})
    assert (await world.cron("list"))[0]["failures"] == 0
    await world.pass_time(61.0)
    assert len(world.spawned) == 11


async def test_a_clock_set_back_a_little_repeats_nothing(world: World) -> None:
    await world.add(schedule={"kind": "cron", "expr": "* * * * *"})
    await world.pass_time(300.0)
    before = dict(world.spawned)
    world.now -= 240.0
    await world.pass_time(230.0)
    assert world.spawned == before
    await world.pass_time(120.0)
    assert len(world.spawned) > len(before) and set(world.spawned.values()) == {1}


async def test_a_clock_that_was_years_ahead_holds_nothing_up(world: World) -> None:
    world.now += 3 * 365 * 86400.0
    await world.add(schedule={"kind": "cron", "expr": "* * * * *"})
    await world.pass_time(120.0)
    count = len(world.spawned)
    world.now = START
    await world.pass_time(180.0)
    assert len(world.spawned) >= count + 2


async def test_what_was_prepared_for_a_time_that_is_years_away_now_is_dropped(world: World) -> None:
    world.now += 3 * 365 * 86400.0
    await world.add(schedule={"kind": "cron", "expr": "* * * * *"})
    await world.pass_time(60.0, step=0.5, outcome=None)
    assert len(world.running()) >= 1
    world.now = START
    await world.turn(outcome=None)
    assert {row["outcome"] for row in await world.cron("runs")} == {"skipped"}
    await world.pass_time(65.0)
    assert (await world.cron("runs"))[-1]["outcome"] == "ok"


async def test_an_interval_goes_on_within_one_of_it_after_a_clock_was_set_back(world: World) -> None:
    await world.add(schedule={"kind": "every", "everyMs": 900_000})
    await world.pass_time(1900.0, step=5.0)
    count = len(world.spawned)
    world.now -= 7200.0
    await world.pass_time(960.0, step=5.0)
    assert len(world.spawned) == count + 1


async def test_a_single_time_comes_once_and_switches_the_job_off(world: World) -> None:
    await world.add(schedule={"kind": "at", "at": "2025-10-09T09:00:00Z"})
    await world.pass_time(4 * 3600.0, step=30.0)
    job = (await world.cron("list"))[0]
    assert (job["enabled"], job["why"], len(world.spawned)) == (False, "its only time has come", 1)


async def test_jobs_of_the_tree_are_there_and_follow_it() -> None:
    world = World([JobPlan(name="nightly", agent="main", expr="0 3 * * *", tz="Europe/Berlin", task="x")])
    await world.begin()
    job = (await world.cron("list"))[0]
    assert (job["declared"], job["tz"], job["payload"]["message"]) == (True, "Europe/Berlin", "x")
    await world.add()
    await world.begin()
    assert [job["name"] for job in await world.cron("list")] == ["nightly", "tick"]
    world.plans = [JobPlan(name="nightly", agent="main", expr="0 4 * * *", tz="Europe/Berlin")]
    await world.begin()
    assert (await world.cron("list"))[0]["schedule"]["expr"] == "0 4 * * *"
    world.plans = []
    await world.begin()
    assert [job["name"] for job in await world.cron("list")] == ["tick"]
    world.close()


async def test_a_changed_job_ends_what_was_prepared_for_its_old_times(world: World) -> None:
    await world.add()
    await world.pass_time(59.5, step=0.5, outcome=None)
    assert len(world.spawned) == 1
    await world.cron("update", name="tick", patch={"schedule": {"everyMs": 30_000}})
    await world.starter.settle()
    assert len(world.stopped) == 1
    assert outcomes(await world.cron("runs")) == ["skipped"]
    await world.pass_time(31.0)
    assert len(world.spawned) == 2


async def test_a_removed_job_starts_nothing_more_and_its_runs_stay(world: World) -> None:
    job = await world.add()
    await world.pass_time(61.0)
    await world.cron("remove", name="tick")
    await world.pass_time(120.0)
    assert len(world.spawned) == 1
    assert len(await world.cron("runs", jobId=job["id"])) == 1
    assert await world.cron("list") == []


async def test_a_run_by_hand_is_a_run_of_its_own(world: World) -> None:
    await world.add()
    told = await world.cron("run", name="tick")
    assert told["status"] == "accepted" and told["runId"] in world.spawned
    world.now += 1.0
    again = await world.cron("run", name="tick")
    assert (again["status"], again["why"]) == ("skipped", "the run before it still goes on (overlap=skip)")
    world.end(told["runId"])
    await world.pass_time(61.0)
    rows = await world.cron("runs")
    assert [row["manual"] for row in rows if row["outcome"] == "ok"] == [False, True]


async def test_an_accepted_session_that_somebody_stopped_before_it_began_is_over(world: World) -> None:
    await world.add()
    await world.pass_time(60.5, outcome=None)
    run_id = next(iter(world.spawned))
    world.books.db.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
    del world.spawned[run_id]
    await world.pass_time(15.0, outcome=None)
    row = (await world.cron("runs"))[-1]
    assert (row["outcome"], row["why"]) == ("killed", "it was stopped before it began")


async def test_however_many_runs_wait_they_are_looked_for_with_one_question(world: World) -> None:
    for number in range(20):
        await world.add(name=f"tick-{number}")
    await world.pass_time(60.5, outcome=None)
    world.books.db.execute("DELETE FROM runs")
    gone = next(iter(world.spawned))
    del world.spawned[gone]
    world.listed = 0
    await world.pass_time(12.0, outcome=None)
    rows = await world.cron("runs")
    assert [row["id"] for row in rows if row["outcome"] == "killed"] == [gone]
    assert world.listed == 1
