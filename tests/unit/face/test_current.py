"""`wakeful.current()` and the stand-in of a plain script."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import wakeful
from wakeful import BlockingSession, NodeError, Session

SCRIPT = """
import asyncio, logging
import wakeful

logging.basicConfig(level=logging.INFO, format="%(message)s")

class Greet(wakeful.Session[dict[str, str]]):
    async def run(self, task: str) -> str:
        with self.lease(60, "greet"):
            await self.checkpoint("greeted", {"task": task})
        self.progress(done=1, total=1)
        return await self.once("say", str.upper, task)

def tool(text: str) -> str:
    wakeful.current().progress(note=text)
    with wakeful.current().lease("5s", "tool"):
        return text

async def main() -> None:
    print(await Greet().run("hello"), tool("deep"))
    await wakeful.current().checkpoint("script", 1)

asyncio.run(main())
tool("blocking")
wakeful.current(wakeful.BlockingSession).checkpoint("done")
"""


def test_the_same_file_runs_as_a_plain_script(tmp_path: Path) -> None:
    file = tmp_path / "greet.py"
    file.write_text(SCRIPT)
    done = subprocess.run([sys.executable, "-W", "error", file], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "HELLO deep\n"
    for word in ("checkpoint name='greeted'", "progress done=1", "lease what='tool'", "note='blocking'"):
        assert word in done.stderr


@dataclass
class Notes:
    words: list[str]


async def test_a_stand_in_takes_a_state_of_any_type() -> None:
    assert await wakeful.current().checkpoint("typed", Notes(["a"])) > 0
    blocking = wakeful.current(BlockingSession)
    assert await asyncio.to_thread(blocking.checkpoint, "typed", Notes(["a"])) > 0


async def test_with_a_loop_the_stand_in_is_awaited() -> None:
    assert isinstance(wakeful.current(), Session)
    assert await wakeful.current().once("key", lambda: 1) == 1


def test_without_a_loop_it_is_plain() -> None:
    here: object = wakeful.current()
    assert isinstance(here, BlockingSession)
    here.checkpoint("a")
    here.progress(1, 2)
    assert here.once("b", lambda: 5) == 5
    assert here.once("b", lambda: 6) == 5


def test_the_class_may_be_told() -> None:
    assert isinstance(wakeful.current(Session), Session)
    assert asyncio.run(wakeful.current(Session).checkpoint("x")) >= 1
    assert isinstance(wakeful.current(BlockingSession), BlockingSession)


def test_what_needs_a_node_says_so() -> None:
    with pytest.raises(NodeError, match="wakeful run"):
        _ = wakeful.current().node
