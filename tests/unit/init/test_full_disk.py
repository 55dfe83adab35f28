"""A full disk is told, and ends neither init nor what it would say of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.forker import Forker, Refusal
from wakeful_runtime.init.registry import Registry
from wakeful_runtime.init.saying import say


def no_space(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry(NodeDirectory(tmp_path / "n").create())
    monkeypatch.setattr(os, "fsync", no_space)
    return made


def test_init_comes_up_with_a_number_in_memory(registry: Registry) -> None:
    assert (registry.number_of_init(), registry.number_of_init()) == (1, 2)


def test_a_fork_that_cannot_be_numbered_is_refused(registry: Registry, tmp_path: Path) -> None:
    forker = Forker(NodeDirectory(tmp_path / "n"), registry, lambda birth: 0, lambda: None, "boot")
    with pytest.raises(Refusal, match="No space left"):
        forker.fork("gateway", "gateway", None, b"", "gateway")


def test_a_word_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "full")

        def flush(self) -> None: ...

    monkeypatch.setattr("sys.stderr", Full())
    say("anything")
