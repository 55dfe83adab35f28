from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.unit.store.books import PATH, Books

from wakeful.errors import NodeError
from wakeful_runtime.store import reader
from wakeful_runtime.store.checkpoints import state_hash
from wakeful_runtime.store.schema import STEPS, VERSION, migrate, open_store, version_of
from wakeful_runtime.store.sqlite import Writer


def version(path: Path, number: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {number}")
    connection.close()


def test_a_new_store_has_this_version_and_can_be_opened_again(kept: Books) -> None:
    assert version_of(kept.db) == VERSION
    kept.restart()
    assert version_of(kept.db) == VERSION


def test_a_store_of_a_newer_version_is_refused_with_one_clear_line_and_left_alone(kept: Books) -> None:
    kept.close()
    assert isinstance(kept.path, Path)
    version(kept.path, VERSION + 3)
    before = kept.path.read_bytes()
    for opened in (open_store, reader):
        with pytest.raises(NodeError, match=rf"schema {VERSION + 3}, this wakeful knows {VERSION}.*newer") as error:
            opened(kept.path)
        assert "\n" not in str(error.value)
    assert kept.path.read_bytes() == before


def test_each_step_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    db = Writer.connect(path)
    broken = "CREATE TABLE extra (a);\nCREATE TABLE runs (b);\n"
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, str(path), (*STEPS, broken))
    assert version_of(db) == VERSION
    assert db.row("SELECT 1 FROM sqlite_master WHERE name = 'extra'") is None
    migrate(db, str(path), (*STEPS, "CREATE TABLE extra (a);\n"))
    assert version_of(db) == VERSION + 1
    db.close()


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NodeError, match="no store of wakeful's"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"not a database " * 1000)
    for opened in (open_store, reader):
        with pytest.raises(NodeError, match="not a database"):
            opened(path)


def test_a_damaged_store_is_found_at_the_start_and_says_what_to_do(kept: Books) -> None:
    run_id = kept.begin()["run_id"]
    for number in range(5):
        kept.checkpoint(run_id, number, name="n", state=b"x" * 20_000, hash=state_hash(b"x" * 20_000))
    kept.close()
    assert isinstance(kept.path, Path)
    data = bytearray(kept.path.read_bytes())
    data[4096 * 2 :] = b"\xff" * (len(data) - 4096 * 2)
    kept.path.write_bytes(data)
    with pytest.raises(NodeError, match=r"damaged.*wakeful backup"):
        open_store(kept.path)


def test_a_symlink_in_place_of_the_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "store.sqlite3").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NodeError, match="symlink"):
        open_store(tmp_path / "store.sqlite3")


def test_history_is_read_from_the_file_alone_also_beside_a_writer(kept: Books) -> None:
    run_id = kept.begin()["run_id"]
    kept.checkpoint(run_id, 1)
    with reader(kept.path) as beside:
        assert [row["event"] for row in beside.events(path=PATH)] == ["checkpoint"]
    kept.close()
    with reader(kept.path) as after:
        assert [row["seq"] for row in after.checkpoints(path=PATH)] == [1]
        assert [row["run_id"] for row in after.runs()] == [run_id]
        assert after.incidents(open=True) == []
        assert after.request("lives", path=PATH)["rows"][0]["incarnation"] == 1


def test_a_reader_writes_nothing(kept: Books) -> None:
    with reader(kept.path) as beside:
        with pytest.raises(NodeError, match="running node"):
            beside.request("meta_put", key="k", value=1)
        with pytest.raises(NodeError, match="no run"):
            beside.request("run", path="nobody")


def test_where_no_node_has_run_there_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="no node has run"):
        reader(tmp_path / "store.sqlite3")
    assert list(tmp_path.iterdir()) == []
