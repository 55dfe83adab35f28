"""Durable checkpoints of 1 KB, 50 sessions at once: groups against one commit per request, in the same run.

Two stores (real processes, real request lane, WAL, synchronous=FULL); one of them takes one request a transaction.
Rounds alternate between them, because figures of different moments can't be compared. The sessions are two processes
of 25 each that send raw frames and wait for each answer before the next request; `--clients real` uses StoreClient.

    python benchmarks/checkpoints.py [--json] [--rounds 5] [--seconds 2] [--clients raw|real]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import zmq

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.store.checkpoints import state_hash
from wakeful_runtime.store.client import StoreClient
from wakeful_runtime.store.protocol import Request, pack_request, unpack_reply
from wakeful_runtime.store.server import serve
from wakeful_runtime.wire import pack

SESSIONS = 50
PROCESSES = 2
BYTES = 1024
AIM_PER_S = 8000
AIM_RATIO = 2.8

Answer = dict[str, Any]
FORK = multiprocessing.get_context("fork")


def begin(path: str) -> Answer:
    about = {"path": path, "incarnation": 1, "owner": "bench", "kind": "session", "boot_id": "b"}
    return {**about, "new_run": False, "run": {}}


def checkpoint(path: str, run_id: str) -> Answer:
    state = pack(os.urandom(BYTES - 3))
    about = {"path": path, "incarnation": 1, "run_id": run_id, "name": "step", "form": "plain", "version": 1}
    return {**about, "state": state, "hash": state_hash(state)}


class RawSessions:
    """Sessions of one process on one socket each, without asyncio: the cheapest clients there can be."""

    def __init__(self, directory: NodeDirectory, paths: list[str]) -> None:
        self._context = zmq.Context()
        self._sockets: dict[zmq.Socket[bytes], str] = {}
        self._poller = zmq.Poller()
        self._requests: dict[str, Answer] = {}
        self._numbers = 0
        for path in paths:
            socket = self._context.socket(zmq.DEALER)
            socket.linger = 0
            socket.setsockopt(zmq.ROUTING_ID, path.encode())
            socket.connect(directory.mailbox("store"))
            self._sockets[socket] = path
            self._poller.register(socket, zmq.POLLIN)
            begun = self._ask(socket, "begin_life", begin(path))
            self._requests[path] = checkpoint(path, begun["run_id"])

    def _send(self, socket: zmq.Socket[bytes], op: str, arguments: Answer) -> str:
        self._numbers += 1
        number = f"{os.getpid()}-{self._numbers}"
        socket.send_multipart([b"n", pack_request(Request(number, op, arguments))])
        return number

    def _ask(self, socket: zmq.Socket[bytes], op: str, arguments: Answer) -> Answer:
        number = self._send(socket, op, arguments)
        return unpack_reply(socket.recv_multipart()[-1], number).body

    def run(self, seconds: float) -> list[float]:
        """Checkpoint as fast as answers come; how long each took."""
        asked = {
            socket: (self._send(socket, "checkpoint", self._requests[path]), time.perf_counter())
            for socket, path in self._sockets.items()
        }
        took: list[float] = []
        end = time.perf_counter() + seconds
        while asked:
            for socket, _ in self._poller.poll():
                number, sent = asked.pop(socket)
                now = time.perf_counter()
                took.append(now - sent)
                if unpack_reply(socket.recv_multipart()[-1], number).kind != "ok":
                    raise RuntimeError("a checkpoint was refused")
                if now < end:
                    asked[socket] = (self._send(socket, "checkpoint", self._requests[self._sockets[socket]]), now)
        return took

    def close(self) -> None:
        for socket in self._sockets:
            socket.close()
        self._context.term()


class RealSessions:
    """Sessions of one process that share one StoreClient, as a process with many waiting callers does."""

    def __init__(self, directory: NodeDirectory, paths: list[str]) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = StoreClient(directory, f"bench-{os.getpid()}")
        self._requests = [checkpoint(path, self._loop.run_until_complete(self._begin(path))) for path in paths]

    async def _begin(self, path: str) -> str:
        run_id: str = (await self._client.request("begin_life", **begin(path)))["run_id"]
        return run_id

    def run(self, seconds: float) -> list[float]:
        """Checkpoint as fast as answers come; how long each took."""
        took: list[float] = []
        end = time.perf_counter() + seconds

        async def session(request: Answer) -> None:
            while (sent := time.perf_counter()) < end:
                await self._client.request("checkpoint", **request)
                took.append(time.perf_counter() - sent)

        async def sessions() -> None:
            await asyncio.gather(*(session(request) for request in self._requests))

        self._loop.run_until_complete(sessions())
        return took

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()


def sessions(kind: str, directory: NodeDirectory, paths: list[str], orders: Connection) -> None:
    """One client process: runs a round for each number it is sent, and answers with the times."""
    running = RawSessions(directory, paths) if kind == "raw" else RealSessions(directory, paths)
    orders.send("ready")
    while (seconds := orders.recv()) is not None:
        orders.send(running.run(seconds))
    running.close()


class Side:
    """A store, and the processes of its sessions."""

    def __init__(self, root: Path, group: int, kind: str) -> None:
        directory = NodeDirectory(root).create()
        self._store = FORK.Process(target=store, args=(directory, group))
        self._store.start()
        self._orders: list[Connection] = []
        self._clients: list[Any] = []
        for number in range(PROCESSES):
            paths = [f"bench/s{number}-{each}" for each in range(SESSIONS // PROCESSES)]
            here, there = FORK.Pipe()
            client = FORK.Process(target=sessions, args=(kind, directory, paths, there))
            client.start()
            self._orders.append(here)
            self._clients.append(client)
        for orders in self._orders:
            orders.recv()

    def round(self, seconds: float) -> list[float]:
        for orders in self._orders:
            orders.send(seconds)
        return [each for orders in self._orders for each in orders.recv()]

    def close(self) -> None:
        for orders in self._orders:
            orders.send(None)
        for client in self._clients:
            client.join(10)
        os.kill(self._store.pid or 0, signal.SIGKILL)
        self._store.join()


def store(directory: NodeDirectory, group: int) -> None:
    sys.exit(serve(directory, lambda: False, group=group))


def measure(rounds: int, seconds: float, kind: str) -> Answer:
    """Alternate rounds of both sides; medians."""
    root = Path(tempfile.mkdtemp(prefix="wakeful-bench-", dir=os.environ.get("WAKEFUL_BENCH_DIR")))
    sides = {"groups": Side(root / "g", 1000, kind), "one_by_one": Side(root / "o", 1, kind)}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    times: dict[str, list[float]] = {name: [] for name in sides}
    try:
        for side in sides.values():
            side.round(0.3)
        for _ in range(rounds):
            for name, side in sides.items():
                began = time.perf_counter()
                took = side.round(seconds)
                rates[name].append(len(took) / (time.perf_counter() - began))
                times[name] += took
    finally:
        for side in sides.values():
            side.close()
        shutil.rmtree(root)
    median = {name: statistics.median(each) for name, each in rates.items()}
    ratios = [a / b for a, b in zip(rates["groups"], rates["one_by_one"], strict=True)]
    percentiles = {name: statistics.quantiles(each, n=100) for name, each in times.items()}
    return {
        "benchmark": "checkpoints",
        "clients": kind,
        "sessions": SESSIONS,
        "bytes": BYTES,
        "rounds": rounds,
        "per_s": round(median["groups"]),
        "per_s_rounds": [round(each) for each in rates["groups"]],
        "baseline_per_s": round(median["one_by_one"]),
        "baseline_per_s_rounds": [round(each) for each in rates["one_by_one"]],
        "ratio": round(statistics.median(ratios), 2),
        "ack_ms_p50": round(percentiles["groups"][49] * 1e3, 2),
        "ack_ms_p99": round(percentiles["groups"][98] * 1e3, 2),
        "aim_per_s": AIM_PER_S,
        "aim_ratio": AIM_RATIO,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--clients", choices=("raw", "real"), default="raw")
    options = parser.parse_args()
    found = measure(options.rounds, options.seconds, options.clients)
    if options.json:
        print(json.dumps(found))
        return
    acknowledged = f"acknowledged p50 {found['ack_ms_p50']} ms, p99 {found['ack_ms_p99']} ms"
    print(f"durable checkpoints of {BYTES} bytes, {SESSIONS} sessions ({options.clients}), {options.rounds} rounds")
    print(f"  groups           {found['per_s']:>7,}/s, {acknowledged}")
    print(f"  one commit each  {found['baseline_per_s']:>7,}/s")
    print(f"  ratio            {found['ratio']:>7} (aim: {AIM_PER_S:,}/s and {AIM_RATIO})")


if __name__ == "__main__":
    main()
