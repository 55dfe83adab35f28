"""What is read from /proc of this very process, and the guards around signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wakeful_runtime import processes
from wakeful_runtime.init import locks, sweep
from wakeful_runtime.init.oom import OomCounter
from wakeful_runtime.processes import ProcessHandle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc of Linux")
ME = os.getpid()


def test_stat_of_this_process_is_right() -> None:
    stat = processes.read_stat(ME)
    assert stat is not None
    assert (stat.pid, stat.parent, stat.group, stat.session) == (ME, os.getppid(), os.getpgrp(), os.getsid(0))
    assert stat.start > 0
    assert stat.rss > 1_000_000


def test_stat_of_nobody_is_none() -> None:
    assert processes.read_stat(2**22 + 1) is None


def test_thread_facts_are_read() -> None:
    here = threading.get_native_id()
    assert here in processes.threads(ME)
    stat = processes.read_stat(ME, here)
    assert stat is not None
    assert stat.state == "R"
    assert processes.run_delay(ME, here) >= 0.0


@pytest.mark.parametrize("pid", [-1, 0, 1])
def test_no_signal_ever_goes_to_pid_1_or_to_everybody(pid: int) -> None:
    with pytest.raises(ValueError, match="will not signal"):
        ProcessHandle(pid, None, 0.0, 0).send_signal(signal.SIGCONT)
    with pytest.raises(ValueError, match="will not signal"):
        sweep.kill_child(pid)
    with pytest.raises(ValueError, match="will not signal"):
        sweep.signal_group(pid, signal.SIGCONT)
    assert ProcessHandle.verified(pid, 0.0, 0) is None


def test_handle_on_another_start_time_is_refused() -> None:
    stat = processes.read_stat(ME)
    assert stat is not None
    assert ProcessHandle.verified(ME, stat.start + 1, 0) is None
    assert ProcessHandle.verified(ME, stat.start, 1) is None or not processes.INODE_IS_UNIQUE
    handle = ProcessHandle.verified(ME, stat.start, 0)
    assert handle is not None
    assert handle.alive()
    assert handle.send_signal(0)
    handle.close()


def test_session_with_another_leader_is_not_signalled() -> None:
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as stranger:
        assert sweep.signal_session(stranger.pid, -1.0, signal.SIGKILL) == []
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("leader", [0, 1])
def test_the_session_of_the_kernel_and_of_other_namespaces_is_nobodys(leader: int) -> None:
    """Session 0 may hold everything there is: a node's container, the shell that runs these tests."""
    assert sweep.signal_session(leader, -1.0, 0) == []


def test_environment_and_open_files_are_matched_exactly(tmp_path: Path) -> None:
    file = tmp_path / "open"
    with file.open("w"):
        assert str(file) in processes.open_files(ME)
    assert str(file) not in processes.open_files(ME)
    assert processes.environment_value(ME, "NO_SUCH_NAME") is None


def test_lock_is_held_once_and_free_when_its_descriptor_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "role.lock"
    assert not locks.held(file)
    descriptor = locks.take(file)
    assert locks.held(file)
    assert locks.holder(file).pid == ME
    with pytest.raises(locks.LockHeld, match=f"held by pid {ME}"):
        locks.take(file)
    os.close(descriptor)
    assert not locks.held(file)
    os.close(locks.take(file))


def test_lock_file_that_is_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "role.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        locks.take(tmp_path / "role.lock")


def test_holder_that_wrote_nonsense_is_nobody(tmp_path: Path) -> None:
    file = tmp_path / "role.lock"
    file.write_text('{"pid": "x"}')
    assert locks.holder(file).pid == 0
    assert locks.holder(file).process() is None


def test_oom_counter_that_did_not_grow_says_no() -> None:
    counter = OomCounter()
    assert counter.grew() in (False, None)


def test_closing_all_but_some_keeps_those() -> None:
    """In a process of its own: it closes what it finds."""
    script = """
import os
from wakeful_runtime.init.birth import close_all_but
first, second = os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)
close_all_but((second,))
os.fstat(second)
try:
    os.fstat(first)
except OSError:
    print("closed")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "closed\n"
