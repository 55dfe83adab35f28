"""One-shot, synchronous calls to init for the command line: look at the table, ask for a stop."""

from __future__ import annotations

import socket
from typing import Any

from wakeful.errors import NodeError
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.init.framing import Decoder, FrameError, encode


def table(directory: NodeDirectory, *, timeout: float = 5.0) -> dict[str, Any]:
    """All lives and who keeps them: `{init, init_incarnation, boot_id, keeper, stopping, table: [...]}`.

    `keeper` is None when the keeper is dead. Each row is a `LifeRecord` with `state` and `exit`.

    Raises:
        NodeError: no node runs there, or its init doesn't answer within `timeout` seconds.
    """
    return _call(directory, {"do": "table"}, timeout)


def status(directory: NodeDirectory, *, timeout: float = 5.0) -> dict[str, Any]:
    """As `table` without the lives, with counts: `connections`, `dropped` (garbage on the socket). Raises NodeError."""
    return _call(directory, {"do": "status"}, timeout)


def stop(directory: NodeDirectory, why: str, *, timeout: float = 5.0) -> None:
    """Ask for an orderly stop; returns when it is ordered, not when it is done. Raises NodeError."""
    _call(directory, {"do": "stop", "why": why}, timeout)


def _call(directory: NodeDirectory, request: dict[str, Any], timeout: float) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout)
        try:
            line.connect(str(directory.init_socket))
            line.sendall(encode({"do": "hello", "id": 1, "observer": True}) + encode({**request, "id": 2}))
            return _reply(line, 2)
        except (FileNotFoundError, ConnectionError):
            raise NodeError(f"no node runs in {directory.root}") from None
        except TimeoutError:
            raise NodeError(f"the node in {directory.root} did not answer within {timeout:g} s") from None
        except (OSError, FrameError) as error:
            raise NodeError(f"can't talk to the node in {directory.root}: {error}") from None


def _reply(line: socket.socket, number: int) -> dict[str, Any]:
    decoder = Decoder()
    reply: dict[str, Any] = {}
    while True:
        page = decoder.pop()
        if page is None:
            data = line.recv(1 << 18)
            if not data:
                raise ConnectionResetError
            decoder.feed(data)
        elif page.get("re") == number:
            if not page.get("ok"):
                raise NodeError(f"{page.get('error')}: {page.get('why')}")
            reply = {**page, "table": [*reply.get("table", []), *page.get("table", [])]} if "table" in page else page
            if not page.get("more"):
                return {key: value for key, value in reply.items() if key not in ("re", "ok", "more")}
