"""What leaves the machine holds no secret."""

from __future__ import annotations

import pytest

from wakeful.rules.masks import LONGEST, mask, secrets_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://bob:pw@api.example.com/v1?token=abc failed", "GET https://api.example.com/… failed"),
        ("see http://example.com", "see http://example.com"),
        ("discord://4174/abcdef is down", "discord://… is down"),
        ("postgres://u:p@db/prod refused", "postgres://… refused"),
        ("api_key=12345 and x=1", "api_key=… and x=1"),
        ("{'password': 'hunter22'}", "{'password': …}"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer …"),
        ("key sk-proj-abcdefgh1234", "key …"),
        ("hello s3cr3t-value there", "hello … there"),
        ("two\nlines", "two lines"),
        ("at tasks.py:41 in fetch", "at tasks.py:41 in fetch"),
    ],
)
def test_a_text_is_masked(text: str, shown: str) -> None:
    assert mask(text, ("s3cr3t-value",)) == shown


def test_a_long_text_is_cut() -> None:
    assert len(mask("a" * 10_000_000)) == LONGEST


def test_variables_that_are_called_like_a_secret_are_secrets() -> None:
    environment = {
        "OPENAI_API_KEY": "abcdefgh",
        "SENDGRID_KEY": "12345678",
        "DB_PASSWORD": "hunter2222",
        "SHORT_TOKEN": "abc",
        "PATH": "/usr/bin",
        "PWD": "/home/bob",
    }
    assert set(secrets_of(environment, ["https://x/y"])) == {"abcdefgh", "12345678", "hunter2222", "https://x/y"}
