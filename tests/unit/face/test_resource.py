"""Resources: probed in the session, replaced alone; what used them learns of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from wakeful import ResourceLost, Session, SpecError, testing


class Browser:
    """Alive until told otherwise."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.hangs = False
        self.closed = False
        self.killed = False


class Shop:
    """Opens browsers; remembers them."""

    def __init__(self, *, opens: int = 100) -> None:
        self.browsers: list[Browser] = []
        self.opens = opens

    async def open(self) -> Browser:
        if len(self.browsers) >= self.opens:
            raise OSError("no more browsers")
        self.browsers.append(Browser(len(self.browsers) + 1))
        return self.browsers[-1]

    async def probe(self, browser: Browser) -> None:
        if browser.hangs:
            await asyncio.Event().wait()

    async def close(self, browser: Browser) -> None:
        browser.closed = True

    async def kill(self, browser: Browser) -> None:
        browser.killed = True


async def played(work: Callable[[Session[Any]], Any]) -> testing.PlayedLife:
    class Crawl(Session[None]):
        async def run(self) -> Any:
            return await work(self)

    return await testing.live(Crawl)


async def test_the_live_one_is_used_and_closed_at_the_end() -> None:
    shop = Shop()

    async def work(self: Session[Any]) -> int:
        async with (
            self.resource("browser", open=shop.open, probe=shop.probe, close=shop.close) as browser,
            browser.use() as live,
        ):
            await asyncio.sleep(1000)
            return live.number

    assert (await played(work)).result == 1
    assert [(each.closed, each.killed) for each in shop.browsers] == [(True, False)]


async def test_one_that_hangs_is_killed_and_reopened_alone() -> None:
    shop = Shop()

    async def work(self: Session[Any]) -> list[Any]:
        seen: list[Any] = []
        async with self.resource(
            "browser", open=shop.open, probe=shop.probe, close=shop.close, every=120, timeout=30, kill=shop.kill
        ) as browser:
            began = asyncio.get_running_loop().time()
            try:
                async with browser.use() as live:
                    live.hangs = True
                    await asyncio.sleep(1e6)
            except ResourceLost as lost:
                seen += [asyncio.get_running_loop().time() - began, str(lost)]
            async with browser.use() as live:
                seen.append(live.number)
        return seen

    life = await played(work)
    assert life.result[0] == 150
    assert "did not answer its probe for 30 s" in life.result[1]
    assert life.result[2] == 2
    assert [(each.closed, each.killed) for each in shop.browsers] == [(True, True), (True, False)]
    assert [event for event, _ in life.journal] == ["resource_lost", "resource_replaced"]
    assert life.journal[0][1]["resource"] == "browser"


@pytest.mark.parametrize("sick", [lambda browser: False, lambda browser: 1 / 0])
async def test_a_probe_that_says_no_is_as_good_as_one_that_raises(sick: Callable[[Browser], object]) -> None:
    shop = Shop()

    async def probe(browser: Browser) -> object:
        return sick(browser) if browser.number == 1 else True

    async def work(self: Session[Any]) -> int:
        async with self.resource("browser", open=shop.open, probe=probe, close=shop.close) as browser:
            with pytest.raises(ResourceLost):
                async with browser.use():
                    await asyncio.sleep(1e6)
            async with browser.use() as live:
                return live.number

    assert (await played(work)).result == 2


async def test_a_probe_that_raises_a_timeout_of_its_own_is_sick() -> None:
    shop = Shop()

    async def probe(browser: Browser) -> None:
        if browser.number == 1:
            raise TimeoutError("the browser's")

    async def work(self: Session[Any]) -> int:
        async with self.resource("browser", open=shop.open, probe=probe) as browser:
            with pytest.raises(ResourceLost):
                async with browser.use():
                    await asyncio.sleep(1e6)
            return browser.restarts

    assert (await played(work)).result == 1


async def test_its_restarts_are_limited_and_its_failure_is_told() -> None:
    shop = Shop()

    async def probe(browser: Browser) -> bool:
        return False

    async def work(self: Session[Any]) -> None:
        async with self.resource("browser", open=shop.open, probe=probe, every=1, max_restarts=2) as browser:
            while True:
                try:
                    async with browser.use():
                        await asyncio.sleep(1e6)
                except ResourceLost:
                    continue

    with pytest.raises(ResourceLost, match="browser was lost 3 times within 600 s"):
        await played(work)
    assert len(shop.browsers) == 3


async def test_one_that_can_not_be_reopened_is_tried_again_then_given_up() -> None:
    shop = Shop(opens=1)

    async def probe(browser: Browser) -> bool:
        return False

    async def work(self: Session[Any]) -> None:
        async with self.resource("browser", open=shop.open, probe=probe, max_restarts=3):
            await asyncio.sleep(1e6)

    with pytest.raises(ResourceLost, match="no more browsers"):
        await played(work)


async def test_one_that_can_not_be_opened_at_all_raises_why() -> None:
    shop = Shop(opens=0)

    async def work(self: Session[Any]) -> None:
        async with self.resource("browser", open=shop.open, probe=shop.probe):
            pass

    with pytest.raises(OSError, match="no more browsers"):
        await played(work)


async def test_an_error_in_the_block_goes_through_and_makes_it_look_at_once() -> None:
    shop = Shop()

    async def work(self: Session[Any]) -> float:
        async with self.resource("browser", open=shop.open, probe=shop.probe, every=1000, timeout=5) as browser:
            with pytest.raises(LookupError):
                async with browser.use() as live:
                    live.hangs = True
                    raise LookupError
            await asyncio.sleep(7)
            return browser.restarts

    assert (await played(work)).result == 1


async def test_a_cancel_from_elsewhere_stays_a_cancel() -> None:
    shop = Shop()

    async def work(self: Session[Any]) -> str:
        async with self.resource("browser", open=shop.open, probe=shop.probe) as browser:
            try:
                async with asyncio.timeout(5), browser.use():
                    await asyncio.sleep(1e6)
            except TimeoutError:
                return "timeout"
        return "?"

    assert (await played(work)).result == "timeout"


async def test_functions_may_be_sync() -> None:
    shop = Shop()

    def opened() -> Browser:
        return Browser(7)

    async def work(self: Session[Any]) -> int:
        async with (
            self.resource("browser", open=opened, probe=lambda browser: None, close=lambda browser: None) as browser,
            browser.use() as live,
        ):
            return live.number

    assert (await played(work)).result == 7
    assert shop.browsers == []


async def test_one_that_does_not_close_does_not_hold_the_session() -> None:
    shop = Shop()

    async def close(browser: Browser) -> None:
        await asyncio.Event().wait()

    async def work(self: Session[Any]) -> int:
        async with self.resource("browser", open=shop.open, probe=shop.probe, close=close, kill=shop.kill):
            return 1

    assert (await played(work)).result == 1
    assert shop.browsers[0].killed


async def test_wrong_durations_are_told() -> None:
    with pytest.raises(SpecError, match=r"resource\('browser'\): every"):
        await played(lambda self: self.resource("browser", open=dict, probe=bool, every=0))
