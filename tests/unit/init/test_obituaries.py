"""How inits and keepers ended outlives those who saw it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakeful_runtime.init.obituaries import KEPT, Ended, Obituaries


def test_what_was_noted_is_known_to_whoever_comes_next(tmp_path: Path) -> None:
    Obituaries(tmp_path / "init.ends").note("killed by SIGKILL")
    later = Obituaries(tmp_path / "init.ends")
    later.note("the node died as a whole")
    assert [each.how for each in Obituaries(tmp_path / "init.ends")] == [
        "killed by SIGKILL",
        "the node died as a whole",
    ]


def test_what_another_process_remembers_is_told_once_and_in_order(tmp_path: Path) -> None:
    one = Obituaries(tmp_path / "init.ends")
    one.note("killed by SIGKILL")
    known = (Ended("1.000000", "long ago"), *one)
    assert [each.how for each in Obituaries(tmp_path / "init.ends", known)] == ["long ago", "killed by SIGKILL"]


def test_they_are_bounded(tmp_path: Path) -> None:
    kept = Obituaries(tmp_path / "init.ends")
    for number in range(KEPT + 5):
        kept.note(str(number))
    assert [each.how for each in kept] == [str(number) for number in range(5, KEPT + 5)]


def test_an_orderly_stop_forgets_them(tmp_path: Path) -> None:
    kept = Obituaries(tmp_path / "init.ends")
    kept.note("killed by SIGKILL")
    kept.forget()
    assert list(kept) == []
    assert list(Obituaries(tmp_path / "init.ends")) == []


@pytest.mark.parametrize("bytes_", [b"", b"{", b"[1]", b"[[1]]", b"null", b"\xff"])
def test_a_file_that_cannot_be_read_is_none(tmp_path: Path, bytes_: bytes) -> None:
    (tmp_path / "init.ends").write_bytes(bytes_)
    assert list(Obituaries(tmp_path / "init.ends")) == []


def test_without_a_disk_they_are_remembered(tmp_path: Path) -> None:
    kept = Obituaries(tmp_path / "nowhere" / "init.ends")
    kept.note("killed by SIGKILL")
    assert [each.how for each in kept] == ["killed by SIGKILL"]
