"""A small town of servers, seeded and hostile: it stalls, lies, confuses, freezes browsers and loses answers.

    GET  /page/7?run=R      a page of text
    GET  /window/7?run=R    a page as a browser loads it: `{"freezes": true}` if it can't take it
    POST /post?run=R        publishes the body; not idempotent, as the world is
    GET  /posts?run=R       what was published, a JSON list
    POST /drafts?run=R      puts the body before an editor

What happens is drawn from the seed, the run's name, the page, and how often the run has asked for it: a bare agent and
a supervised one meet the same until something happens; who tries again may well meet something again.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

Trouble = Literal["stall", "lie", "maze"]
"""It never answers; its answer makes the agent raise; its answer makes the agent compute for ever."""

TROUBLES: list[Trouble] = ["stall", "lie", "maze"]

LOST = 0.2
"""How many of the posts are published though the answer never comes."""

WORDS = (
    *("agent", "beacon", "cedar", "delta", "ember", "fjord", "grove", "harbor"),
    *("island", "jetty", "kernel", "lagoon", "meadow", "nectar", "orchid"),
)


def nameless(run: str) -> str:
    """A run's name without the `@...` that says who tries it."""
    return run.partition("@")[0]


class Town:
    """Serves until the block ends.

    Args:
        seed: of all troubles and texts.
        rate: how likely something happens to a run that asks for each of its pages once.
        pages: how many that are.
        same: what of a run's name its troubles are drawn from.

    Attributes:
        posts: what was published by each run, and when (wall time).
        heard: when each run was last heard of, on the monotonic clock.
    """

    def __init__(self, seed: int, rate: float, pages: int, same: Callable[[str], str] = nameless) -> None:
        self.seed, self.same = seed, same
        self.page_rate = 1.0 - (1.0 - rate) ** (1.0 / pages)
        self.posts: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self.drafts: dict[str, list[str]] = defaultdict(list)
        self.visits: Counter[str] = Counter()
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

    def trouble(self, run: str, page: str, visit: int) -> Trouble | None:
        """What happens at a page the visit-th time the run asks for it, if anything does."""
        dice = random.Random(f"{self.seed}/{self.same(run)}/{page}/{visit}")
        return dice.choices(TROUBLES, [4, 4, 2])[0] if dice.random() < self.page_rate else None

    def twice(self, run: str) -> bool:
        """Whether a run has published more than once, or put the same draft before an editor again."""
        return len(self.posts[run]) > 1 or len(set(self.drafts[run])) < len(self.drafts[run])

    def get(self, request: BaseHTTPRequestHandler) -> None:
        """A page, or what was published."""
        place, run = self._place(request)
        if place[0] == "posts":
            return _answer(request, json.dumps([text for _, text in self.posts[run]]))
        self.visits[f"{run} {place[1]}"] += 1
        trouble = self.trouble(run, place[1], self.visits[f"{run} {place[1]}"])
        if place[0] == "window":
            return _answer(request, json.dumps({"freezes": trouble is not None}))
        if trouble == "stall":
            self.closing.wait()
            return None
        if trouble is not None:
            return _answer(request, "{" if trouble == "lie" else json.dumps({"text": "a" * 40 + "!"}))
        dice = random.Random(f"{self.seed}/{place[1]}")
        return _answer(request, json.dumps({"text": " ".join(dice.choices(WORDS, k=60))}))

    def post(self, request: BaseHTTPRequestHandler) -> None:
        """Publishes; of some first posts the answer is lost on its way."""
        place, run = self._place(request)
        text = request.rfile.read(int(request.headers["Content-Length"])).decode()
        if place[0] == "drafts":
            self.drafts[run].append(text)
            return _answer(request, "{}")
        self.posts[run].append((time.time(), text))
        if len(self.posts[run]) == 1 and random.Random(f"{self.seed}/{self.same(run)}/answer").random() < LOST:
            request.close_connection = True
            return None
        return _answer(request, "{}")

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
