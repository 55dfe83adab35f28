"""Messages: frozen pydantic models that travel between actors."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

R = TypeVar("R")


class Message(BaseModel):
    """What actors send each other: frozen, no undeclared fields.

    A message is known on the wire by its class's qualified name. Where two classes of one name would meet in one
    actor, set `tag: ClassVar[str] = "…"` in one of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class Request(Message, Generic[R]):
    """A message that is answered: `class GetTotal(Request[Total])`, and `await ref.ask(GetTotal())` is a `Total`."""


def tag_of(kind: type[Message]) -> str:
    """The name a message class has on the wire: its own `tag`, else its qualified name without `<locals>`."""
    own = vars(kind).get("tag")
    if isinstance(own, str) and "tag" not in kind.model_fields:
        return own
    return kind.__qualname__.rpartition("<locals>.")[2]


def reply_of(kind: type[Message]) -> Any:
    """The `R` of a `Request[R]`; None for a message that isn't a request, `Any` for a bare `Request`.

    `Request[None]` gives `NoneType`, so None always means "nobody waits for an answer".
    """
    if not issubclass(kind, Request):
        return None
    for parent in kind.__mro__:
        generic = vars(parent).get("__pydantic_generic_metadata__", {})
        if generic.get("origin") is Request:
            (reply,) = generic["args"]
            return type(None) if reply is None else reply
    return Any
