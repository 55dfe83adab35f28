"""A command without a tree file, a tree file to start from, and a node as a service."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.processes import children, read_stat

ROOT = Path(__file__).parents[3]
Start = Callable[..., "subprocess.Popen[str]"]
WITHIN = 60.0


@pytest.fixture
def start(node_directory: NodeDirectory, tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(*words: str, **env: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(ROOT / "runtime"), str(ROOT / "actors"), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "wakeful_runtime.cli", *words]
        environment = {**os.environ, "WAKEFUL_NODE": str(node_directory.root), "PYTHONPATH": path, **env}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=WITHIN)


def test_wrap_restarts_a_command_until_it_succeeds_and_tells_of_it(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("echo life $WAKEFUL_INCARNATION; pwd; [ $WAKEFUL_INCARNATION = 2 ] || exit 7\n")
    wrapped = start("wrap", "--", "sh", "job.sh")
    out, said = wrapped.communicate(timeout=WITHIN)
    assert wrapped.returncode == 0, said
    assert out.splitlines() == ["life 1", str(tmp_path), "life 2", str(tmp_path)]
    assert "life 1 is over: sh exited with status 7" in said
    assert "finished: ok" in said


def test_wrap_says_that_a_command_has_failed_for_good(start: Start) -> None:
    wrapped = start("wrap", "--restart", "temporary", "--", "sh", "-c", "echo no >&2; exit 7")
    out, said = wrapped.communicate(timeout=WITHIN)
    assert (wrapped.returncode, out) == (1, "no\n"), said
    assert "finished: " in said and "status 7" in said


def test_ctrl_c_stops_a_wrapped_command_in_order_and_the_next_wrap_resumes_it(start: Start) -> None:
    script = (
        "echo X_WAKEFUL_STATE=5 >&$WAKEFUL_FD; echo X_WAKEFUL_CHECKPOINT=five >&$WAKEFUL_FD;"
        'if [ -n "$WAKEFUL_STATE" ]; then echo "resumed $(cat $WAKEFUL_STATE)"; exit 0; fi; echo begun; sleep 600'
    )
    first = start("wrap", "--name", "job", "--", "sh", "-c", script)
    assert first.stdout is not None
    assert first.stdout.readline() == "begun\n"
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=WITHIN)
    assert first.returncode == 1
    second = start("wrap", "--name", "job", "--", "sh", "-c", script)
    out, said = second.communicate(timeout=WITHIN)
    assert (second.returncode, out) == (0, "resumed 5\n"), said


def test_what_waited_for_a_person_goes_on_when_it_is_wrapped_again(start: Start, tmp_path: Path) -> None:
    (tmp_path / "job.sh").write_text("[ -e mended ] && echo fine")
    first = start("wrap", "--", "sh", "job.sh")
    assert first.stderr is not None
    while "waits for a person" not in (line := first.stderr.readline()):
        assert line
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=WITHIN)
    (tmp_path / "mended").touch()
    out, said = start("wrap", "--", "sh", "job.sh").communicate(timeout=WITHIN)
    assert out == "fine\n", said
    assert "it waited for a person" in said and "finished: ok" in said


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("./job.sh", "chmod +x ./job.sh"),
        ("./none.sh", "no such file"),
        ("job.sh", "no command 'job.sh' on the PATH; here is ./job.sh"),
    ],
)
def test_wrap_refuses_what_can_not_be_started(start: Start, tmp_path: Path, command: str, told: str) -> None:
    (tmp_path / "job.sh").write_text("echo")
    wrapped = start("wrap", "--", command)
    _, said = wrapped.communicate(timeout=WITHIN)
    assert wrapped.returncode == 2 and told in said


def test_the_tree_file_that_init_writes_is_good_and_runs(start: Start) -> None:
    assert start("init").wait(WITHIN) == 0
    again = start("init")
    _, said = again.communicate(timeout=WITHIN)
    assert again.returncode == 1 and "is there already" in said
    assert start("check", "agents.py:tree").wait(WITHIN) == 0
    running = start("run", "agents.py:tree")
    assert running.stdout is not None
    assert running.stdout.readline().startswith("wakeful: ready")
    deadline = time.monotonic() + WITHIN
    told = ""
    while "page-" not in told:
        assert time.monotonic() < deadline, told
        told = start("ps").communicate(timeout=WITHIN)[0]
    running.terminate()
    assert running.wait(WITHIN) == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(start: Start, tmp_path: Path) -> None:
    assert start("init").wait(WITHIN) == 0
    unit, _ = start("unit", "agents.py:tree").communicate(timeout=WITHIN)
    (tmp_path / "wakeful.service").write_text(unit)
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "wakeful.service")], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_keeper_tells_its_service_manager_that_it_is_ready_alive_and_stopping(start: Start, tmp_path: Path) -> None:
    assert start("init").wait(WITHIN) == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = tmp_path / "notify"
        manager.bind(str(address))
        manager.settimeout(WITHIN)
        node = start("run", "agents.py:tree", NOTIFY_SOCKET=str(address), WATCHDOG_USEC="1000000")

        def hear(word: str) -> str:
            while word not in (said := manager.recv(4096).decode()):
                pass
            return said

        assert "STATUS=runs in" in hear("READY=1")
        hear("WATCHDOG=1")
        init = next(pid for pid in children(node.pid) if (stat := read_stat(pid)) and stat.state not in "ZX")
        os.kill(init, signal.SIGSTOP)  # the keeper replaces it, and is alive again when the new one answers
        hear("WATCHDOG=1")
        hear("WATCHDOG=1")
        node.terminate()
        hear("STOPPING=1")
        assert node.wait(WITHIN) == 0
