"""Programs and libraries nobody here wrote: systemd-notify, sdnotify, cysystemd, PostgreSQL, nginx."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from tests.system.command.programs import tree
from tests.system.node.conftest import Harness

from wakeful import Child, Command, Gateway, Heartbeat, Monitor
from wakeful_runtime.processes import children, read_stat

POSTGRES = Path("/usr/lib/postgresql/15/bin")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
SYSTEMD = shutil.which("systemd-notify")
needs_systemd = pytest.mark.skipif(SYSTEMD is None, reason="systemd-notify (Debian: systemd) is not installed")


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


def shell(script: str, **options: Any) -> Command:
    return Command("sh", "-c", script, **options)


def result(harness: Harness, path: str = "m/p") -> Any:
    def told() -> Any:
        answer = harness.call("sessions_result", sessionKey=path)
        return answer["status"] == "ok" and answer

    return harness.until(told, 40)["result"]


@needs_systemd
def test_systemd_notify_says_ready_status_checkpoint_and_result_and_waits_for_its_barrier(harness: Harness) -> None:
    script = """
systemd-notify --ready --status="from a shell script"
if [ -n "$WAKEFUL_STATE" ]; then
    systemd-notify "X_WAKEFUL_RESULT=$(cat "$WAKEFUL_STATE")"
    exit 0
fi
systemd-notify 'X_WAKEFUL_STATE={"pages": [1, 2]}' X_WAKEFUL_CHECKPOINT=second
kill -9 $$   # the barrier has been released: the checkpoint is on disk
"""
    harness.start(tree(shell(script)))
    assert result(harness) == {"pages": [1, 2]}
    assert [row["name"] for row in harness.events("m/p", "checkpoint")] == ["second"]


@needs_systemd
def test_systemd_notify_that_does_not_wait_is_heard_after_it_has_left(harness: Harness) -> None:
    script = """
systemd-notify --no-block --ready
systemd-notify --no-block 'X_WAKEFUL_RESULT=["heard"]'
"""
    harness.start(tree(shell(script)))
    assert result(harness) == ["heard"]
    assert harness.log("m/p").count("none of this program's") == 0


@needs_systemd
def test_systemd_notify_barriers_come_back_from_a_process_whose_parent_is_gone(harness: Harness) -> None:
    script = """
systemd-notify --ready
(systemd-notify STATUS=orphaned BARRIER=1; echo "released" >&2) &
wait
systemd-notify X_WAKEFUL_RESULT=1
"""
    harness.start(tree(shell(script)))
    assert result(harness) == 1
    assert "released" in harness.log("m/p")


@needs_systemd
def test_a_datagram_of_a_process_that_is_none_of_the_program_s_is_refused(harness: Harness) -> None:
    harness.start(tree(shell("sleep 600")))
    harness.until_state("m/p", "starting")
    address = harness.directory.notify("m/p")
    harness.until(address.exists)
    subprocess.run(["systemd-notify", "--ready"], env={**os.environ, "NOTIFY_SOCKET": str(address)}, check=False)
    harness.until(lambda: "none of this program's" in harness.log("m/p"))
    assert harness.row("m/p")["state"] == "starting"


@needs_systemd
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may choose a user")
def test_a_program_of_another_user_is_heard_too_and_reads_no_file_of_root_for_a_state(harness: Harness) -> None:
    script = """
systemd-notify --ready
[ -n "$WAKEFUL_STATE" ] && systemd-notify "X_WAKEFUL_RESULT=$(cat $WAKEFUL_STATE)" && exit 0
systemd-notify X_WAKEFUL_STATE='"mine"' X_WAKEFUL_CHECKPOINT=mine
systemd-notify X_WAKEFUL_STATE=/etc/hostname X_WAKEFUL_CHECKPOINT=stolen
exit 1
"""
    harness.start(tree(shell(script, user="nobody", cwd="/")))
    assert result(harness) == "mine"
    assert [row["name"] for row in harness.events("m/p", "checkpoint")] == ["mine"]
    assert "/etc/hostname is not a file of this program's" in harness.log("m/p")


@needs("sdnotify")
def test_the_sdnotify_package_is_understood(harness: Harness) -> None:
    script = """
import time, sdnotify
n = sdnotify.SystemdNotifier(debug=True)
n.notify("READY=1"); n.notify("STATUS=by sdnotify")
for i in range(15):
    n.notify("WATCHDOG=1"); time.sleep(0.1)
n.notify("X_WAKEFUL_PROGRESS=15/15"); n.notify("X_WAKEFUL_RESULT=15")
"""
    harness.start(tree(Command(sys.executable, "-c", script, alive="notify")))
    assert result(harness) == 15
    assert harness.events("m/p", "exited")[-1]["kind"] == "returned"
    assert harness.row("m/p")["restarts"] == 0


@needs("cysystemd")
def test_the_cysystemd_package_is_understood(harness: Harness) -> None:
    script = """
import os, time
from cysystemd.daemon import notify, Notification
notify(Notification.READY); notify(Notification.STATUS, "by cysystemd"); notify(Notification.WATCHDOG)
time.sleep(0.1)
os.write(int(os.environ["WAKEFUL_FD"]), b"X_WAKEFUL_RESULT=1")
"""
    harness.start(tree(Command(sys.executable, "-c", script)))
    assert result(harness) == 1
    assert "none of this program's" not in harness.log("m/p")


@needs_systemd
def test_descriptors_to_be_stored_are_refused_politely(harness: Harness) -> None:
    script = """
import array, os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
r, w = os.pipe()
for _ in range(50):
    s.sendmsg([b"FDSTORE=1\\nFDNAME=x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [w]))])
os.close(w)
s.sendmsg([b"READY=1"])
os.read(r, 1)  # ends when nobody holds the other end any more
s.sendmsg([b"X_WAKEFUL_RESULT=1"])
"""
    harness.start(tree(Command(sys.executable, "-c", script)))
    assert result(harness) == 1
    assert "no descriptors are kept" in harness.log("m/p")


@pytest.fixture
def database() -> Iterator[Path]:
    """A database of the user postgres; not below pytest's own directory, which only root may enter."""
    if not (POSTGRES / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not installed")
    if os.geteuid() != 0:
        pytest.skip("initdb's files belong to another user: only root may run it here")
    data = Path(tempfile.mkdtemp(prefix="wk-pg-"))
    shutil.chown(data, "postgres")
    initdb = [str(POSTGRES / "initdb"), "-D", str(data), "--no-sync", "-A", "trust", "-U", "postgres"]
    subprocess.run(initdb, user="postgres", cwd="/", check=True, capture_output=True)
    yield data
    shutil.rmtree(data)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.mark.slow
def test_postgresql_runs_is_asked_is_found_hung_and_comes_back_with_its_rows(harness: Harness, database: Path) -> None:
    port = free_port()
    words = ["-D", str(database), "-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    client = [str(POSTGRES / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-XAtqc"]
    server = Command(
        str(POSTGRES / "postgres"),
        *words,
        ready="log:ready to accept connections",
        alive=[*client, "select 1"],
        user="postgres",
        cwd="/",
        stop_signal="SIGINT",
    )
    beat = Heartbeat(every=0.5, timeout=1.5, startup=30)
    harness.start(Gateway(Monitor("m", Child("p", server, restart="permanent", heartbeat=beat))))

    def ask(query: str) -> str:
        return subprocess.run([*client, query], capture_output=True, text=True, check=False, timeout=20).stdout.strip()

    harness.until_state("m/p", "running", within=40)
    ask("create table t (n int); insert into t values (7)")
    harness.call("chaos", mode="stop", path="m/p")
    harness.until_event("m/p", "restarted", within=40)
    harness.until(lambda: ask("select n from t") == "7", within=40)
    harness.until_state("m/p", "running")
    found = harness.call("incidents")
    assert found[-1]["verdict"] in ("stopped", "loop_blocked")
    assert found[-1]["evidence"]["process"]["name"] == "postgres"
    assert len(found[-1]["evidence"]["process"]["children"]) >= 4
    harness.call("stop", path="m/p")
    harness.until_state("m/p", "done")
    assert "database system is shut down" in harness.log("m/p")


def nginx_conf(folder: Path, port: int) -> Path:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    server = f'server {{ listen 127.0.0.1:{port}; location / {{ return 200 "here"; }} }}'
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; worker_processes 1; error_log stderr notice; pid {folder}/pid;"
        f"events {{}} http {{ access_log off; {temporary} {server} }}"
    )
    return file


@pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed")
@pytest.mark.parametrize("stopped", ["master", "worker"])
def test_nginx_is_found_hung_is_killed_whole_and_serves_again(harness: Harness, tmp_path: Path, stopped: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    words = ["-e", "stderr", "-p", str(tmp_path), "-c", str(nginx_conf(tmp_path, port))]
    server = Command(NGINX, *words, ready=f"port:{port}", alive=url, stop_signal="SIGQUIT")
    beat = Heartbeat(every=0.3, timeout=0.7, startup=30)
    harness.start(Gateway(Monitor("m", Child("p", server, restart="permanent", heartbeat=beat))))
    host = int(harness.until_state("m/p", "running", within=40)["pid"])
    (master,) = children(host)
    (worker,) = harness.until(lambda: children(master))
    os.kill(master if stopped == "master" else worker, signal.SIGSTOP)

    harness.until_event("m/p", "restarted", within=40)
    assert read_stat(master) is None and read_stat(worker) is None
    harness.until_state("m/p", "running", within=40)
    with urlopen(url, timeout=20) as answer:
        assert answer.read() == b"here"
    (found,) = harness.call("incidents")
    if stopped == "master":  # the worker answers on
        assert found["verdict"] == "stopped"
    else:  # the master is well, and the kernel takes connections for it
        assert found["verdict"] == "loop_blocked"
        line = f"nginx[{master}] in rt_sigsuspend; its child nginx[{worker}] is stopped by a signal"
        assert found["evidence"]["line"] == line
    harness.call("stop", path="m/p")
    harness.until_state("m/p", "done", within=40)
    assert "gracefully shutting down" in harness.log("m/p")
