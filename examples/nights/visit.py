"""How the agents speak to the town: plain calls without a timeout, as in most agents."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from typing import Any
from urllib.request import Request, urlopen

WORDS = re.compile(r"^((\w+)\s?)+$")
"""A pattern as people write them: on the wrong text it backtracks for ever."""


async def read(town: str, page: int, run: str) -> str:
    """A page's text."""
    body = await asyncio.to_thread(_get, f"{town}/page/{page}?run={run}")
    return str(json.loads(body)["text"])


def keywords(text: str) -> list[str]:
    """The three most frequent words."""
    if WORDS.match(text) is None:
        return []
    return [word for word, _ in Counter(text.split()).most_common(3)]


def publish(town: str, run: str, text: str) -> str:
    """Post it to the world: not idempotent."""
    with urlopen(Request(f"{town}/post?run={run}", text.encode(), method="POST")) as answer:
        answer.read()
    return text


def published(town: str, run: str, text: str) -> str | None:
    """Whether it is out there."""
    posts: list[Any] = json.loads(_get(f"{town}/posts?run={run}"))
    return text if text in posts else None


def draft(town: str, run: str, text: str) -> str:
    """Put it before an editor."""
    with urlopen(Request(f"{town}/drafts?run={run}", text.encode(), method="POST")) as answer:
        answer.read()
    return text


def drafted(town: str, run: str, text: str) -> str | None:
    """Editors don't tell; a draft that comes twice is a nuisance, no harm."""
    return None


def _get(url: str) -> bytes:
    with urlopen(url) as answer:
        body: bytes = answer.read()
    return body
