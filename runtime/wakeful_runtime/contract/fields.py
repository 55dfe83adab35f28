"""Values that several verbs take: names, durations, waits, limits, moments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from wakeful.errors import NodeError
from wakeful_runtime.gateway.keys import Keys

LONGEST_WAIT_S = 3600.0
"""What one call may wait; who wants to wait longer asks again."""

TEN_YEARS_S = 315_360_000.0

Text = Annotated[str, Field(max_length=1_000_000)]
"""A task or a message."""

Named = Annotated[str, Field(min_length=1, max_length=512)]
"""A path, key, label or id of something that is there."""

NewName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""What something new is to be called; also the name of an agent."""


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 5.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
Limit = Annotated[int, Field(ge=1, le=10_000, description="At most so many rows."), Whole]

Seq = Annotated[int, Field(ge=0, lt=2**63), Whole]


def _fraction(value: Any) -> Any:
    if not isinstance(value, float):
        raise ValueError("whole numbers have at most 64 bits")
    return value


_Whole64 = Annotated[int, Field(ge=-(2**63), lt=2**64)]
_Fraction = Annotated[float, BeforeValidator(_fraction), WithJsonSchema({"type": "number", "not": {"type": "integer"}})]
if TYPE_CHECKING:
    Plain = Any  # not every checker follows an alias that names itself
else:
    Plain = TypeAliasType("Plain", bool | _Whole64 | _Fraction | str | list["Plain"] | dict[str, "Plain"] | None)
"""What an argument of a run may be (api.md: Values)."""

Wait = Annotated[float, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait; 0: not at all.")]

_DURATION = r"^([0-9]{1,9}(\.[0-9]{1,3})?(s|m|h|d))+$"
Seconds = Annotated[float, Field(gt=0, le=TEN_YEARS_S)]
Duration = Annotated[
    Seconds | Annotated[str, Field(pattern=_DURATION, max_length=32)],
    Field(description="Seconds, or a text such as 90s, 5m, 2h."),
]


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        moment.timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no time; write 2026-12-01T22:00:00Z") from None
    return text


Moment = Annotated[str, AfterValidator(_moment), Field(max_length=64, json_schema_extra={"format": "date-time"})]
"""RFC 3339."""


FOREIGN: JsonSchemaValue = {"description": "Of OpenClaw; means nothing here."}


class Arguments(BaseModel):
    """What a verb takes: no other types than those written, and no unknown key.

    A mistaken key is refused with its nearest neighbour. Keys of OpenClaw's that mean nothing here are taken.
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    of: ClassVar[str] = ""
    """What the object is, for errors."""

    foreign: ClassVar[Collection[str]] = ()
    """Keys of OpenClaw's that mean nothing here."""

    keeps_null: ClassVar[bool] = False
    """Whether null says something; elsewhere it is as good as nothing."""

    def sent(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What goes to the node of what was given; foreign keys go without what they hold."""
        known = type(self).model_fields
        mine = {key: self._sent(key, value) for key, value in given.items() if key in known}
        kept = {key: value for key, value in mine.items() if value is not None or self.keeps_null}
        return kept | {key: None for key in given if key not in known}

    def _sent(self, key: str, value: Any) -> Any:
        read = getattr(self, key)
        if isinstance(read, Arguments):
            return read.sent(value)
        return read if isinstance(value, float) else value  # 5.0 is whole where a whole number is wanted

    @model_validator(mode="wrap")
    @classmethod
    def _known_keys(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(given, dict):
            mine = cast("dict[str, Any]", given)
            known = tuple(cls.model_fields)
            try:
                Keys(cls.of or cls.__name__, known, cls.foreign).ignored(mine)
            except NodeError as error:
                raise ValueError(str(error)) from None
        return handler(given)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        foreign = dict.fromkeys(sorted(cls.foreign), FOREIGN)
        schema["properties"] = {**schema.get("properties", {}), **foreign}
        schema["additionalProperties"] = False
        return schema


class Answer(BaseModel):
    """What a verb answers. More keys may come; those here stay."""

    model_config = ConfigDict(extra="allow")
    problems: ClassVar[dict[str, int]] = {}
    """HTTP statuses by the answer's `status`, where it isn't 200."""
