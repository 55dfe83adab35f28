"""A session that gets slower than it was is told of, and left alone."""

from __future__ import annotations

from tests.system.limits.burdens import Slowing
from tests.system.node.conftest import Harness

from wakeful import Child, Gateway, Heartbeat, Monitor


def test_slow_progress_alerts_only(harness: Harness) -> None:
    watch = Heartbeat(every=0.1, timeout=2.0, progress=60.0)
    harness.start(Gateway(Monitor("m", Child("s", Slowing, task="x", args={"slow": 5.0}, heartbeat=watch))))
    alert = harness.until_event("m/s", "alert")
    assert alert["verdict"] == "slow"
    assert "slower than it was" in alert["words"]
    harness.until_state("m/s", "done")
    assert harness.call("sessions_result", label="m/s")["result"] == 31
    assert harness.row("m/s")["incarnation"] == 1
    assert harness.call("incidents", path="m/s") == []
