"""Life records, exit reports and their files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.lives import MARKER, ExitReport, LifeFile, LifeFiles, LifeRecord, marker
from wakeful_runtime.init.registry import Numbers

LIFE = LifeRecord(
    path="research/weekly",
    kind="session",
    incarnation=3,
    pid=4711,
    start=123456.0,
    inode=4712,
    boot_id="b",
    token="00ff" * 8,
    owner="research",
    forked_at=12.5,
)
REPORT = ExitReport(
    path=LIFE.path,
    incarnation=3,
    pid=4711,
    code=None,
    signal=9,
    core=False,
    unknown=False,
    maxrss=1,
    utime=0.5,
    stime=0.25,
    empty=True,
    leftover=(1234, 1235),
    at=13.0,
    oom=None,
)
LIVES = st.builds(
    LifeRecord,
    path=st.text(min_size=1),
    kind=st.text(),
    incarnation=st.integers(1),
    pid=st.integers(2),
    start=st.floats(allow_nan=False, allow_infinity=False),
    inode=st.integers(0),
    boot_id=st.text(),
    token=st.text(),
    owner=st.text(),
    forked_at=st.floats(allow_nan=False, allow_infinity=False),
)


@given(LIVES)
def test_life_comes_back_equal_from_json(life: LifeRecord) -> None:
    assert LifeRecord.from_json(json.loads(json.dumps(life.to_json()))) == life


def test_report_comes_back_equal_from_json() -> None:
    assert ExitReport.from_json(json.loads(json.dumps(REPORT.to_json()))) == REPORT


@pytest.mark.parametrize("change", [{"pid": "4711"}, {"pid": None}, {"pid": True}, {"path": 3}, {"token": None}])
def test_life_of_a_wrong_type_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is not"):
        LifeRecord.from_json({**LIFE.to_json(), **change})


def test_files_keep_every_life_until_it_is_removed(tmp_path: Path) -> None:
    files = LifeFiles(NodeDirectory(tmp_path / "n").create())
    older = replace(LIFE, incarnation=2)
    files.write(LifeFile(older, "exited", replace(REPORT, incarnation=2)))
    files.write(LifeFile(LIFE, "forking"))
    files.write(LifeFile(LIFE, "running"))
    assert sorted((each.life.incarnation, each.state) for each in files.read()) == [(2, "exited"), (3, "running")]
    files.remove(LIFE.path, 2)
    files.remove(LIFE.path, 2)
    assert [each.life for each in files.read()] == [LIFE]


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"life": {}, "state": "running", "exit": null}', b"\xff\xfe"])
def test_torn_files_are_skipped_and_cleaned(tmp_path: Path, torn: bytes) -> None:
    directory = NodeDirectory(tmp_path / "n").create()
    files = LifeFiles(directory)
    files.write(LifeFile(LIFE, "running"))
    (directory.lives / "abc.1.json").write_bytes(torn)
    (directory.lives / "abc.2.json.new").write_bytes(torn)
    assert [each.life for each in files.read()] == [LIFE]
    files.clean()
    assert len(list(directory.lives.iterdir())) == 1


def test_marker_does_not_give_the_token_away() -> None:
    assert LIFE.token not in marker(LIFE.token)
    assert marker(LIFE.token) == marker(LIFE.token) != marker("another")
    assert MARKER.startswith("WAKEFUL_")


def test_numbers_grow_over_restarts_and_over_a_torn_file(tmp_path: Path) -> None:
    directory = NodeDirectory(tmp_path / "n").create()
    numbers = Numbers(directory)
    assert [numbers.take("gateway", numbers.last("gateway") + 1) for _ in range(2)] == [1, 2]
    assert Numbers(directory).last("gateway") == 2
    assert Numbers(directory).last("store") == 0
    (directory.root / "incarnations.json").write_text("{")
    assert Numbers(directory).last("gateway") > 2
