"""What a server answers to Apprise, which itself says only yes or no: the status, and how long to wait.

Apprise's plug-ins call `requests` directly, so its sessions are listened to, in the herald's process alone. What is
heard belongs to one attempt: it is kept in a context variable, which Apprise hands to threads it starts.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

MOST_WORDS = 10


@dataclass(slots=True)
class Heard:
    """Of one attempt.

    Attributes:
        status, headers: of the last answer; None: there was none.
        trouble: why there was none, in words of ours; a library's own may hold the URL.
        perhaps: the request may have been read all the same.
        words: the last lines Apprise has logged; they may hold secrets.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    trouble: str = ""
    perhaps: bool = False
    words: list[str] = field(default_factory=list[str])


_HEARD: ContextVar[Heard | None] = ContextVar("heard", default=None)
_listening = False


@contextlib.contextmanager
def overhear() -> Generator[Heard]:
    """Listen to what is said in this context."""
    _listen()
    heard = Heard()
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)


def _listen() -> None:
    global _listening
    if _listening:
        return
    _listening = True
    import requests

    plain = requests.Session.send

    def send(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        heard = _HEARD.get()
        try:
            response = plain(self, request, **options)
        except requests.RequestException as error:
            if heard is not None:
                heard.status = None
                heard.trouble, heard.perhaps = _trouble(error)
            raise
        if heard is not None:
            heard.status, heard.headers = response.status_code, dict(response.headers)
        return response

    requests.Session.send = send  # type: ignore[method-assign]
    log = logging.getLogger("apprise")
    log.propagate = False  # its lines may hold URLs, and the herald's log is read by people
    log.addHandler(_Listener(logging.WARNING))


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        heard = _HEARD.get()
        if heard is not None:
            heard.words = [*heard.words, record.getMessage()][-MOST_WORDS:]


def _trouble(error: Exception) -> tuple[str, bool]:
    """Why there was no answer, and whether the message may have arrived."""
    import requests

    causes = [type(cause).__name__ for cause in _causes(error)]
    if "NameResolutionError" in causes or "gaierror" in causes:
        return "its name can't be resolved: is the network up?", False
    if isinstance(error, requests.exceptions.ConnectTimeout) or "NewConnectionError" in causes:
        return "no connection: is the network up?", False
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted", False
    if isinstance(error, requests.exceptions.ReadTimeout):
        return "it took the message and did not answer", True
    if isinstance(error, requests.exceptions.ConnectionError):
        return "the connection was cut", True
    return f"the request failed: {type(error).__name__}", True


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of; urllib3 keeps its own in `reason` and `args`."""
    waiting: list[object] = [error]
    for _ in range(20):
        if not waiting:
            return
        each = waiting.pop()
        if isinstance(each, BaseException):
            yield each
            waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
