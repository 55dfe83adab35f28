"""Disk full, database locked, garbage on the socket, a store that can't be used: wait or say so, never lose or loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from tests.system.smalldisk import small_disk_of
from tests.system.store.conftest import Asking, Store

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.store.server import START_FAILED, Server, serve
from wakeful_runtime.wire import pack

KB = b"x" * 1024


async def fill(asking: Asking, run_id: str) -> tuple[asyncio.Task[int], int]:
    """Write until the store makes its clients wait; the waiting request, and how many were acknowledged."""
    for done in range(2000):
        task = asyncio.create_task(asking.checkpoint("t/x", run_id, [done, os.urandom(40_000)]))
        await asyncio.wait({task}, timeout=1.0)
        if not task.done():
            return task, done
        assert task.result() == done + 1
    raise AssertionError("the disk never was full")


async def full(asking: Asking) -> str:
    trouble: str = (await asking.request("status", timeout=10))["trouble"]
    return trouble


async def test_a_file_at_its_limit_makes_sessions_wait_and_loses_nothing(store: Store, asking: Asking) -> None:
    run_id = (await asking.begin("t/x"))["run_id"]
    resource.prlimit(store.pid, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    waiting, done = await fill(asking, run_id)
    assert await full(asking) is not None
    assert (await asking.request("checkpoints", path="t/x", timeout=10))["rows"][0]["seq"] == done
    resource.prlimit(store.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await asyncio.wait_for(waiting, 30) == done + 1
    assert await full(asking) is None


@pytest.fixture
def small_disk() -> Iterator[NodeDirectory]:
    """A node directory on a file system of 3 MB."""
    with small_disk_of(3) as root:
        yield NodeDirectory(root / "n").create()


async def test_a_full_disk_makes_sessions_wait_and_loses_nothing(small_disk: NodeDirectory) -> None:
    store = Store(small_disk)
    store.start()
    asking = Asking(small_disk, "tester#1")
    try:
        run_id = (await asking.begin("t/x"))["run_id"]
        ballast = small_disk.root / "ballast"
        ballast.write_bytes(b"x" * 1_500_000)
        waiting, done = await fill(asking, run_id)
        assert "full" in await full(asking)
        ballast.unlink()
        assert await asyncio.wait_for(waiting, 30) == done + 1
        assert (await asking.request("checkpoints", path="t/x"))["rows"][0]["seq"] == done + 1
    finally:
        await asking.close()
        store.kill()


async def test_a_large_request_on_a_full_disk_does_not_hold_up_small_ones(store: Store, asking: Asking) -> None:
    run_id = (await asking.begin("t/x"))["run_id"]
    resource.prlimit(store.pid, resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
    large = asyncio.create_task(asking.checkpoint("t/x", run_id, os.urandom(4_000_000)))
    for number in range(20):
        await asking.request("meta_put", timeout=20, key="k", value=number)
    assert not large.done()
    resource.prlimit(store.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await asyncio.wait_for(large, 30) == 1


async def test_a_locked_database_makes_clients_wait_until_it_is_free(store: Store, asking: Asking) -> None:
    run_id = (await asking.begin("t/x"))["run_id"]
    other = sqlite3.connect(store.directory.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(asking.checkpoint("t/x", run_id, 1))
    async with asyncio.timeout(15):
        while "locked" not in str(await full(asking)):
            pass
    assert not waiting.done()
    assert (await asking.request("run", path="t/x", timeout=10))["run_id"] == run_id
    other.execute("COMMIT")
    other.close()
    assert await asyncio.wait_for(waiting, 30) == 1


async def test_garbage_on_its_socket_is_counted_and_dropped(store: Store, asking: Asking) -> None:
    await asking.request("status")
    context = zmq.Context()
    with context.socket(zmq.DEALER) as socket:
        socket.linger = 5000
        socket.connect(store.directory.mailbox("store"))
        frames = [b"", b"\xc1", os.urandom(1000), pack([1, "id", "op"]), pack({"a": 1}), b"\x91" * 5000]
        for frame in frames:
            socket.send_multipart([b"number", frame])
        socket.send_multipart([b"a", b"b", b"c", b"d"])
        socket.send_multipart([pack([9, "id", "status", {}])])
    context.term()
    async with asyncio.timeout(15):
        while (await asking.request("status"))["dropped"] < len(frames) + 2:
            pass
    assert (await asking.begin("t/x"))["lives"] == 1


def test_a_store_of_a_newer_version_is_refused_with_one_line(node_directory: NodeDirectory) -> None:
    newer = sqlite3.connect(node_directory.store)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    store = Store(node_directory)
    store.start()
    status, said = store.wait()
    assert (status, said.count("\n")) == (START_FAILED, 1)
    assert "schema 99" in said
    assert "newer version" in said


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


async def test_a_backup_made_while_the_store_works_is_a_whole_store(
    store: Store, asking: Asking, tmp_path: Path
) -> None:
    run_id = (await asking.begin("t/x"))["run_id"]
    over = asyncio.Event()

    async def work() -> int:
        done = 0
        while not over.is_set():
            done = await asking.checkpoint("t/x", run_id, KB)
        return done

    working = asyncio.create_task(work())
    file = tmp_path / "copy.sqlite3"
    for _ in range(3):
        told = await asking.request("backup", file=str(file), timeout=30)
        assert told["bytes"] > 20_000
    over.set()
    assert await working > 0
    assert names(tmp_path) == [file.name]
    store.kill()
    store.restore(file)
    store.start()
    assert (await asking.begin("t/x", 2))["run_id"] == run_id


@pytest.mark.parametrize("file", ["relative.sqlite3", "/", "/nowhere/at/all.sqlite3", 5])
async def test_a_backup_that_cannot_be_written_says_why(store: Store, asking: Asking, file: object) -> None:
    with pytest.raises(Exception, match="backup"):
        await asking.request("backup", file=file, timeout=20)
    with pytest.raises(Exception, match="own file"):
        await asking.request("backup", file=str(store.directory.store), timeout=20)


def test_a_call_posted_from_another_thread_is_run_by_an_idle_loop(node_directory: NodeDirectory) -> None:
    stop, up, ran = threading.Event(), threading.Event(), threading.Event()
    servers: list[Server] = []

    def on_loop(server: Server) -> None:
        servers.append(server)
        up.set()

    thread = threading.Thread(target=serve, args=(node_directory, stop.is_set, on_loop))
    thread.start()
    try:
        assert up.wait(15)
        for _ in range(20):
            ran.clear()
            servers[0].post(ran.set)
            assert ran.wait(5)
    finally:
        stop.set()
        with contextlib.suppress(IndexError):
            servers[0].post(lambda: None)
        thread.join(15)
    assert not thread.is_alive()
