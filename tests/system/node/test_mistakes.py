"""Mistakes people make: one clear line that says what to do, the right exit code, nothing lost or left running."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from tests.system.node.books import Bookkeeper
from tests.system.node.conftest import Harness
from tests.system.node.people import Walk
from tests.system.node.witness import QUICK, WORKERS, Witness
from tests.system.smalldisk import small_disk_of

from wakeful import Child, Gateway, Monitor
from wakeful_runtime.clients.client import runs_in
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.processes import read_stat

DONE, FAILED, WRONG_USE, NO_NODE = 0, 1, 2, 3

GOOD = "from wakeful import *\nfrom tests.system.node.people import Walk\ntree = Gateway(Child('w', Walk, task='x'))\n"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path, node_directory: NodeDirectory) -> Run:
    """A `wakeful` command; the node is the test's unless another is named."""
    (tmp_path / "tree.py").write_text(GOOD)

    def command(*arguments: object, node: Path | None = None) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "wakeful_runtime.cli", *map(str, arguments)]
        environment = {**os.environ, "WAKEFUL_NODE": str(node or node_directory.root)}
        path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
        environment["PYTHONPATH"] = path
        return subprocess.run(
            line, capture_output=True, text=True, check=False, timeout=60, env=environment, cwd=tmp_path
        )

    return command


def refused(told: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line on stderr with these words, nothing on stdout."""
    assert told.returncode == code, told.stderr
    assert told.stdout == ""
    assert told.stderr.count("\n") == 1, told.stderr
    for word in words:
        assert word in told.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from wakeful import *\ntree = Gateway(Child('a b', Actor))", ("tree.py, line 2", "a-b")),
        ("from wakeful import *\ntree = Gateway(Child('a', lambda: 1))", ("tree.py, line 2", "lambda")),
        ("import nothing_of_that_name", ("tree.py, line 1", "nothing_of_that_name")),
    ],
    ids=["name", "lambda", "import"],
)
def test_a_bad_tree_is_refused_with_its_line_before_anything_starts(
    run: Run, tmp_path: Path, node_directory: NodeDirectory, text: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "tree.py").write_text(text)
    refused(run("run", "tree.py:tree"), WRONG_USE, *words)
    assert not node_directory.exists()


@pytest.mark.parametrize("kind", ["symlink", "file", "inner symlink", "another user's"])
def test_a_directory_that_cannot_be_used_is_refused_and_left_alone(run: Run, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "n"
    if kind == "symlink":
        (tmp_path / "real").mkdir()
        folder.symlink_to(tmp_path / "real")
    elif kind == "file":
        folder.write_text("mine")
    elif kind == "inner symlink":
        (tmp_path / "real").mkdir()
        folder.mkdir()
        (folder / "lives").symlink_to(tmp_path / "real")
    elif os.getuid():
        pytest.skip("only root can give a directory away")
    else:
        folder.mkdir()
        os.chown(folder, 65534, 65534)
    refused(run("run", "tree.py:tree", node=folder), FAILED, str(folder))
    assert not runs_in(NodeDirectory(folder))
    if kind.endswith("symlink"):
        assert list((tmp_path / "real").iterdir()) == []


def test_p12_a_second_node_in_a_directory_is_refused_and_the_first_runs_on(harness: Harness, run: Run) -> None:
    harness.start(Gateway(Monitor("m", Child("w", Walk, task="walk", heartbeat=QUICK))))
    harness.until_event("m/w", "checkpoint")
    before = harness.row("m/w")["pid"]
    refused(run("run", "tree.py:tree"), FAILED, "runs in", str(harness.keeper().pid))
    assert harness.row("m/w")["pid"] == before


@pytest.mark.parametrize("trouble", ["newer", "garbage", "foreign"])
def test_a_store_that_cannot_be_used_is_told_before_anything_starts(
    run: Run, node_directory: NodeDirectory, trouble: str
) -> None:
    if trouble == "garbage":
        node_directory.store.write_bytes(os.urandom(100_000))
    else:
        with sqlite3.connect(node_directory.store) as database:
            database.execute("CREATE TABLE mine (x)" if trouble == "foreign" else "PRAGMA user_version = 9999")
        database.close()
    kept = node_directory.store.read_bytes()
    refused(run("run", "tree.py:tree"), FAILED, str(node_directory.store))
    assert node_directory.store.read_bytes() == kept
    assert not runs_in(node_directory)


def test_a_node_whose_store_cannot_come_back_says_so_and_can_be_stopped(harness: Harness) -> None:
    harness.start(Gateway(Monitor("m", Child("w", Walk, task="walk", heartbeat=QUICK))))
    harness.until_event("m/w", "checkpoint")
    pid = harness.row("store")["pid"]
    os.kill(pid, signal.SIGSTOP)
    for file in harness.directory.root.glob("store.sqlite3*"):
        file.unlink()
    harness.directory.store.write_bytes(os.urandom(100_000))
    os.kill(pid, signal.SIGKILL)
    told = harness.until(lambda: (answer := harness.call("status"))["why"] and answer)
    assert "store" in told["why"]
    assert not told["healthy"]
    assert "damaged" in harness.log("store")
    assert harness.row("m/w")["restarts"] == 0
    assert harness.stop() == 0


def test_commands_without_a_node_say_how_to_start_one(run: Run, tmp_path: Path) -> None:
    for command in (("ps",), ("spawn", "--task", "x"), ("why",), ("down",)):
        refused(run(*command, node=tmp_path / "none"), NO_NODE, "wakeful run")
    assert not (tmp_path / "none").exists()


def test_unknown_and_ambiguous_paths_are_refused_with_what_there_is(harness: Harness, run: Run) -> None:
    walkers = [Monitor(name, Child("w", Walk, task="walk", heartbeat=QUICK)) for name in ("a", "b")]
    harness.start(Gateway(*walkers))
    refused(run("restart", "nobody"), FAILED, "a/w", "b/w")
    refused(run("restart", "w"), FAILED, "a/w", "b/w")
    assert {harness.row(f"{name}/w")["incarnation"] for name in "ab"} <= {0, 1}


LATE = """
import os, time
from wakeful import Session
if "WAKEFUL_LIFE" in os.environ:
    {body}
class Late(Session):
    async def run(self, task: str) -> None: ...
"""
WITH_LATE = """
from late import Late
from tests.system.node.people import Walk
from wakeful import *
late = Child("late", Late, task="x", heartbeat=Heartbeat(every=0.3, timeout=0.7, startup=1.0))
tree = Gateway(Monitor("m", late, Child("w", Walk, task="x")))
"""


@pytest.mark.parametrize(
    ("body", "words"),
    [("raise RuntimeError('no driver here')", "no driver here"), ("time.sleep(3600)", "late.py")],
    ids=["raises", "hangs"],
)
def test_a_class_that_its_process_cannot_import_goes_to_review_and_its_siblings_run(
    harness: Harness, run: Run, tmp_path: Path, body: str, words: str
) -> None:
    (tmp_path / "late.py").write_text(LATE.format(body=body))
    (tmp_path / "tree.py").write_text(WITH_LATE)
    started = run("run", "tree.py:tree", "--detach")
    assert started.returncode == DONE, started.stderr
    row = harness.until_state("m/late", "review", within=40)
    assert words in row["why"]
    assert harness.row("m/w")["incarnation"] == 1
    assert harness.row("m/w")["state"] == "running"
    assert run("down").returncode == DONE


def knock(file: Path, data: bytes) -> None:
    """Bytes on a socket, as they come."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw, contextlib.suppress(OSError):
        raw.settimeout(1.0)
        raw.connect(str(file))
        raw.sendall(data)


def speak(file: Path, frames: list[bytes]) -> None:
    """The same by somebody who knows ZeroMQ."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 200
        dealer.connect(f"ipc://{file}")
        dealer.send_multipart(frames)


def test_garbage_on_every_socket_of_a_node_ends_nothing(harness: Harness, tmp_path: Path) -> None:
    node = Witness(harness, tmp_path).begin()
    files = [file for file in harness.directory.sockets.iterdir() if file.is_socket()]
    assert len(files) >= 6
    for file in files:
        for data in (b"", b"\0" * 5000, os.urandom(5000), b"\xff\xff\xff\xff" + os.urandom(100), b"\0\0\0\2{}"):
            knock(file, data)
        if file.name != "init":
            for frames in ([b""], [os.urandom(300)], [b"", b"\xc1" * 40], [os.urandom(10)] * 40, [b"\x91" * 3000]):
                speak(file, frames)
    node.survives()


@pytest.fixture
def small_disk() -> Iterator[NodeDirectory]:
    """A node directory on a file system of 4 MB."""
    with small_disk_of(4) as root:
        yield NodeDirectory(root / "n")


def fill(file: Path) -> None:
    """Leave no room on its file system."""
    with file.open("ab", buffering=0) as rest, contextlib.suppress(OSError):
        while rest.write(b"x" * 4096):
            pass


def test_on_a_full_disk_a_start_is_refused_with_one_line(run: Run, small_disk: NodeDirectory) -> None:
    small_disk.create()
    rest = small_disk.root.parent / "rest"
    fill(rest)
    refused(run("run", "tree.py:tree", node=small_disk.root), FAILED, str(small_disk.root), "No space left")
    assert not runs_in(small_disk)
    rest.unlink()


def test_a_disk_that_fills_up_makes_sessions_wait_and_loses_nothing(
    small_disk: NodeDirectory, tmp_path: Path, no_process_left: None
) -> None:
    harness = Harness(small_disk.create())
    node = Witness(harness, tmp_path).begin()
    rest = small_disk.root.parent / "rest"
    fill(rest)
    stood = [node.numbers(path)[-1] for path in WORKERS]
    harness.until(lambda: harness.call("status")["why"])
    assert [node.numbers(path)[-1] for path in WORKERS] >= stood
    rest.unlink()
    node.survives()
    harness.end()


def test_a_tree_that_was_changed_takes_effect_at_the_next_run_and_what_is_still_in_it_goes_on(
    harness: Harness, tmp_path: Path
) -> None:
    def worker(name: str, at: str) -> Child:
        args = {"book": str(tmp_path / f"{at}~{name}")}
        return Child(name, Bookkeeper, task="count", args=args, heartbeat=QUICK)

    harness.start(Gateway(Monitor("m", worker("stays", "m"), worker("goes", "m")), Monitor("old", worker("w", "old"))))
    paths = ("m/stays", "m/goes", "old/w")
    for path in paths:
        harness.until_event(path, "checkpoint", count=2)
    before = {path: harness.row(path)["pid"] for path in ("init", "gateway", *paths)}
    harness.keeper().kill()
    harness.keeper().wait()
    for path in ("init", "gateway"):
        os.kill(before[path], signal.SIGKILL)
    harness.start(Gateway(Monitor("m", worker("stays", "m"), worker("comes", "m")), Monitor("new", worker("w", "new"))))
    for path in ("m/comes", "new/w"):
        harness.until_event(path, "checkpoint")
    harness.until(lambda: not any(alive(before[path]) for path in ("m/goes", "old/w")))
    rows = harness.rows()
    assert rows["m/stays"]["pid"] == before["m/stays"]
    assert not {"m/goes", "old/w", "old"} & {path for path, row in rows.items() if row["pid"]}


def alive(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.state not in "ZX"
