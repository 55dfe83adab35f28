"""A real headless Chromium, driven by playwright, as a session's resource."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

ALONE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
"""It reads nothing but what it is given, and asks nobody for anything."""


@dataclass
class Browser:
    """One Chromium with a profile of its own.

    Attributes:
        pid: of its leading process.
        beside: a page of the probe's own, which nobody navigates.
    """

    pid: int
    driver: Any
    context: Any
    page: Any
    beside: Any

    @classmethod
    async def launch(cls, executable: str, folder: Path) -> Browser:
        """Start it with a new, empty profile."""
        profile = await asyncio.to_thread(tempfile.mkdtemp, prefix="profile-", dir=folder)
        driver = await async_playwright().start()
        context = await driver.chromium.launch_persistent_context(
            profile, executable_path=executable, headless=True, args=list(ALONE)
        )
        pid = await asyncio.to_thread(leader, profile)
        return cls(pid, driver, context, await context.new_page(), await context.new_page())

    async def title_of(self, words: str) -> str:
        """Read a page that says `words`."""
        await self.page.goto(f"data:text/html,<title>{words}</title>")
        title: str = await self.page.title()
        return title

    async def answers(self) -> bool:
        """Whether it computes."""
        return bool(await self.beside.evaluate("1 + 1") == 2)

    async def close(self) -> None:
        """Close it, and the driver beside it."""
        try:
            await self.context.close()
        finally:
            await self.driver.stop()


def leader(profile: str) -> int:
    """The browser's leading process: the one with that profile which is no helper of another."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if f"--user-data-dir={profile}".encode() in words and not any(word.startswith(b"--type=") for word in words):
            return int(file.parent.name)
    raise RuntimeError(f"no browser with the profile {profile}")
