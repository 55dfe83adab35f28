"""The store is killed, stopped and started again; whoever asks it only waits."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from functools import partial

from tests.system.conftest import Eventually
from tests.system.store.conftest import Asking, Store

from wakeful_runtime.store import reader
from wakeful_runtime.wire import unpack

KILLS = 4
SESSIONS = 6


async def test_p10_nothing_acknowledged_is_lost_and_nothing_is_done_twice_when_the_store_is_killed_in_mid_stream(
    store: Store, asking: Asking, eventually: Eventually
) -> None:
    over = asyncio.Event()
    acknowledged: dict[str, int] = {}

    async def session(path: str) -> None:
        run_id = (await asking.begin(path))["run_id"]
        about = {"path": path, "incarnation": 1, "run_id": run_id}
        done = 0
        while not over.is_set():
            done += 1
            assert await asking.checkpoint(path, run_id, done) == done
            assert (await asking.request("spend", tokens=1, **about))["tokens"] == done
            begun = await asking.request("effect_begin", key=f"k{done}", **about)
            assert begun["status"] == "new"
            await asking.request("effect_end", key=f"k{done}", status="done", form="plain", result=done, **about)
            acknowledged[path] = done

    def beyond(mark: int) -> bool:
        return sum(acknowledged.values()) >= mark or any(task.done() for task in sessions)

    sessions = [asyncio.create_task(session(f"t/{number}")) for number in range(SESSIONS)]
    dice = random.Random(7)
    for _ in range(KILLS):
        mark = sum(acknowledged.values()) + dice.randrange(5, 40)
        await eventually(partial(beyond, mark))
        store.kill()
        store.start()
    over.set()
    await asyncio.gather(*sessions)
    for path, done in acknowledged.items():
        begun = await asking.begin(path, 2)
        assert (begun["resumed"]["seq"], unpack(begun["resumed"]["state"])) == (done, done)
        effects = (await asking.request("effects", path=path))["rows"]
        assert sorted(row["result"] for row in effects if row["status"] == "done") == list(range(1, done + 1))
    events = (await asking.request("events", event="checkpoint", limit=10_000))["rows"]
    assert len(events) == sum(acknowledged.values())


async def test_journal_entries_written_while_the_store_is_away_are_stored_once(store: Store, asking: Asking) -> None:
    await asking.request("status")
    store.kill()
    about = {"at": 1.0, "mono": 1.0, "boot_id": "b", "event": "e", "path": "p"}
    asking.journal({"id": str(number), **about} for number in range(300))
    assert not await asking.flush_journal(0.05)
    store.start()
    assert await asking.flush_journal(30)
    assert len((await asking.request("events"))["rows"]) == 300


async def test_a_stopped_store_only_makes_its_clients_wait(
    store: Store, asking: Asking, eventually: Eventually
) -> None:
    run_id = (await asking.begin("t/x"))["run_id"]
    os.kill(store.pid, signal.SIGSTOP)
    waiting = asyncio.create_task(asking.checkpoint("t/x", run_id, 1))
    await eventually(lambda: asking.away_for() > 0.1)
    assert not waiting.done()
    store.kill()
    store.start()
    assert await waiting == 1


async def test_an_orderly_stop_answers_what_was_asked_and_leaves_one_whole_file(store: Store, asking: Asking) -> None:
    run_id = (await asking.begin("t/x"))["run_id"]
    await asking.checkpoint("t/x", run_id, "kept")
    assert store.stop() == (0, "")
    assert store.files() == ["store.sqlite3"]
    with reader(store.directory.store) as history:
        assert [row["event"] for row in history.events()] == ["checkpoint"]


async def test_a_corrupt_checkpoint_is_passed_over_and_told_and_no_crash_loop(store: Store, asking: Asking) -> None:
    run_id = (await asking.begin("t/x"))["run_id"]
    for value in (1, 2, 3):
        await asking.checkpoint("t/x", run_id, value)
    store.kill()
    spoiling = sqlite3.connect(store.directory.store)
    with spoiling:
        spoiling.execute("UPDATE checkpoints SET state = x'00ff' WHERE seq = 3")
    spoiling.close()
    store.start()
    begun = await asking.begin("t/x", 2)
    assert (begun["resumed"]["seq"], begun["skipped"]) == (2, [3])
    assert await asking.checkpoint("t/x", run_id, 4, 2) == 4
    assert (await asking.request("status"))["trouble"] is None
