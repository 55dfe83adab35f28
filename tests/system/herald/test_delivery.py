"""One attempt to deliver, by the real Apprise to a real server: what came of it, and no secret in what is said."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.system.herald.hook import Hook

from wakeful.rules.letters import Letter
from wakeful.rules.routes import Route
from wakeful_runtime.herald.delivery import MOST_STUCK, ByApprise, StuckError
from wakeful_runtime.herald.outcome import Outcome, retry_after

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise's, with its first import."""

LETTER = Letter("[error] a/b: wedged", "what: a/b\nwhy: no answer\ntype: wakeful why a/b", "failure")


async def send(url: str, deadline: float = 20.0, environment: dict[str, str] | None = None) -> Outcome:
    return await ByApprise(deadline=deadline, environment=environment or {}).send(Route("r", url), LETTER)


async def test_a_message_arrives_with_its_title_and_lines(hook: Hook) -> None:
    assert await send(hook.url) == Outcome(ok=True)
    (message,) = hook.seen
    assert (message.title, message.text) == (LETTER.title, LETTER.body)


@pytest.mark.parametrize(
    ("answer", "error", "pause", "perhaps"),
    [
        ("429 17", "HTTP 429", 17.0, False),
        ("503 2.5", "HTTP 503", 2.5, False),
        ("500", "HTTP 500", None, False),
        ("404 17", "is the URL right?", None, False),
        ("401", "is the token right?", None, False),
        ("cut", "cut", None, True),
        ("lost", "cut", None, True),
    ],
)
async def test_a_server_that_refuses_is_heard(
    hook: Hook, answer: str, error: str, pause: float | None, perhaps: bool
) -> None:
    hook.answers.append(answer)
    outcome = await send(hook.url)
    assert (outcome.ok, outcome.pause, outcome.perhaps) == (False, pause, perhaps)
    assert error in outcome.error
    assert "secret-token" not in outcome.error


async def test_discords_own_format_is_sent_and_its_slow_down_is_heard(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.discord import NotifyDiscord

    monkeypatch.setattr(NotifyDiscord, "notify_url", f"http://127.0.0.1:{hook.port}/api/webhooks")
    hook.answers.extend(["429 9", "429 9"])
    url = "discord://123456789012345678/a-token-of-discord-0123456789"
    assert (await send(url)).pause == 9.0
    assert (await send(url)).ok
    assert "type: wakeful why a/b" in hook.seen[-1].text


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("env:HOOK", "the variable HOOK was not set where the node was started"),
        ("file:/nonexistent/hook", "can't be read: No such file or directory"),
        ("nothing://knows/this-token-0123456789", "can't make sense of this URL"),
        ("json://127.0.0.1:1/this-token-0123456789", "no connection"),
        ("mailto://bob:hunter2222@127.0.0.1:1/?from=a@example.com&to=b@example.com", ""),
    ],
)
async def test_a_route_that_cannot_work_says_why_and_shows_no_secret(url: str, error: str) -> None:
    outcome = await send(url)
    assert not outcome.ok
    assert error in outcome.error
    assert outcome.error
    assert "token" not in outcome.error
    assert "hunter2222" not in outcome.error


async def test_the_url_is_read_at_each_attempt_from_where_it_is_kept(
    hook: Hook, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("secrets") / "hook"
    file.write_text("")
    delivery = ByApprise(environment={"HOOK": hook.url})
    assert "is empty" in await delivery.check(Route("r", f"file:{file}"))
    file.write_text(f"{hook.url}\n")
    assert await delivery.check(Route("r", f"file:{file}")) == ""
    assert (await delivery.send(Route("r", f"file:{file}"), LETTER)).ok
    assert (await delivery.send(Route("r", "env:HOOK"), LETTER)).ok


async def test_an_attempt_ends_at_its_deadline_and_too_many_that_hang_end_the_herald(hook: Hook) -> None:
    hook.answers.extend(["hang"] * MOST_STUCK)
    delivery = ByApprise(deadline=0.7)
    await delivery.check(Route("r", hook.url))  # Apprise is imported by now
    outcomes = await asyncio.gather(*(delivery.send(Route("r", hook.url), LETTER) for _ in range(MOST_STUCK)))
    assert outcomes == [Outcome(ok=False, error="no answer within 0.7 s", perhaps=True)] * MOST_STUCK
    with pytest.raises(StuckError):
        await delivery.send(Route("r", hook.url), LETTER)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "delivery")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("17", 17.0),
        ("0.25", 0.25),
        ("-3", 0.0),
        ("soon", None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
    ],
)
def test_a_server_asks_for_a_pause_in_seconds_or_with_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 1_795_435_200.0) == seconds
