"""The token: made once, for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.web.token import Door, ensure_token, new_token, read_token, token_file


@pytest.fixture
def directory(tmp_path: Path) -> NodeDirectory:
    return NodeDirectory(tmp_path / "n").create()


def test_it_is_made_once_and_only_its_owner_may_read_it(directory: NodeDirectory) -> None:
    assert read_token(directory) is None
    token = ensure_token(directory)
    assert len(token) >= 43
    assert ensure_token(directory) == token
    assert stat.S_IMODE(token_file(directory).stat().st_mode) == 0o600


def test_a_new_one_closes_the_door_to_the_old_one_at_once(directory: NodeDirectory) -> None:
    door = Door(directory)
    assert not door.opens("")
    old = ensure_token(directory)
    assert door.opens(old)
    assert not door.opens(old[:-1])
    assert not door.opens("é")
    new = new_token(directory)
    assert door.opens(new)
    assert not door.opens(old)


def test_a_file_others_can_read_opens_nothing(directory: NodeDirectory) -> None:
    token = ensure_token(directory)
    token_file(directory).chmod(0o644)
    with pytest.raises(NodeError, match="wakeful token --new"):
        Door(directory).opens(token)
    new_token(directory)
    assert read_token(directory) != token


def test_a_link_is_not_followed(directory: NodeDirectory, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("known\n")
    token_file(directory).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NodeError):
        read_token(directory)
