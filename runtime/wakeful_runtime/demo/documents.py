"""The demo's web: a hostile HTTP server on 127.0.0.1, in a process of its own, that also takes reports.

`python -m wakeful_runtime.demo.documents SEED` prints `{"port": N}` and serves until its standard input is closed, so
that it can't outlive whoever started it.

`GET /documents/NAME` is a document, or what `hostility` makes of it. `PUT /reports/NAME` and `GET /reports/NAME` keep
reports; they are honest. `GET /served` says which life was sent which document whole.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress
from urllib.parse import unquote

from wakeful_runtime.demo.corpus import Corpus
from wakeful_runtime.demo.hostility import Behaviour, behaviour

_STALL_S = 3600.0
_LINES_MAX = 100
_REASON = {
    200: "OK",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


class Documents:
    """The server's state; `handle` serves one connection, one request.

    Args:
        corpus: what it serves.
        seed: decides every trick.
    """

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.corpus = corpus
        self.seed = seed
        self.attempts: Counter[str] = Counter()
        self.tricks: Counter[str] = Counter()
        self.served: list[dict[str, str]] = []
        self.reports: dict[str, bytes] = {}
        self.publications: Counter[str] = Counter()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; a client that leaves or talks nonsense is no error of ours."""
        try:
            async with asyncio.timeout(30):
                method, path, headers = await _head(reader)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
            await self._answer(writer, method, unquote(path), headers, body)
        except (OSError, EOFError, ValueError, TimeoutError):
            pass
        except asyncio.CancelledError:  # the server ends; let through, asyncio.streams would log it as an error
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        kind, _, name = path.strip("/").partition("/")
        if kind == "documents" and method == "GET":
            await self._document(writer, name, headers.get("x-life", ""))
        elif kind == "reports" and method == "PUT":
            self.publications[name] += 1
            self.reports[name] = body
            await _send(writer, 200, b"{}")
        elif kind == "reports" and name in self.reports:
            await _send(writer, 200, self.reports[name])
        elif kind == "served":
            facts = {"served": self.served, "tricks": self.tricks, "publications": self.publications}
            await _send(writer, 200, json.dumps(facts).encode())
        else:
            await _send(writer, 404, b"")

    async def _document(self, writer: asyncio.StreamWriter, name: str, life: str) -> None:
        try:
            body = self.corpus.text(name).encode()
        except (KeyError, OSError):
            await _send(writer, 404, b"")
            return
        # Counted per asker: what one session does must not change what another meets.
        asker = life.partition("#")[0]
        self.attempts[f"{asker} {name}"] += 1
        treatment = behaviour(self.seed, name, self.attempts[f"{asker} {name}"])
        self.tricks[treatment.trick] += 1
        await asyncio.sleep(treatment.latency)
        if treatment.trick not in {"none", "slow"}:
            await _play(writer, treatment, body)
            return
        *before, last = _pieces(body, 6 if treatment.trick == "slow" else 1)
        writer.write(_head_of(200, len(body)))
        for piece in before:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.12)
        self.served.append({"life": life, "document": name})  # before the last byte: the client may ask at once
        writer.write(last)
        await writer.drain()


async def _play(writer: asyncio.StreamWriter, treatment: Behaviour, body: bytes) -> None:
    """A trick after which the client has no document."""
    if treatment.trick == "stall":
        await asyncio.sleep(_STALL_S)
    elif treatment.trick == "busy":
        await _send(writer, 429, b"", "Retry-After: 1\r\n")
    elif treatment.trick == "error":
        await _send(writer, 500, b"")
    elif treatment.trick == "cut":
        writer.write(_head_of(200, len(body)) + body[: len(body) // 2])
        await writer.drain()


async def _head(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]]:
    method, path, _ = (await reader.readline()).decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    for _ in range(_LINES_MAX):
        line = (await reader.readline()).decode("latin-1").strip()
        if not line:
            return method, path, headers
        key, _, value = line.partition(":")
        headers[key.strip().lower()] = value.strip()
    raise ValueError("too many header lines")


def _head_of(status: int, length: int, more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} {_REASON[status]}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n".encode()
    )


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, more: str = "") -> None:
    writer.write(_head_of(status, len(body), more) + body)
    await writer.drain()


def _pieces(body: bytes, count: int) -> list[bytes]:
    size = max(1, -(-len(body) // count))
    return [body[start : start + size] for start in range(0, len(body), size)]


async def serve(seed: int) -> None:
    """Serve until standard input ends; the first line on standard output says where."""
    documents = Documents(Corpus(), seed)
    server = await asyncio.start_server(documents.handle, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
