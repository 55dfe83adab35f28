"""Lists in specs: that they are lists, of what they should be, without twins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from wakeful.errors import SpecError
from wakeful.policy import Spec


def listed(values: Any, of: str, example: str) -> list[Any]:
    """What was given as a list.

    Raises:
        SpecError: it isn't one; a single spec or a text isn't either.
    """
    if isinstance(values, str | Spec) or not isinstance(values, Iterable):
        raise SpecError(f"{of}: write a list, such as [{example}]")
    return list(values)  # pyright: ignore[reportUnknownArgumentType]


def no_twins(names: list[str], what: str, instead: str) -> None:
    """Refuse two of one name.

    Raises:
        SpecError: there are.
    """
    for each, times in Counter(names).items():
        if times > 1:
            raise SpecError(f"{what} {each!r}; {instead}")


def module_name(value: object) -> str:
    """A module to preload.

    Raises:
        SpecError: no module can be called so.
    """
    if not isinstance(value, str) or not all(part.isidentifier() for part in value.split(".")):
        raise SpecError(f"Gateway(…): preload: {value!r} is no module's name; write preload=['numpy']")
    return value


def described(value: object) -> str:
    """What was given in a spec's place, for people."""
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
