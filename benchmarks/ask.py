"""How long one actor waits for another's typed answer: round trip, p50, all processes on one core.

Request and reply carry 64 bytes, are validated on both sides and handled by a coroutine; the baseline sends 64 bytes to
and fro over a bare, blocking DEALER/ROUTER pair. Blocks of both alternate in one run.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from functools import partial
from multiprocessing.connection import Connection

import zmq
from measure import arguments, directory, peer, pin, ratio, show, tidy
from pydantic import TypeAdapter

from wakeful.message import Message, Request
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.mailbox import Handler, Mailbox


class Pong(Message):
    seq: int
    text: str


class Ping(Request[Pong]):
    seq: int
    text: str


TEXT = "x" * 44
"""Makes a body of 64 bytes."""

BLOCK = 500


async def _ping(message: Ping) -> Pong:
    return Pong(seq=message.seq, text=message.text)


def _serve(node: NodeDirectory, client: Connection) -> None:
    async def live() -> None:
        mailbox = Mailbox(node, "server", 1)
        await mailbox.open()
        mailbox.serve({"Ping": Handler(Ping, _ping, TypeAdapter(Pong), is_async=True)})
        pump = asyncio.create_task(mailbox.pump())
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(client.fileno(), ended.set)
        client.send("ready")
        await ended.wait()
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        mailbox.close()

    asyncio.run(live())


def _serve_bare(endpoint: str, client: Connection) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(endpoint)
    client.send("ready")
    while True:
        who, data = socket.recv_multipart()
        socket.send_multipart([who, data])
        if data == b"end":
            break
    socket.close(100)
    context.term()


async def _typed_block(mailbox: Mailbox) -> float:
    times: list[float] = []
    for seq in range(BLOCK):
        started = time.perf_counter()
        reply = await mailbox.ask("server", Ping(seq=seq, text=TEXT), 5.0)
        times.append(time.perf_counter() - started)
        assert reply.seq == seq
    return statistics.median(times) * 1e6


def _bare_block(socket: zmq.Socket[bytes]) -> float:
    times: list[float] = []
    frame = b"x" * 64
    for _ in range(BLOCK):
        started = time.perf_counter()
        socket.send(frame)
        socket.recv()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


async def _blocks(node: NodeDirectory, endpoint: str, count: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"typed": [], "bare": []}
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(endpoint)
    mailbox = Mailbox(node, "client", 1, bind=False)
    await mailbox.open()
    tidy()
    _bare_block(socket)
    await _typed_block(mailbox)
    for _ in range(count):
        found["bare"].append(_bare_block(socket))
        found["typed"].append(await _typed_block(mailbox))
    socket.send(b"end")
    socket.close(100)
    context.term()
    mailbox.close()
    return found


def main() -> None:
    options = arguments("typed ask round trip between two processes on one core", rounds=15)
    pin(0)
    with directory() as node, peer(partial(_serve, node)) as server:
        server.recv()
        endpoint = node.mailbox("bare")
        with peer(partial(_serve_bare, endpoint)) as bare:
            bare.recv()
            found = asyncio.run(_blocks(node, endpoint, options.rounds))
    show("ask", "µs, p50", found, {"typed / bare sync DEALER-ROUTER": ratio(found, "typed", "bare")}, options.json)


if __name__ == "__main__":
    main()
