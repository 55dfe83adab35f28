"""How many typed messages of about 100 bytes one actor tells another in a second.

Each is made and validated by the sender, packed, validated by the receiver and counted in order in its handler; the
baseline sends 100 bytes a frame over a bare DEALER/ROUTER pair, in the same run.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from multiprocessing.connection import Connection

import zmq
from measure import arguments, directory, peer, ratio, rounds, show, tidy

from wakeful.errors import MailboxFull
from wakeful.message import Message
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.transport.mailbox import Handler, Mailbox


class Tick(Message):
    seq: int
    symbol: str
    venue: str
    price: float
    size: int
    live: bool


class Counter:
    def __init__(self, messages: int) -> None:
        self.seen = 0
        self.disorder = 0
        self.messages = messages
        self.done = asyncio.Event()

    async def tick(self, message: Tick) -> None:
        if message.seq != self.seen:
            self.disorder += 1
        self.seen += 1
        if self.seen == self.messages:
            self.done.set()


def typed(messages: int) -> float:
    """Messages a second."""
    with directory() as node, peer(partial(_receive, node, messages)) as receiver:
        receiver.recv()
        started = asyncio.run(_send(node, messages, receiver))
        ended, disorder = receiver.recv()
        if disorder:
            raise SystemExit(f"{disorder} messages out of order")
        receiver.send("done")
    return float(messages / (ended - started))


async def _send(node: NodeDirectory, messages: int, receiver: Connection) -> float:
    tidy()
    mailbox = Mailbox(node, "tx", 1)
    await mailbox.open()
    tell = mailbox.tell
    started = time.monotonic()
    for seq in range(messages):
        message = Tick(seq=seq, symbol="WAKEFUL", venue="loopback-ipc", price=101.25, size=300, live=True)
        try:
            tell("rx", message)
        except MailboxFull:
            await mailbox.drain("rx")
            tell("rx", message)
    counted = asyncio.Event()
    asyncio.get_running_loop().add_reader(receiver.fileno(), counted.set)
    await counted.wait()
    asyncio.get_running_loop().remove_reader(receiver.fileno())
    mailbox.close()
    return started


def _receive(node: NodeDirectory, messages: int, sender: Connection) -> None:
    async def live() -> None:
        counter = Counter(messages)
        mailbox = Mailbox(node, "rx", 1)
        await mailbox.open()
        mailbox.serve({"Tick": Handler(Tick, counter.tick, None, is_async=True)})
        pump = asyncio.create_task(mailbox.pump())
        sender.send("ready")
        await counter.done.wait()
        sender.send((time.monotonic(), counter.disorder))
        sender.recv()
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        mailbox.close()

    asyncio.run(live())


def bare(messages: int) -> float:
    """Frames of 100 bytes a second, nothing done with them."""
    with directory() as node:
        endpoint = node.mailbox("bare")
        with peer(partial(_bare_receive, endpoint, messages)) as receiver:
            receiver.recv()
            context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
            socket = context.socket(zmq.DEALER)
            socket.sndhwm = 100_000
            socket.connect(endpoint)
            frame = b"x" * 100
            started = time.monotonic()
            for _ in range(messages):
                socket.send(frame)
            ended = receiver.recv()
            socket.close(0)
            context.term()
    return float(messages / (ended - started))


def _bare_receive(endpoint: str, messages: int, sender: Connection) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.rcvhwm = 100_000
    socket.bind(endpoint)
    sender.send("ready")
    for _ in range(messages):
        socket.recv_multipart()
    sender.send(time.monotonic())
    socket.close(0)
    context.term()


def main() -> None:
    options = arguments("one-way tell of a typed message between two processes", rounds=5, messages=300_000)
    found = rounds(
        options.rounds,
        typed=lambda: typed(options.messages),
        bare=lambda: bare(options.messages),
    )
    show("tell", "messages/s", found, {"typed / bare DEALER-ROUTER": ratio(found, "typed", "bare")}, options.json)


if __name__ == "__main__":
    main()
