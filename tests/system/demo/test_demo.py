"""The main job on real input: `wakeful demo`, as a newcomer types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "wakeful_runtime.cli", "demo", "--json"]


def environment(tmp_path: Path) -> dict[str, str]:
    scratch = tmp_path / "t"
    scratch.mkdir()
    return {**os.environ, "TMPDIR": str(scratch)}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_recovers_from_every_fault_and_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, check=False, timeout=280, env=environment(tmp_path), cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["recovered"] is True
    assert report["result_equals_undisturbed"] is True
    assert report["documents"] >= 120
    assert report["lost"] == []
    assert set(report["publications"].values()) == {1}
    assert {"stall", "busy", "error", "cut", "slow"} <= set(report["server"])
    modes = [(fault["mode"], fault["path"].count("/")) for fault in report["faults"]]
    assert modes == [("kill", 1), ("loop-block", 1), ("await-forever", 1), ("kill", 0), ("kill", 0)]
    assert [fault["path"] for fault in report["faults"]][3:] == ["research", "gateway"]
    verdicts = [fault["verdict"] for fault in report["faults"]]
    assert verdicts[1] == "loop_blocked"
    assert verdicts[2] in {"overdue", "no_progress"}
    assert [path.name for path in (tmp_path / "t").iterdir()] == []


def test_a_demo_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        COMMAND,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
        cwd=tmp_path,
        start_new_session=True,
    ) as demo:
        assert demo.stdout and demo.stderr
        for line in demo.stderr:
            if "research/" in line:
                break
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 130
        assert demo.stdout.read() == ""
        assert "Traceback" not in demo.stderr.read()
    assert [path.name for path in (tmp_path / "t").iterdir()] == []
