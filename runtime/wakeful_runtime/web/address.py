"""Where the web listens: what people write, whether it can be had, and under which names it may be asked."""

from __future__ import annotations

import errno
import ipaddress
import socket

from wakeful.errors import NodeError, SpecError
from wakeful.plan import WebPlan

LOOPBACK = "127.0.0.1"
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
STALLED_MS = 60_000
"""A peer that takes nothing for so long has its connection ended by the kernel."""
_BACKLOG = 128
_WHY = {
    errno.EADDRINUSE: "something else listens there; choose another port, or 0 for any free one",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not listen there; ports from 1024 on are free to all",
}


def read_address(text: str) -> WebPlan:
    """`HOST:PORT`, `[::1]:PORT`, `:PORT` or `PORT`; without a host: loopback.

    Raises:
        SpecError: it is none.
    """
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or LOOPBACK
    if not (port.isascii() and port.isdecimal() and int(port) < 65536) or "/" in host or " " in host:
        raise SpecError(f"--web {text}: write HOST:PORT, such as 127.0.0.1:8717; port 0 takes any free one")
    return WebPlan(host=host, port=int(port))


def url_of(host: str, port: int) -> str:
    """Where a person finds it; a wildcard address is reached on this machine by loopback."""
    host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(plan: WebPlan, port: int | None = None) -> socket.socket:
    """A socket that listens there.

    Args:
        port: in place of the plan's.

    Raises:
        NodeError: it can't be had; one line on why.
    """
    where = f"--web {plan.host}:{plan.port if port is None else port}"
    try:
        family, kind, proto, _, place = socket.getaddrinfo(
            plan.host, plan.port if port is None else port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise NodeError(f"{where}: there is no host {plan.host!r}") from None
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise NodeError(f"{where}: {_WHY.get(error.errno or 0, error.strerror)}") from None
    listener.setblocking(False)
    return listener


def check_free(plan: WebPlan) -> None:
    """Told before anything is started.

    Raises:
        NodeError: as `listen`.
    """
    listen(plan).close()


class Names:
    """Under which names, and from which pages, the web may be asked.

    A page elsewhere can have its own name point here (DNS rebinding), but it can't make a browser write another name
    into `Host` and `Origin`. So only names are taken that no stranger can own: those of this machine, and what was
    asked for; where all interfaces are listened on, also addresses in figures.
    """

    def __init__(self, host: str, port: int) -> None:
        self._port = port
        self._any_figures = host in ("0.0.0.0", "::")
        self._hosts = {*LOCAL_NAMES, host.lower()} if is_loopback(host) or self._any_figures else {host.lower()}

    def takes_host(self, value: str) -> bool:
        """Whether a `Host` header names this place."""
        name, bracket, rest = value.lower().rpartition("]")
        if bracket:
            host, port = name.removeprefix("["), rest.removeprefix(":")
        else:
            host, _, port = value.lower().partition(":")
        return (port or "80") == str(self._port) and self._is_ours(host)

    def takes_origin(self, value: str) -> bool:
        """Whether an `Origin` header is of a page of this place."""
        scheme, separator, host = value.partition("://")
        return bool(separator) and scheme.lower() == "http" and self.takes_host(host)

    def _is_ours(self, host: str) -> bool:
        if host in self._hosts:
            return True
        if not self._any_figures:
            return False
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
