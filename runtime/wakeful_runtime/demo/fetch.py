"""A small HTTP client on asyncio's streams: one request, one connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit


class FetchError(OSError):
    """The server didn't send what was asked for.

    Attributes:
        retry_after: seconds it asked us to wait, 0 if it didn't.
    """

    def __init__(self, what: str, retry_after: float = 0.0) -> None:
        super().__init__(what)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


async def request(url: str, *, method: str = "GET", body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """One request; put an `asyncio.timeout` around it.

    Raises:
        FetchError: the connection was cut in the middle of the answer, or it is no HTTP.
        OSError: no connection.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        lines = {"Host": parts.netloc, "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        writer.write(f"{method} {quote(parts.path)} HTTP/1.1\r\n{head}\r\n".encode() + body)
        await writer.drain()
        return await _read(reader)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def get(url: str, *, life: str = "") -> str:
    """A document's text.

    Raises:
        FetchError: any status but 200, or a cut connection.
    """
    answer = await request(url, headers={"X-Life": life})
    if answer.status != 200:
        raise FetchError(f"HTTP {answer.status}", float(answer.headers.get("retry-after", "0")))
    return answer.body.decode("utf-8", "replace")


async def _read(reader: asyncio.StreamReader) -> Answer:
    try:
        status = int((await reader.readline()).split(b" ", 2)[1])
        headers: dict[str, str] = {}
        while line := (await reader.readline()).strip():
            key, _, value = line.decode("latin-1").partition(":")
            headers[key.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers["content-length"]))
    except asyncio.IncompleteReadError as error:
        raise FetchError(f"the connection was cut after {len(error.partial)} bytes") from None
    except (IndexError, KeyError, ValueError):
        raise FetchError("the connection was cut, or this is no HTTP") from None
    return Answer(status, headers, body)
