"""Init's socket: garbage, forgery and silence cost their sender the connection, nobody else."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from wakeful_runtime.init import initcall
from wakeful_runtime.init.framing import Decoder, encode
from wakeful_runtime.init.initclient import InitRefused, LifeGiven
from wakeful_runtime.init.lives import ExitReport

if TYPE_CHECKING:
    from tests.system.init.conftest import SmallNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc of Linux")

GARBAGE = [
    b"\xff\xff\xff\xff and more",
    b"\x00\x00\x00\x04nope",
    b"\x00\x00\x00\x02[]",
    b"\x00\x00\x00\x02{}",
    encode({"do": 7, "id": 1}),
    encode({"do": "hello", "id": "x"}),
    (100_000).to_bytes(4, "big") + b"[" * 100_000,
    os.urandom(4096),
]


def dial(node: SmallNode) -> socket.socket:
    """A bare connection."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    line.connect(str(node.directory.init_socket))
    return line


def answer(line: socket.socket) -> dict[str, Any]:
    """The next frame; `{}` when it was closed."""
    decoder = Decoder()
    while (message := decoder.pop()) is None:
        data = line.recv(65536)
        if not data:
            return {}
        decoder.feed(data)
    return message


def about(descriptor: int) -> str:
    """What the kernel says of a descriptor of ours."""
    return Path(f"/proc/self/fdinfo/{descriptor}").read_text()


async def test_garbage_is_counted_and_dropped_and_ends_nothing(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    init = small_node.table()["init"]
    for garbage in GARBAGE:
        with dial(small_node) as line:
            line.sendall(garbage)
            line.shutdown(socket.SHUT_WR)
            assert answer(line) == {}
    assert initcall.status(small_node.directory)["dropped"] >= len(GARBAGE) - 1  # random bytes may be a long frame
    assert small_node.table()["init"] == init
    assert sup.client.connected
    await sup.fork("sup/a", "idle")


async def test_wrong_arguments_are_answered_and_the_line_stays(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    life = small_node.life("sup")
    await sup.client.close()
    with dial(small_node) as line:
        hello = {"do": "hello", "path": life.path, "incarnation": life.incarnation, "token": life.token}
        line.sendall(encode({**hello, "id": 1}))
        assert answer(line)["ok"]
        for bad in (
            {"do": "fork"},
            {"do": "fork", "path": "", "kind": "idle", "incarnation": 1},
            {"do": "fork", "path": "gateway", "kind": "gateway", "incarnation": 99},
            {"do": "fork", "path": "sup/a", "kind": "idle", "incarnation": "1"},
            {"do": "fork", "path": "sup/a", "kind": "idle", "incarnation": 1, "boot": "!"},
            {"do": "signal", "path": "sup", "incarnation": 1, "signal": 4000},
            {"do": "signal", "path": "sup/a", "incarnation": "x", "signal": 15},
            {"do": "dance"},
        ):
            line.sendall(encode({**bad, "id": 2}))
            reply = answer(line)
            assert (reply["ok"], reply["error"]) == (False, "bad"), bad


async def test_forged_token_and_other_incarnation_are_denied(small_node: SmallNode) -> None:
    small_node.start()
    life = small_node.life("sup")
    for forged in (replace(life, token="0" * 32), replace(life, incarnation=life.incarnation + 1)):
        with pytest.raises(InitRefused, match="denied"):
            await small_node.supervisor_of(forged).client.connect()


async def test_nothing_is_answered_before_hello_and_observers_only_look(small_node: SmallNode) -> None:
    small_node.start()
    with dial(small_node) as line:
        line.sendall(encode({"do": "table", "id": 1}))
        assert answer(line)["error"] == "denied"
        line.sendall(encode({"do": "hello", "observer": True, "id": 2}))
        assert answer(line)["ok"]
        for verb in ("fork", "end", "signal", "ack", "give", "beat", "stopped"):
            line.sendall(encode({"do": verb, "id": 3, "path": "sup", "incarnation": 1}))
            assert answer(line)["error"] == "denied", verb


async def test_a_supervisor_may_not_touch_lives_of_others(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    with pytest.raises(InitRefused, match="denied"):
        await sup.client.end("gateway", small_node.life("gateway").incarnation)


async def test_newer_connection_of_a_path_replaces_the_older(small_node: SmallNode) -> None:
    small_node.start()
    first = await small_node.supervisor()
    await first.client.close()
    second = await small_node.supervisor()
    assert second.client.connected


async def test_given_life_goes_to_its_new_owner_with_a_descriptor_and_its_exit_too(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    other = small_node.supervisor_of((await sup.fork("sup/other", "idle")).life)
    await other.client.connect()
    await sup.fork("sup/a", "idle")
    await sup.client.give("sup/a", "sup/other")
    given = await other.told(LifeGiven)
    assert given.life.owner == "sup/other"
    assert given.pidfd is not None
    os.close(given.pidfd)
    await other.client.end("sup/a", 1)
    assert (await other.told(ExitReport)).path == "sup/a"


async def test_table_longer_than_a_frame_of_descriptors_comes_whole(small_node: SmallNode) -> None:
    small_node.start()
    sup = await small_node.supervisor()
    count = 230
    for number in range(count):
        await sup.fork(f"sup/{number}", "idle")
    await sup.client.close()
    again = await small_node.supervisor()
    assert len({held.life.pid for held in again.first}) == count
    assert len({held.pidfd for held in again.first}) == count
    for held in again.first:
        assert held.pidfd is not None
        assert f"Pid:\t{held.life.pid}\n" in about(held.pidfd)


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user")
async def test_another_user_is_dropped_even_where_the_directory_lets_him_in(small_node: SmallNode) -> None:
    small_node.start()
    before = initcall.status(small_node.directory)["dropped"]
    where = small_node.directory
    folders = (where.root.parent, where.root, where.sockets)
    modes = [folder.stat().st_mode for folder in folders]
    for folder in folders:
        folder.chmod(0o711)
    where.init_socket.chmod(0o666)
    try:
        assert _asked_as(65534, small_node) == 0
    finally:
        where.init_socket.chmod(0o600)
        for folder, mode in zip(folders, modes, strict=True):
            folder.chmod(mode)
    assert initcall.status(where)["dropped"] == before + 1


def _asked_as(uid: int, node: SmallNode) -> int:
    child = os.fork()
    if child == 0:
        _ask_as(uid, node)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _ask_as(uid: int, node: SmallNode) -> None:
    """In a fork: 0 if init hung up without a word, 1 if it answered, 2 if it could not be asked."""
    status = 2
    try:
        os.setuid(uid)
        with dial(node) as line:
            line.sendall(encode({"do": "hello", "id": 1, "observer": True}))
            status = int(bool(answer(line)))
    except (BrokenPipeError, ConnectionResetError):
        status = 0
    finally:
        os._exit(status)
