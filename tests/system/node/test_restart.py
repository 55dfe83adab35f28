"""A node that dies as a whole, again and again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.system.node.books import Bookkeeper
from tests.system.node.conftest import Harness
from tests.system.node.witness import QUICK, WORKERS, Witness

from wakeful import Child, Gateway
from wakeful_runtime import boots


def die(harness: Harness) -> None:
    """SIGKILL to all of it at once."""
    for pid in [harness.keeper().pid, *[row["pid"] for row in harness.rows().values() if row["pid"]]]:
        os.kill(pid, signal.SIGKILL)
    harness.keeper().wait()


def test_after_three_hard_ends_in_five_minutes_nothing_is_resumed_until_a_person_says_so(
    harness: Harness, tmp_path: Path
) -> None:
    node = Witness(harness, tmp_path)
    direct = Child("d", Bookkeeper, task="count", args={"book": str(tmp_path / "d")}, heartbeat=QUICK)
    node.tree = Gateway(*node.tree.children, direct, agents=node.tree.agents)
    node.begin()
    for again in (True, True, False):
        die(harness)
        harness.start(node.tree)
        if again:
            node.moves_on()
    paths = {*WORKERS, "d"}
    held = harness.until(
        lambda: (rows := {row["path"]: row for row in harness.call("review")}).keys() >= paths and rows
    )
    for path in paths:
        assert "ended hard 3 times" in held[path]["why"]
        assert held[path]["next"] == "wakeful unpause --all"
        assert harness.row(path)["state"] == "paused"
        assert harness.row(path)["pid"] is None
    harness.call("unpause")
    node.moves_on()
    harness.until_state("d", "running")
    node.nothing_lost()


def test_an_orderly_stop_makes_the_next_start_a_clean_one(harness: Harness, tmp_path: Path) -> None:
    boots.unclean(harness.directory)
    boots.unclean(harness.directory)
    Witness(harness, tmp_path).begin()
    assert harness.stop() == 0
    assert boots.unclean(harness.directory) == 0
