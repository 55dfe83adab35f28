"""The files of lives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.lives import LifeFile, LifeFiles, LifeRecord, owner_of

LIFE = LifeRecord(
    path="sessions/night",
    kind="session",
    incarnation=2,
    pid=100,
    start=1.0,
    inode=1,
    boot_id="b",
    token="t",
    owner="sessions",
    forked_at=1.0,
)


def test_a_life_finds_in_its_file_who_supervises_it_now(tmp_path: Path) -> None:
    directory = NodeDirectory(tmp_path / "n").create()
    files = LifeFiles(directory)
    files.write(LifeFile(LIFE, "running"))
    assert owner_of(directory, "sessions/night", 2) == "sessions"
    files.write(LifeFile(replace(LIFE, owner="sessions/watcher"), "running"))
    assert owner_of(directory, "sessions/night", 2) == "sessions/watcher"


def test_without_a_file_that_can_be_read_it_stays_where_it_is(tmp_path: Path) -> None:
    directory = NodeDirectory(tmp_path / "n").create()
    assert owner_of(directory, "sessions/night", 2) is None
    Path(f"{directory.life('sessions/night')}.2.json").write_bytes(b"{")
    assert owner_of(directory, "sessions/night", 2) is None
