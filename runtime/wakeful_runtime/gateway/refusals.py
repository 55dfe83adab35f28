"""Why a call was refused, in one word beside the line for people: what HTTP makes its status of."""

from __future__ import annotations

from wakeful.errors import CodecError, MailboxFull, NodeError, SpecError


class NoSuch(NodeError):
    """What was named is not there."""

    code = "missing"


class NoVerb(NodeError):
    """The node has no verb of that name."""

    code = "no_verb"


CODES: tuple[tuple[type[Exception], str], ...] = (
    (MailboxFull, "busy"),
    (TimeoutError, "away"),
    (CodecError, "bad"),
    (SpecError, "bad"),
)


def code_of(error: Exception) -> str:
    """The error's own `code` (`missing no_verb away`, what the store says), else one of its kind, else `refused`."""
    own = getattr(error, "code", None)
    if isinstance(own, str):
        return own
    return next((code for kind, code in CODES if isinstance(error, kind)), "refused")
