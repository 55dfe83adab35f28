"""A browser that hangs is replaced inside its session; the session lives on."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.system.limits.burdens import Surfer
from tests.system.node.conftest import Harness

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.processes import descendants, read_stat

CHROMIUM = shutil.which("chromium") or ""


def gone(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is None or stat.state in "ZX"


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None, reason="playwright is not installed (the dev extra)"
)
def test_a_browser_that_hangs_is_replaced_and_its_session_stays(harness: Harness, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    args = {"browser": CHROMIUM, "told": str(told)}
    watch = Heartbeat(every=2.0, timeout=10.0, progress=60.0)
    harness.start(Gateway(Monitor("m", Child("s", Surfer, task="x", args=args, heartbeat=watch))))
    harness.until_event("m/s", "checkpoint", count=3, within=60.0)
    session = harness.row("m/s")["pid"]
    first = int(told.read_text())
    below = [first, *descendants(first)]
    assert len(below) > 2
    os.kill(first, signal.SIGSTOP)
    harness.until_state("m/s", "done", within=60.0)
    result = harness.call("sessions_result", label="m/s")["result"]
    assert result["pid"] == session
    assert result["first"] == first
    assert result["second"] != first
    assert result["title"] == "again"
    assert "browser was replaced" in result["lost"]
    harness.until(lambda: all(gone(pid) for pid in below))
    assert harness.row("m/s")["incarnation"] == 1
    lost, replaced = (harness.events("m/s", word) for word in ("resource_lost", "resource_replaced"))
    assert [row["resource"] for row in (*lost, *replaced)] == ["browser", "browser"]
