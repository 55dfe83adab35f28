"""A small town of servers, seeded and hostile: it stalls, lies, confuses and cuts connections, once per run each.

    GET  /page/7?run=R    a page of text
    POST /post?run=R      publishes the body; not idempotent, as the world is
    GET  /posts?run=R     what was published, a JSON list
    POST /drafts?run=R    puts the body before an editor

What happens to a run is drawn from the seed and the run's name alone: a bare agent and a supervised one meet the same.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

Trouble = Literal["stall", "lie", "maze"]
"""It never answers; its answer makes the agent raise; its answer makes the agent compute for ever."""

TROUBLES: list[Trouble] = ["stall", "lie", "maze"]

WORDS = (
    *("agent", "beacon", "cedar", "delta", "ember", "fjord", "grove", "harbor"),
    *("island", "jetty", "kernel", "lagoon", "meadow", "nectar", "orchid"),
)


@dataclass(frozen=True)
class Fate:
    """What happens to a run: at which page, or with which post."""

    trouble: Trouble
    page: int


class Town:
    """Serves until the block ends.

    Args:
        seed: of all fates and texts.
        rate: how likely something happens to a run.
        pages: how many pages a run asks for.

    Attributes:
        heard: when each run was last heard of, on the monotonic clock.
    """

    def __init__(self, seed: int, rate: float, pages: int) -> None:
        self.seed, self.rate, self.pages = seed, rate, pages
        self.posts: dict[str, list[str]] = defaultdict(list)
        self.drafts: dict[str, list[str]] = defaultdict(list)
        self.met: set[str] = set()
        self.heard: dict[str, float] = {}
        self.closing = threading.Event()
        town = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                town.get(self)

            def do_POST(self) -> None:
                town.post(self)

            def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 (http.server's name)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fate(self, run: str) -> Fate | None:
        """What happens to a run, if anything does. A name may end in `@...`: who tries it makes no difference."""
        dice = random.Random(f"{self.seed}/{run.partition('@')[0]}")
        if dice.random() >= self.rate:
            return None
        return Fate(dice.choices(TROUBLES, [4, 4, 2])[0], dice.randrange(self.pages))

    def get(self, request: BaseHTTPRequestHandler) -> None:
        """A page, or what was published."""
        place, run = self._place(request)
        if place[0] == "posts":
            return _answer(request, json.dumps(self.posts[run]))
        page = int(place[1])
        fate = self.fate(run)
        if fate is not None and fate.page == page and run not in self.met:
            self.met.add(run)
            if fate.trouble == "stall":
                self.closing.wait()
                return None
            return _answer(request, "{" if fate.trouble == "lie" else json.dumps({"text": "a" * 40 + "!"}))
        dice = random.Random(f"{self.seed}/{page}")
        return _answer(request, json.dumps({"text": " ".join(dice.choices(WORDS, k=60))}))

    def post(self, request: BaseHTTPRequestHandler) -> None:
        """Publishes; one time in three of those that meet trouble, the answer is lost on its way."""
        place, run = self._place(request)
        text = request.rfile.read(int(request.headers["Content-Length"])).decode()
        (self.posts if place[0] == "post" else self.drafts)[run].append(text)
        fate = self.fate(run)
        if fate is not None and fate.page % 3 == 0 and len(self.posts[run]) == 1:
            request.close_connection = True
            return
        _answer(request, "{}")

    def _place(self, request: BaseHTTPRequestHandler) -> tuple[list[str], str]:
        parts = urlsplit(request.path)
        run = parse_qs(parts.query)["run"][0]
        self.heard[run] = time.monotonic()
        return parts.path.strip("/").split("/"), run


def _answer(request: BaseHTTPRequestHandler, body: str) -> None:
    try:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body.encode())
    except OSError:
        return  # whoever asked was killed meanwhile
