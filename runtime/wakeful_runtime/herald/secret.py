"""The URL of a route, taken from where it is kept at each attempt: a person may mend it while the node runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from wakeful.errors import NodeError

LONGEST = 8192
TOKEN = 16
"""Characters; shorter parts of a URL are ordinary words."""


def url_of(text: str, environment: Mapping[str, str] | None = None) -> str:
    """What `env:NAME` or `file:PATH` holds; any other text is the URL itself.

    Raises:
        NodeError: there is nothing; the line holds no secret.
    """
    kind, _, rest = text.partition(":")
    if kind == "env":
        value = (os.environ if environment is None else environment).get(rest, "")
        if not value.strip():
            raise NodeError(f"the variable {rest} was not set where the node was started")
    elif kind == "file":
        try:
            with Path(rest).expanduser().open(encoding="utf-8") as file:
                value = file.read(LONGEST)
        except (OSError, UnicodeDecodeError) as error:
            raise NodeError(f"{rest} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
        if not value.strip():
            raise NodeError(f"{rest} is empty")
    else:
        value = text
    return value.strip()


def parts_of(url: str) -> list[str]:
    """The URL, and the parts of it that may be a secret: who is logged in, and whatever is as long as a token."""
    rest = url.partition("://")[2]
    login = rest.rpartition("@")[0]
    return [url, *re.split(r"[:/]+", login), *(part for part in re.split(r"[/:@?&=#,]+", rest) if len(part) >= TOKEN)]
