"""Resources of a BlockingSession: used in its own thread, probed beside it, killed when they hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from wakeful import BlockingSession, ResourceLost, SpecError, testing
from wakeful.actor import make
from wakeful.standin import ScriptLife

WITHIN = 20.0


class Browser:
    """Hangs when told to, until it is killed: then what waits for it fails, as a broken connection does."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.thread = threading.get_ident()
        self.hangs = False
        self.closed_in = 0
        self.killed = threading.Event()

    def get(self) -> str:
        self.hangs = True
        assert self.killed.wait(WITHIN)
        raise ConnectionError("the browser is gone")


class Shop:
    """Opens browsers; remembers them."""

    def __init__(self, *, opens: int = 100) -> None:
        self.browsers: list[Browser] = []
        self.opens = opens

    def open(self) -> Browser:
        if len(self.browsers) >= self.opens:
            raise OSError("no more browsers")
        self.browsers.append(Browser(len(self.browsers) + 1))
        return self.browsers[-1]

    def probe(self, browser: Browser) -> None:
        assert threading.get_ident() != browser.thread
        if browser.hangs:
            browser.killed.wait(WITHIN)

    def close(self, browser: Browser) -> None:
        browser.closed_in = threading.get_ident()

    def kill(self, browser: Browser) -> None:
        browser.killed.set()

    @property
    def ways(self) -> dict[str, Any]:
        return {"open": self.open, "probe": self.probe, "close": self.close, "kill": self.kill}


async def played(work: Callable[[BlockingSession[Any]], Any]) -> testing.PlayedLife:
    class Crawl(BlockingSession[None]):
        def run(self) -> Any:
            return work(self)

    return await testing.live(Crawl)


async def test_it_is_opened_used_and_closed_in_the_sessions_own_thread() -> None:
    shop = Shop()

    def work(self: BlockingSession[Any]) -> bool:
        with self.resource("browser", **shop.ways) as browser, browser.use() as live:
            return bool(live.thread == threading.get_ident())

    assert (await played(work)).result is True
    assert [(each.closed_in == each.thread, each.killed.is_set()) for each in shop.browsers] == [(True, False)]


async def test_one_that_hangs_is_killed_while_the_thread_is_blocked_in_it_and_another_is_opened() -> None:
    shop = Shop()

    def work(self: BlockingSession[Any]) -> list[Any]:
        with self.resource("browser", every=120, timeout=30, **shop.ways) as browser:
            with pytest.raises(ResourceLost, match="did not answer its probe for 30 s") as lost, browser.use() as live:
                live.get()
            assert isinstance(lost.value.__cause__, ConnectionError)
            with browser.use() as live:
                return [live.number, browser.restarts]

    life = await played(work)
    assert life.result == [2, 1]
    assert [(each.closed_in == each.thread, each.killed.is_set()) for each in shop.browsers] == [
        (True, True),
        (True, False),
    ]
    assert [event for event, _ in life.journal] == ["resource_lost", "resource_replaced"]


async def test_a_block_that_ended_well_with_one_that_was_lost_is_told() -> None:
    shop = Shop()

    def work(self: BlockingSession[Any]) -> None:
        with (
            self.resource("browser", every=1, timeout=1, **shop.ways) as browser,
            pytest.raises(ResourceLost),
            browser.use() as live,
        ):
            live.hangs = True
            assert live.killed.wait(WITHIN)

    await played(work)


async def test_an_error_in_the_block_goes_through_and_makes_it_look_at_once() -> None:
    shop = Shop()

    def work(self: BlockingSession[Any]) -> None:
        with self.resource("browser", every=1e6, timeout=1, **shop.ways) as browser:
            with pytest.raises(LookupError), browser.use() as live:
                live.hangs = True
                raise LookupError
            assert live.killed.wait(WITHIN)

    assert len((await played(work)).journal) == 1


async def test_its_restarts_are_limited_and_its_failure_is_told() -> None:
    shop = Shop()

    def work(self: BlockingSession[Any]) -> None:
        with self.resource("browser", every=1, timeout=1, max_restarts=1, **shop.ways) as browser:
            for _ in range(2):
                with pytest.raises(ResourceLost, match="was replaced"), browser.use() as live:
                    live.get()
            with browser.use():
                pass

    with pytest.raises(ResourceLost, match="browser was lost 2 times within 600 s"):
        await played(work)
    assert len(shop.browsers) == 2


async def test_one_that_can_not_be_reopened_is_tried_again_then_given_up() -> None:
    shop = Shop(opens=1)

    def work(self: BlockingSession[Any]) -> None:
        with self.resource("browser", every=1, timeout=1, max_restarts=3, **shop.ways) as browser:
            with pytest.raises(ResourceLost), browser.use() as live:
                live.get()
            with browser.use():
                pass

    with pytest.raises(ResourceLost, match="no more browsers"):
        await played(work)


async def test_one_that_can_not_be_opened_at_all_raises_why() -> None:
    shop = Shop(opens=0)

    def work(self: BlockingSession[Any]) -> None:
        with self.resource("browser", **shop.ways):
            pass

    with pytest.raises(OSError, match="no more browsers"):
        await played(work)


async def test_nothing_of_it_is_awaited() -> None:
    async def opened() -> None: ...

    with pytest.raises(SpecError, match="open is `async def`"):
        await played(lambda self: self.resource("browser", open=opened, probe=bool))


async def test_what_is_used_after_its_block_says_so() -> None:
    shop = Shop()

    def work(self: BlockingSession[Any]) -> None:
        with self.resource("browser", **shop.ways) as browser:
            pass
        with browser.use():
            pass

    with pytest.raises(ResourceLost, match="is not open"):
        await played(work)


def test_a_script_uses_it_without_a_node() -> None:
    shop = Shop()
    session: Any = make(BlockingSession, ScriptLife(), {}, process=False)
    with session.resource("browser", **shop.ways) as browser, browser.use() as live:
        assert live.number == 1
    assert shop.browsers[0].closed_in
