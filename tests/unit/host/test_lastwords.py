"""From an exception to the reason of an end."""

from __future__ import annotations

import pytest

from wakeful.errors import Fatal, RetryAfter
from wakeful_runtime.host.lastwords import DETAIL, reason_of, status_of
from wakeful_runtime.host.outcome import judged


@pytest.mark.parametrize(
    ("error", "starting", "kind", "what", "status"),
    [
        (ValueError("no page\nat all"), False, "error", "ValueError: no page", 70),
        (ValueError(), False, "error", "ValueError", 70),
        (Fatal("revoked"), False, "fatal", "revoked", 71),
        (Fatal("revoked"), True, "fatal", "revoked", 71),
        (RetryAfter("2m"), False, "retry_after", "retry after 2m", 72),
        (ImportError("no x"), True, "start_failed", "ImportError: no x", 73),
        (SystemExit(3), False, "exited", "SystemExit: 3", 3),
        (SystemExit("bad"), False, "exited", "SystemExit: bad", 1),
        (SystemExit(), False, "exited", "SystemExit", 0),
        (SystemExit(3), True, "start_failed", "SystemExit: 3", 73),
    ],
)
def test_an_exception_becomes_a_reason_and_a_status(
    error: BaseException, starting: bool, kind: str, what: str, status: int
) -> None:
    reason = reason_of(error, starting=starting)
    assert (reason.kind, reason.what, status_of(reason)) == (kind, what, status)


def test_the_delay_of_retry_after_is_in_seconds_and_a_bad_one_is_a_minute() -> None:
    assert reason_of(RetryAfter("15m"), starting=False).delay == 900.0
    assert reason_of(RetryAfter("soon"), starting=False).delay == 60.0


def test_of_a_long_traceback_the_end_is_kept() -> None:
    detail = reason_of(ValueError("x" * 2 * DETAIL + "end"), starting=False).detail
    assert len(detail) == DETAIL
    assert detail.endswith("end\n")


def test_a_postcondition_is_true_or_says_what_is_missing() -> None:
    assert judged(True) == ("ok", "")
    assert judged("no sources") == ("incomplete", "no sources")
    assert judged(False)[0] == judged("")[0] == "incomplete"
    with pytest.raises(TypeError, match="return True, False or a text"):
        judged(None)
