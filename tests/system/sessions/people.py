"""Sessions that are started on demand; imported by the node's processes as a user's module would be."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from wakeful import Actor, BlockingSession, Message, Session, SpawnRefused, handler


class Patient(Session[dict[str, str]]):
    """Waits to be told to end; makes one checkpoint first."""

    async def run(self, task: str) -> str:
        await self.checkpoint("began", {"task": task})
        await asyncio.Event().wait()
        return task


class Quick(Session[None]):
    async def run(self, task: str, pause: float = 0.0) -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"task": task, "run_id": self.run_id}


def note(file: Path, line: str) -> None:
    with file.open("a") as out:
        out.write(line)


class Ping(Message):
    n: int


class Reader(Session[list[str]]):
    """Writes down each text and what it answers; some texts are orders. Remembers at "mark" only."""

    accepts = (Ping,)

    async def run(self, task: str, track: str = "") -> list[str]:
        seen: list[str] = []
        async for mail in self.inbox:
            text = mail.text or repr(mail.message)
            seen.append(text)
            if track:
                note(Path(track), f"{self.incarnation} {text} {mail.sender}\n")
            match text:
                case "die":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "die once" if self.incarnation == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                case "wait":
                    await asyncio.Event().wait()
                case "mark":
                    await self.checkpoint("mark", seen)
                case "end":
                    break
                case _:
                    await mail.reply(f"{text} heard by {self.incarnation}")
        return seen


class BlockingReader(BlockingSession[None]):
    def run(self, task: str) -> str:
        for mail in self.inbox:
            if mail.text == "end":
                break
            mail.reply(f"{mail.text} heard")
        return "ended"


class Teller(Actor):
    """Tells a session what it is told to."""

    @handler
    async def tell(self, message: Ping) -> None:
        reader = self.actor("sessions/reader")
        if message.n > 0:
            await reader.tell(message, durable=True)
        else:
            reader.tell(message)


class Marker(Session[None]):
    """Sends a mark to itself, as an agent with the tools of OpenClaw would; then waits."""

    async def run(self, task: str) -> None:
        await self.node.sessions_send(self.path, "checkpoint: half way")
        await asyncio.Event().wait()


class Leaves(Session[dict[str, int]]):
    """Leaves a file and a checkpoint behind; ends as its task says."""

    async def run(self, task: str) -> str:
        (self.directory / "left").write_text("x")
        await self.checkpoint("left", {"n": 1})
        await self.checkpoint("left", {"n": 2})
        if task == "wait":
            await asyncio.Event().wait()
        return task

    async def postcondition(self, result: str) -> bool | str:
        return "two posts are missing" if result == "half" else result != "nothing"


class Falls(Session[None]):
    """Fails in its first life; says from where it began in the next."""

    async def run(self, task: str) -> str:
        if self.incarnation == 1:
            await self.checkpoint("began")
            raise ValueError("the page has changed")
        return "resumed" if self.resumed else "from the beginning"


class Parent(Session[None]):
    """Spawns children, one after the other, and waits for all of them; dies when it is told to."""

    async def run(self, task: str, count: int = 2, pause: float = 0.5) -> list[Any]:
        children = [await self.spawn(Quick, f"{task}{number}", pause) for number in range(count)]
        if task == "die" and self.incarnation == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        results = [(await child.result())["task"] for child in children]
        if task == "late" and self.incarnation == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return results


class Deep(Session[None]):
    """Spawns itself."""

    async def run(self, task: str) -> str:
        try:
            child = await self.spawn(Deep, task)
        except SpawnRefused as refused:
            return f"{refused.status}: {refused}"
        return await child.result()
