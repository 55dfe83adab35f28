"""Sessions that cost something: memory, time, money. Imported by the node's processes as a user's module would be."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from wakeful import BlockingSession, Fatal, ResourceLost, RetryAfter, Session

MIB = 2**20
EAT = "import sys, time; held = bytearray(int(sys.argv[1])); held[::4096] = b'x' * len(held[::4096]); time.sleep(600)"


class Steady(Session[int]):
    """A step now and then."""

    async def run(self, task: str) -> None:
        step = self.resumed.state if self.resumed else 0
        while True:
            step += 1
            await self.checkpoint("step", step)
            await asyncio.sleep(0.05)


class Eater(Session[int]):
    """Its first life starts a process that takes `mib` of memory; the next ones go on without."""

    async def run(self, task: str, mib: int) -> None:
        await self.checkpoint("begun", self.incarnation)
        if self.incarnation == 1:
            eat = (sys.executable, "-c", EAT, str(mib * MIB))
            await asyncio.create_subprocess_exec(*eat, start_new_session=True)
        await asyncio.sleep(0.2)
        await self.checkpoint("waits", self.incarnation)
        await asyncio.sleep(600)


class Confined(Session[int]):
    """Its first life enters a cgroup and takes more memory than that allows."""

    async def run(self, task: str, group: str, mib: int) -> None:
        await self.checkpoint("begun", self.incarnation)
        if self.incarnation == 1:
            await asyncio.to_thread(Path(group, "cgroup.procs").write_text, "0")
            held = bytearray(mib * MIB)
            held[::4096] = b"x" * len(held[::4096])
        await asyncio.sleep(600)


class Spender(Session[list[int]]):
    """Spends one call a step, and keeps a checkpoint before; crashes in the middle of its second step, once."""

    async def run(self, task: str, calls: int = 1) -> str:
        steps = self.resumed.state if self.resumed else []
        while True:
            steps = [*steps, self.incarnation]
            await self.checkpoint("step", steps)
            await self.spend(calls=calls, tokens=10 * calls, cost=0.01)
            if len(steps) == 2:
                raise RuntimeError("the connection broke")
            await asyncio.sleep(0.01)


class BlockingSpender(BlockingSession[int]):
    def run(self, task: str) -> None:
        for step in range(100):
            self.checkpoint("step", step)
            self.spend(tokens=40)
            time.sleep(0.01)


class Closed(Session[dict[str, str]]):
    async def run(self, task: str) -> None:
        await self.checkpoint("asked", {"task": task})
        raise Fatal("the account is closed")


class Patient(Session[dict[str, str]]):
    """Is told to come back later, once."""

    async def run(self, task: str) -> dict[str, str]:
        if self.resumed is None:
            await self.checkpoint("asked", {"at": "first"})
            raise RetryAfter(1.0, "the quota is used up")
        previous = self.previous
        assert previous is not None
        return {"kind": previous.kind, "what": previous.what}


class Sleepy(Session[dict[str, object]]):
    """Hangs in its first life, in one of several ways; the next one tells what it knows of that."""

    async def run(self, task: str) -> dict[str, object]:
        if self.incarnation > 1:
            previous = self.previous
            assert previous is not None
            return {"kind": previous.kind, "what": previous.what, "in_a_row": previous.in_a_row}
        if task == "lease":
            with self.lease(0.5, "the slow page"):
                await asyncio.Event().wait()
        elif task == "block":
            with self.lease(30, "reading"):
                time.sleep(600)  # noqa: ASYNC251 - that it blocks is what is tested
        await asyncio.Event().wait()
        return {}


class Faulty(Session[None]):
    async def run(self, task: str) -> None:
        table: dict[str, str] = {}
        table[task].upper()


class Surfer(Session[dict[str, object]]):
    """Reads in a real browser until that hangs, then in the one that replaces it."""

    async def run(self, task: str, browser: str, told: str) -> dict[str, object]:
        from tests.system.limits.browser import Browser

        lost = ""
        async with self.resource(
            "browser",
            open=lambda: Browser.launch(browser, self.directory),
            probe=Browser.answers,
            close=Browser.close,
            every=0.5,
            timeout=2.0,
        ) as chromium:
            try:
                async with chromium.use() as first:
                    await asyncio.to_thread(Path(told).write_text, str(first.pid))
                    for page in range(10_000):
                        await first.title_of(f"page {page}")
                        await self.checkpoint("read", {"page": page})
            except ResourceLost as error:
                lost = str(error)
            async with chromium.use() as second:
                title = await second.title_of("again")
                return {"pid": os.getpid(), "lost": lost, "title": title, "first": first.pid, "second": second.pid}


class Slowing(Session[int]):
    """Many quick steps, then one that takes its time; then it is done."""

    async def run(self, task: str, slow: float) -> int:
        for step in range(30):
            self.progress(done=step, total=31)
            await asyncio.sleep(0.1)
        await asyncio.sleep(slow)
        self.progress(done=31, total=31)
        return 31


ECHO = """
import socketserver, subprocess, sys
subprocess.Popen(["sleep", "3600"], start_new_session=True)
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
"""


class Echoes:
    """A program that says back what it is told, with a helper of its own, as a browser has."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, start_new_session=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.line = self.connect()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=None)

    def says(self, words: str) -> str:
        """Blocks until it answers."""
        return self.told(self.line, words)

    def told(self, line: socket.socket, words: str) -> str:
        line.sendall(f"{words}\n".encode())
        if not (answer := line.recv(1000)):
            raise ConnectionError("it is gone")
        return answer.decode().strip()

    def answers(self) -> bool:
        with self.connect() as line:
            return self.told(line, "?") == "?"

    def close(self) -> None:
        self.line.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Speaker(BlockingSession[dict[str, object]]):
    """Speaks with its echoes until they hang, then with those that replace them."""

    def run(self, task: str, told: str) -> dict[str, object]:
        lost = ""
        with self.resource(
            "echoes", open=Echoes, probe=Echoes.answers, close=Echoes.close, every=0.3, timeout=1.0
        ) as echoes:
            try:
                with echoes.use() as first:
                    Path(told).write_text(str(first.process.pid))
                    for word in range(10_000_000):
                        first.says(f"word {word}")
                        if word == 0:
                            self.checkpoint("spoke", {"word": word})
            except ResourceLost as error:
                lost = str(error)
            with echoes.use() as second:
                again = second.says("again")
                return {
                    "pid": os.getpid(),
                    "lost": lost,
                    "again": again,
                    "first": first.process.pid,
                    "second": second.process.pid,
                }
