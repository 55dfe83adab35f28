"""Resources of a session with real processes: what hangs is killed with all it started, and the session stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.system.limits.burdens import Speaker
from tests.system.limits.test_browser import gone
from tests.system.node.conftest import Harness

from wakeful import Child, Gateway, Heartbeat, Monitor
from wakeful_runtime.host.started import started_processes
from wakeful_runtime.processes import descendants


def test_what_hangs_under_a_blocked_main_thread_is_replaced_and_its_session_stays(
    harness: Harness, tmp_path: Path
) -> None:
    told = tmp_path / "pid"
    watch = Heartbeat(every=2.0, timeout=10.0, progress=60.0)
    harness.start(Gateway(Monitor("m", Child("s", Speaker, task="x", args={"told": str(told)}, heartbeat=watch))))
    harness.until_event("m/s", "checkpoint")
    session = harness.row("m/s")["pid"]
    first = int(told.read_text())
    below = [first, *descendants(first)]
    assert len(below) == 2
    os.kill(first, signal.SIGSTOP)
    harness.until_state("m/s", "done")
    result = harness.call("sessions_result", label="m/s")["result"]
    assert (result["pid"], result["first"], result["again"]) == (session, first, "again")
    assert result["second"] != first
    assert "echoes was replaced: it did not answer its probe for 1 s" in result["lost"]
    harness.until(lambda: all(gone(pid) for pid in below))
    assert harness.row("m/s")["incarnation"] == 1
    lost, replaced = (harness.events("m/s", word) for word in ("resource_lost", "resource_replaced"))
    assert [row["resource"] for row in (*lost, *replaced)] == ["echoes", "echoes"]


def test_what_is_started_can_be_killed_before_its_opening_has_ended() -> None:
    with started_processes() as started:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        assert started.kill() == 1
        assert process.wait(10) == -signal.SIGKILL
