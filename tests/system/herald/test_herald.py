"""The herald with a real store, the real Apprise and a real server, killed and refused at every moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.system.herald.hook import Hook

from wakeful import Alert, Gateway
from wakeful_runtime.directory import NodeDirectory
from wakeful_runtime.gateway.nodeplan import write_start
from wakeful_runtime.store.client import StoreClient

ROOT = Path(__file__).parents[3]
WITHIN_S = 60.0
INCIDENTS = 16
REPEAT = "may be a repeat"


class Office:
    """A store, and one herald after the other."""

    def __init__(self, directory: NodeDirectory, hook: Hook, pace: str) -> None:
        self.directory = directory
        self.hook = hook
        self.client = StoreClient(directory, "tester#1")
        self.sign = directory.root / "gateway"
        self.sign.touch()
        self._number = 0
        self._pid = 0
        self._store: subprocess.Popen[bytes] | None = None
        self._pace = pace
        self._nursery: subprocess.Popen[str] | None = None

    def begin(self, *alerts: Alert) -> Office:
        write_start(self.directory, Gateway(alerts=alerts or [Alert(self.hook.url)]).plan())
        if self._nursery is None:
            command = [sys.executable, "-m", "tests.system.herald.nursery", str(self.directory.root), self._pace]
            self._nursery = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ}
            )
            self.begin_store()
        self.herald()
        return self

    def herald(self) -> None:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._number += 1
        self._nursery.stdin.write(f"begin {self._number}\n")
        self._nursery.stdin.flush()
        self._pid = int(self._nursery.stdout.readline())

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        while Path(f"/proc/{self._pid}").exists():
            time.sleep(0.001)

    def begin_store(self) -> None:
        command = [sys.executable, "-m", "tests.system.store.process", str(self.directory.root)]
        self._store = subprocess.Popen(command, cwd=ROOT)

    def end_store(self) -> None:
        if self._store is not None:
            self._store.kill()
            self._store.wait()
            self._store = None

    async def open(self, path: str, **more: Any) -> str:
        number = f"{path}#1"
        about = {"path": path, "incarnation": 1, "verdict": "wedged", "severity": "error", "action": "restart"}
        facts = {"words": "no answer"}
        await self.client.request("incident_open", **{"id": number, **about, "facts": facts, **more})
        return number

    async def close(self, number: str) -> None:
        outcome = "recovered: incarnation 2 made progress"
        await self.client.request("incident_update", id=number, outcome=outcome, closed_at=time.time())

    async def moment(self, dice: random.Random) -> None:
        """A moment to kill: when the server has just read a message and not answered yet, or any other."""
        seen = len(self.hook.seen)
        until = time.monotonic() + (1.0 if dice.random() < 0.6 else dice.uniform(0, 0.1))
        while True:
            if time.monotonic() > until or len(self.hook.seen) > seen:
                return
            await asyncio.sleep(0.001)

    async def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, [(each.title, each.answer) for each in self.hook.seen]
            await asyncio.sleep(0.01)

    async def listed(self) -> dict[str, Any]:
        return await self.client.request("notices", limit=1000)

    async def route(self) -> dict[str, Any]:
        """How the first route does; empty until a herald has looked at it."""
        rows: list[dict[str, Any]] = (await self.client.request("routes"))["routes"]
        return rows[0] if rows else {}

    async def until_route(self, condition: Callable[[dict[str, Any]], Any]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while True:
            row = await self.route()
            if condition(row):
                return
            assert time.monotonic() < deadline, row
            await asyncio.sleep(0.005)

    async def end(self) -> None:
        await self.client.close()
        if self._nursery is not None:
            assert self._nursery.stdin is not None
            assert self._nursery.stdout is not None
            with contextlib.suppress(ProcessLookupError):
                self.kill()
            self._nursery.stdin.close()
            self._nursery.wait(10)
            self._nursery.stdout.close()
        self.end_store()


@pytest.fixture
async def office(node_directory: NodeDirectory, hook: Hook, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    made = Office(node_directory, hook, getattr(request, "param", "quick"))
    yield made
    await made.end()


@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_lost_though_the_herald_is_killed_at_every_moment_and_a_repeat_says_so(
    office: Office, hook: Hook, seed: int
) -> None:
    hook.delay = 0.04
    office.begin()
    dice = random.Random(seed)
    kills = 0
    numbers: list[str] = []
    for number in range(INCIDENTS):
        numbers.append(await office.open(f"m/s{number}"))
        if number >= 8 and dice.random() < 0.7:
            await office.close(numbers.pop(dice.randrange(len(numbers))))
        if dice.random() < 0.3:
            hook.answers.append(dice.choice(["500", "429 0.1", "cut", "lost"]))
        await office.moment(dice)
        office.kill()
        kills += 1
        office.herald()
    for incident in numbers:
        await office.close(incident)
    everybody = {f"m/s{number}: wedged" for number in range(INCIDENTS)}

    def ended() -> bool:
        return {title.partition("] ")[2] for title in hook.titles() if title.startswith("[recovered]")} == everybody

    await office.until(ended)
    told = Counter(message.title for message in hook.arrived)
    first = Counter(message.title for message in hook.arrived if REPEAT not in message.text)
    assert max(first.values()) == 1, first
    assert sum(told.values()) - len(told) <= kills


async def test_a_server_that_asks_for_a_pause_gets_it_and_then_the_message_once(office: Office, hook: Hook) -> None:
    hook.answers.append("429 1.5")
    office.begin()
    await office.open("a/b")
    await office.until_route(lambda row: row.get("failures") == 1)
    office.kill()  # the pause is in the store
    office.herald()
    await office.until(lambda: hook.arrived)
    refused, arrived = hook.seen
    assert arrived.at - refused.at >= 1.4
    assert REPEAT not in arrived.text


async def test_a_server_that_fails_or_cuts_the_line_is_tried_until_it_takes_the_message(
    office: Office, hook: Hook
) -> None:
    hook.answers.extend(["500", "cut", "503", "lost", "502", "cut"])
    office.begin()
    await office.open("a/b")
    await office.until(lambda: hook.arrived)
    assert [message.answer for message in hook.seen] == ["500", "503", "lost", "502", "204"]
    assert REPEAT in hook.seen[-1].text  # the lost one may have been read
    listed = await office.listed()
    await office.until(lambda: len(hook.seen) == 5)
    assert listed["rows"][0]["path"] == "a/b"


async def test_a_route_that_fails_is_seen_as_that_until_it_works(office: Office, hook: Hook) -> None:
    hook.answers.extend(["500"] * 3)
    office.begin()
    await office.open("a/b")
    seen: list[dict[str, Any]] = []

    def sent(row: dict[str, Any]) -> bool:
        seen.append(row)
        return bool(row.get("sent_at"))

    await office.until_route(sent)
    assert {row["error"] for row in seen if row.get("failures")} == {"HTTP 500"}
    assert (seen[-1]["failures"], seen[-1]["failing_since"], seen[-1]["error"]) == (0, None, "")


@pytest.mark.parametrize("office", ["storm"], indirect=True)
async def test_a_storm_of_100_incidents_is_one_summary_and_so_is_its_end(office: Office, hook: Hook) -> None:
    office.begin()
    numbers = await asyncio.gather(*(office.open(f"m/s{number}") for number in range(100)))
    await office.until(lambda: hook.arrived)
    await asyncio.gather(*(office.close(number) for number in numbers))
    await office.until(lambda: len(hook.arrived) == 2)
    assert hook.titles() == ["[error] 100 alerts: 100 open", "[recovered] 100 alerts: 100 recovered"]
    listed = await office.listed()
    assert {each["told"] for row in listed["rows"] for each in row["routes"]} <= {"alert", "recovered"}


async def test_a_gateway_that_is_silent_is_told_of_and_that_it_is_back(office: Office, hook: Hook) -> None:
    office.begin()
    office.sign.unlink()
    await office.until(lambda: hook.arrived)
    office.sign.touch()
    await office.until(lambda: len(hook.arrived) == 2)
    assert hook.titles() == ["[critical] gateway: waits for you (silent)", "[recovered] gateway: silent"]
    assert "logs gateway" in hook.arrived[0].text


async def test_a_store_that_is_silent_is_told_of_without_it(office: Office, hook: Hook) -> None:
    office.begin()
    await office.open("a/b")
    await office.until(lambda: hook.arrived)
    office.end_store()
    await office.until(lambda: "[critical] store: waits for you (silent)" in hook.titles())
    office.begin_store()
    await office.until(lambda: "[recovered] store: silent" in hook.titles())
    await office.open("c/d")
    await office.until(lambda: "[error] c/d: wedged" in hook.titles())
    paths = [row["path"] for row in (await office.listed())["rows"]]
    assert sorted(paths) == ["a/b", "c/d", "store"]


async def test_an_acknowledgement_ends_the_escalation(office: Office, hook: Hook) -> None:
    boss = f"{hook.url}-of-the-boss"
    office.begin(Alert(hook.url, escalate=boss, escalate_after=1.0))
    await office.open("a/b")
    await office.open("c/d")
    await office.until(lambda: len(hook.arrived) == 2)
    await office.client.request("notice_ack", id="a/b#1")
    await office.until(lambda: len(hook.arrived) == 3)
    assert hook.arrived[2].title == "[error, escalated] c/d: wedged"
    await office.close("a/b#1")
    await office.close("c/d#1")
    await office.until(lambda: len(hook.arrived) == 6)
    assert Counter(hook.titles()[3:]) == {"[recovered] a/b: wedged": 1, "[recovered] c/d: wedged": 2}


async def test_no_secret_of_an_incident_leaves_the_machine(office: Office, hook: Hook) -> None:
    office.begin()
    words = f"POST {hook.url}?q=1 with password=hunter2222 failed, Bearer abcdefgh12345678"
    evidence = {"line": "x.py:3 in post", "log": ["hunter2222"], "tasks": ["hunter2222"], "lease": {"what": "post"}}
    await office.open("a/b", facts={"words": words}, evidence=evidence)
    await office.until(lambda: hook.arrived)
    text = hook.arrived[0].text
    for secret in ("hunter2222", "secret-token", "abcdefgh12345678"):
        assert secret not in text
    assert "at x.py:3 in post in 'post'" in text
