"""Forgotten awaits in a tree file."""

from __future__ import annotations

from pathlib import Path

from wakeful_runtime.cli.forgotten import forgotten_awaits

SOURCE = """
class A(Session):
    async def run(self, task):
        for page in task:
            self.checkpoint("page", page)
            await self.checkpoint("page", page)
        post = self.once("post", print)
        self.once("mail", print)
        self.progress(1)
        await post

        def told():
            self.checkpoint("not here: nobody knows who calls it", 1)

class B(BlockingSession):
    def run(self, task):
        self.checkpoint("page", task)
"""


def test_a_step_that_nobody_awaits_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "agent.py"
    file.write_text(SOURCE)
    assert forgotten_awaits(f"{file}:tree") == [
        "agent.py, line 5: self.checkpoint(…) without `await` does nothing",
        "agent.py, line 8: self.once(…) without `await` does nothing",
    ]


def test_of_a_module_nothing_is_known() -> None:
    assert forgotten_awaits("package.agents:tree") == []
