"""Is this machine fit: each check says so, and what to do if it isn't."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from wakeful_runtime.cli.app import main
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.doctor import examine, kernel, room, software
from wakeful_runtime.doctor.finding import Finding


class Usage(NamedTuple):
    free: int


def test_this_machine_is_examined_and_nothing_is_left(tmp_path: Path) -> None:
    found = examine(NodeDirectory(tmp_path / "not" / "there" / "yet"), sessions=1)
    assert {each.check for each in found} >= {"system", "pidfd", "/proc", "python", "packages", "open files", "fsync"}
    assert list(tmp_path.iterdir()) == []
    for each in found:
        assert each.what
        assert each.state == "ok" or each.do, each


def test_json_is_one_value_and_the_exit_code_says_whether_it_is_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAKEFUL_NODE", str(tmp_path))
    good, bad = Finding("a", "warn", "x", "y"), Finding("b", "bad", "x", "y")
    monkeypatch.setattr("wakeful_runtime.doctor.examine", lambda where, sessions: [good])
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"fit": True, "checks": [{"check": "a", "state": "warn", "what": "x", "do": "y"}]}
    monkeypatch.setattr("wakeful_runtime.doctor.examine", lambda where, sessions: [good, bad])
    assert main(["doctor"]) == 1
    assert "not fit: 1 bad, 1 to mind, 0 ok" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hard", "state"), [(100, "bad"), (300, "warn"), (20_000, "ok"), (resource.RLIM_INFINITY, "ok")]
)
def test_descriptors_must_be_enough_for_the_sessions(monkeypatch: pytest.MonkeyPatch, hard: int, state: str) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (100, hard))
    assert room.descriptors(1000 if state == "ok" else 100).state == state


@pytest.mark.parametrize(("free", "state"), [(100 * 2**20, "bad"), (2**30, "warn"), (2**40, "ok")])
def test_the_disk_must_have_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free))
    assert next(room.disk(NodeDirectory(tmp_path))).state == state


def test_a_store_on_a_network_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_file_system", lambda folder: "nfs4")
    _, found, _ = room.disk(NodeDirectory(tmp_path))
    assert found.state == "bad"
    assert "--node" in found.do


@pytest.mark.parametrize(("took", "state"), [(0.002, "ok"), (0.2, "warn"), (3.0, "bad")])
def test_fsync_must_be_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: float, state: str) -> None:
    monkeypatch.setattr(room, "_sync_time", lambda folder: took)
    *_, found = room.disk(NodeDirectory(tmp_path))
    assert found.state == state


def test_a_long_path_moves_the_sockets_and_says_so(tmp_path: Path) -> None:
    assert "too long" in room.sockets(NodeDirectory(tmp_path / ("x" * 120))).what


@pytest.mark.parametrize(("source", "state"), [("tsc", "ok"), ("hpet", "warn"), ("", "ok")])
def test_a_slow_clock_source_is_told(monkeypatch: pytest.MonkeyPatch, source: str, state: str) -> None:
    monkeypatch.setattr(kernel, "_text", lambda file: source)
    assert kernel.clock_source().state == state


def test_an_old_kernel_is_no_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_release", lambda: (6, 1))
    found = kernel.pidfds()
    assert found.state == "warn"
    assert "6.9" in found.what


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def needs(name: str) -> list[str]:
        return ["no-such-package-at-all>=1.0", "pyzmq>=999.0", 'pytest>=8; extra == "dev"']

    monkeypatch.setattr(software, "requires", needs)
    found = software.packages()
    assert found.state == "bad"
    assert "no-such-package-at-all is missing" in found.what
    assert "is older than 999.0" in found.what
    assert "pytest" not in found.what


def test_a_browser_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str, *args: Any) -> None:
        return None

    monkeypatch.setattr(shutil, "which", nowhere)
    assert software.browser().state == "ok"
