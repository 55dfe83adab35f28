"""What the end of a program means: the job is done, try again, or a person must look. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

Meaning = Literal["done", "again", "never"]


def meaning_of(code: int | None, *, success: Collection[int] = (0,), never_restart: Collection[int] = ()) -> Meaning:
    """The class of an exit.

    Args:
        code: exit status; None: a signal ended it, or nobody could read it.
        success: statuses that mean that the job is done.
        never_restart: statuses after which no restart can help.
    """
    if code is None:
        return "again"
    if code in success:
        return "done"
    return "never" if code in never_restart else "again"
