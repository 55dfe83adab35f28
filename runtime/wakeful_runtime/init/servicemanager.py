"""Tells whoever runs the node as a service (systemd) how it is: sd_notify(3), standard library only."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping

SHARE = 4
"""A sign of life so many times in the time it is due in."""

_NAMES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class ServiceManager:
    """Says nothing where nobody asked for it.

    Args:
        environ: what it is told there is taken out: it is meant for this process, and not for what it starts.
    """

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        taken = {name: (os.environ if environ is None else environ).pop(name, "") for name in _NAMES}
        self._address = taken["NOTIFY_SOCKET"]
        microseconds, meant = taken["WATCHDOG_USEC"], taken["WATCHDOG_PID"]
        ours = not meant or meant == str(os.getpid())
        self._every = int(microseconds) / 1e6 / SHARE if ours and microseconds.isdigit() else None
        self._alive_at = float("-inf")

    def say(self, *lines: str) -> None:
        """Send one datagram; a manager that is away or doesn't read loses it, and nobody waits."""
        if self._address[:1] not in ("/", "@"):
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as manager:
            manager.setblocking(False)
            try:
                manager.sendto("\n".join(lines).encode(), address)
            except OSError:
                return

    def alive(self) -> None:
        """A sign of life, as often as it was asked for."""
        now = time.monotonic()
        if self._every is not None and now - self._alive_at >= self._every:
            self._alive_at = now
            self.say("WATCHDOG=1")
