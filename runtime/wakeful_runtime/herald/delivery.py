"""Delivering a message: by Apprise, in a thread of its own, within a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from wakeful.errors import NodeError
from wakeful.rules.letters import Letter
from wakeful.rules.masks import mask, secrets_of
from wakeful.rules.routes import Route
from wakeful_runtime.herald.outcome import ARRIVED, Outcome, refused
from wakeful_runtime.herald.overheard import overhear
from wakeful_runtime.herald.secret import parts_of, url_of

DEADLINE_S = 30.0
"""Of one attempt."""

MOST_STUCK = 8
"""Threads beyond their deadline; a thread can't be ended, a process can."""

MISSING = "Apprise is not installed where the node runs: pip install 'wakeful[alerts]'"


class Delivery(Protocol):
    """How messages leave."""

    async def send(self, route: Route, letter: Letter) -> Outcome:
        """Deliver one; every failure is an outcome."""
        ...

    async def check(self, route: Route) -> str:
        """Why nothing could be sent there, without sending; empty: nothing speaks against it."""
        ...


class StuckError(Exception):
    """So many attempts hang that only a new process helps."""


class ByApprise:
    """Delivers by Apprise, which is imported with the first message.

    Args:
        deadline: seconds for one attempt; what takes longer may still arrive.
        environment: for `env:NAME`; None: the process's.
    """

    def __init__(self, *, deadline: float = DEADLINE_S, environment: Mapping[str, str] | None = None) -> None:
        self._deadline = deadline
        self._environment = environment
        self._stuck: set[threading.Thread] = set()

    async def send(self, route: Route, letter: Letter) -> Outcome:
        """Deliver one message.

        Raises:
            StuckError: too many attempts before it have not come back.
        """
        try:
            return await self._in_thread(lambda: self._send(route, letter))
        except TimeoutError:
            return Outcome(ok=False, error=f"no answer within {self._deadline:g} s", perhaps=True)

    async def check(self, route: Route) -> str:
        """Whether the URL is there and Apprise knows its kind."""
        try:
            outcome = await self._in_thread(lambda: self._check(route))
        except TimeoutError:
            return f"not looked at within {self._deadline:g} s"
        return outcome.error

    async def _in_thread(self, call: Callable[[], Outcome]) -> Outcome:
        self._stuck = {thread for thread in self._stuck if thread.is_alive()}
        if len(self._stuck) >= MOST_STUCK:
            raise StuckError(f"{MOST_STUCK} attempts to deliver hang")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Outcome] = loop.create_future()

        def settle(outcome: Outcome) -> None:
            if not done.done():
                done.set_result(outcome)

        def run() -> None:
            try:
                outcome = call()
            except Exception as error:  # noqa: BLE001 - a plug-in's mistake; its text may hold the URL
                outcome = Outcome(ok=False, error=f"Apprise failed: {type(error).__name__}", perhaps=True)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the herald ends
                loop.call_soon_threadsafe(settle, outcome)

        thread = threading.Thread(target=run, name="delivery", daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(self._deadline):
                return await done
        finally:
            if not done.done() or done.cancelled():
                self._stuck.add(thread)

    def _check(self, route: Route) -> Outcome:
        try:
            return Outcome(ok=True) if _plugin(url_of(route.url, self._environment)) else _unknown()
        except NodeError as error:
            return Outcome(ok=False, error=str(error))

    def _send(self, route: Route, letter: Letter) -> Outcome:
        try:
            url = url_of(route.url, self._environment)
            plugin = _plugin(url)
        except NodeError as error:
            return Outcome(ok=False, error=str(error))
        if plugin is None:
            return _unknown()
        with overhear() as heard:
            ok = plugin.notify(
                body=letter.body, title=letter.title, notify_type=letter.kind, body_format=_module().NotifyFormat.TEXT
            )
        if ok:
            return ARRIVED
        if heard.status is not None:
            return refused(heard.status, heard.headers)
        secrets = secrets_of({}, parts_of(url))
        why = heard.trouble or mask(heard.words[-1] if heard.words else "Apprise gives no reason", secrets)
        return Outcome(ok=False, error=why, perhaps=heard.perhaps)


def _module() -> Any:
    """Apprise, imported when it is needed.

    Raises:
        NodeError: the extra is not installed.
    """
    try:
        import apprise
    except ImportError:
        raise NodeError(MISSING) from None
    return apprise


def _plugin(url: str) -> Any:
    apprise = _module()
    sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Wakeful", service_timeout=0))
    return sender if sender.add(url) else None


def _unknown() -> Outcome:
    return Outcome(ok=False, error="Apprise can't make sense of this URL; see github.com/caronc/apprise/wiki")
