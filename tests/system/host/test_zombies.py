"""Only what nobody waits for is reaped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, subprocess, sys, time
sys.path.insert(0, {root!r})
from wakeful_runtime.init.birth import set_subreaper
from wakeful_runtime.processes import children, read_stat
from wakeful_runtime.host.zombies import Zombies
set_subreaper()
zombies = Zombies(age=0.0)

def until(state, count):
    while sum(1 for pid in children(os.getpid()) if read_stat(pid).state == "Z") < count:
        time.sleep(0.005)
"""


def run(body: str) -> str:
    script = SCRIPT.format(root=str(Path(__file__).parents[3] / "runtime")) + body
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_daemonised_grandchild_that_ended_is_reaped() -> None:
    assert (
        run("""
subprocess.run(["/bin/sh", "-c", "(sleep 0.05; true) & exit"], check=True, start_new_session=True)
until("Z", 1)
zombies.look()
print(children(os.getpid()))
""")
        == "[]"
    )


def test_a_child_a_popen_waits_for_is_never_reaped() -> None:
    assert (
        run("""
child = subprocess.Popen(["/bin/sh", "-c", "exit 3"])
until("Z", 1)
zombies.look()
print(child.wait())
""")
        == "3"
    )


def test_a_child_of_os_fork_is_never_reaped() -> None:
    assert (
        run("""
pid = os.fork()
if not pid:
    os._exit(4)
until("Z", 1)
zombies.look()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""")
        == "4"
    )


def test_a_zombie_is_left_until_it_was_seen_for_long_enough() -> None:
    assert (
        run("""
zombies = Zombies(age=3600.0)
subprocess.run(["/bin/sh", "-c", "(sleep 0.05; true) & exit"], check=True, start_new_session=True)
until("Z", 1)
zombies.look()
zombies.look()
print(len(children(os.getpid())))
""")
        == "1"
    )
