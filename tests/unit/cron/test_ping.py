"""The switch outside: asked for while the scheduler turns, at most once in a while, and never in its way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import structlog
from structlog.testing import capture_logs

from wakeful_runtime.scheduler.ping import VARIABLE, Ping

LOG = structlog.get_logger("test")


class Server:
    """Counts what is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                if self.path.endswith("garbage"):
                    self.wfile.write(b"what?\r\n\r\n")
                    return
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 (http.server's name)

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/secret"
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


async def test_it_is_asked_for_once_in_a_while(server: Server) -> None:
    ping = Ping(server.url, LOG, every=3600.0)
    for _ in range(5):
        ping.turned()
        await ping.answered()
    assert server.asked == ["/secret"]


async def test_one_that_fails_is_logged_without_its_secret(server: Server) -> None:
    server.http.server_close()
    ping = Ping("http://127.0.0.1:1/secret", LOG)
    with capture_logs() as logs:
        ping.turned()
        await ping.answered()
    assert [row["event"] for row in logs] == ["ping failed"]
    assert "secret" not in str(logs)


@pytest.mark.parametrize(("more", "why"), [(" key", "InvalidURL"), ("/garbage", "BadStatusLine")])
async def test_one_that_http_can_not_speak_of_is_logged_the_same_way(server: Server, more: str, why: str) -> None:
    ping = Ping(server.url + more, LOG)
    with capture_logs() as logs:
        ping.turned()
        await ping.answered()
    assert [(row["event"], row["why"]) for row in logs] == [("ping failed", why)]
    assert "secret" not in str(logs)


async def test_what_is_no_http_url_is_refused_and_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "file:///etc/passwd")
    with capture_logs() as logs:
        ping = Ping.of_environment(LOG)
        ping.turned()
    assert logs[0]["log_level"] == "error" and not ping.asking
    monkeypatch.delenv(VARIABLE)
    Ping.of_environment(LOG).turned()
