"""Message bodies: the fast road only for classes it is right for, and equal objects at the other end."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import enum
import functools
import math
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
)

from wakeful.errors import CodecError
from wakeful.message import Message, Request
from wakeful.ref import Ref
from wakeful_runtime.bodies import JSON, PLAIN, RICH, reply_shape, shape_of
from wakeful_runtime.leaves import read_leaf

often = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Inner(BaseModel):
    x: int
    names: list[str] = []


class Plain(Message):
    n: int
    text: str = ""
    data: bytes = b""
    f: float = 0.0
    inner: list[Inner] = Field(default_factory=list)
    by_name: dict[str, Inner | None] = Field(default_factory=dict)
    pair: tuple[int, str] | None = None
    kind: Literal["a", "b"] = "a"
    small: Annotated[int, Field(ge=0)] = 0
    either: int | str = 0


class Rich(Message):
    at: dt.datetime
    day: dt.date
    time: dt.time
    took: dt.timedelta
    id: uuid.UUID
    price: decimal.Decimal
    color: Color
    tags: set[str]
    more: frozenset[int]
    by_number: dict[int, Inner]
    ref: Ref
    data: bytes
    anything: Any = None


class Aliased(Message):
    number: int = Field(alias="theNumber")
    secret: SecretStr = SecretStr("hidden")


class Doubled(Message):
    """Its validator changes what it reads, each time."""

    n: int

    @field_validator("n")
    @classmethod
    def double(cls, value: int) -> int:
        return value * 2


class Shown(Message):
    at: dt.datetime

    @field_serializer("at")
    def year(self, value: dt.datetime) -> str:
        return str(value.year)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def year_of(self) -> int:
        return self.at.year


class Cached(Message):
    n: int

    @functools.cached_property
    def square(self) -> int:
        return self.n**2


class Private(Message):
    n: int
    _seen: int = PrivateAttr(default=0)


class Loose(Message):
    value: Any


@dataclass
class Point:
    x: int
    y: float


class Pointed(Message):
    at: Point


class Tree(Message):
    value: int
    children: list[Tree] = Field(default_factory=list)


class Total(Message):
    n: int


class GetTotal(Request[Total]):
    pass


class GetTime(Request[dt.datetime]):
    pass


def there_and_back(message: Message) -> tuple[int, Message]:
    shape = shape_of(type(message))
    form, data = shape.write(message)
    return form, shape.read(form, msgpack.unpackb(data, strict_map_key=False, ext_hook=read_leaf))


rich = st.builds(
    Rich,
    at=st.datetimes(timezones=st.none() | st.just(dt.UTC)),
    day=st.dates(),
    time=st.times(),
    took=st.timedeltas(),
    id=st.uuids(),
    price=st.decimals(allow_nan=False, allow_infinity=False),
    color=st.sampled_from(Color),
    tags=st.sets(st.text()),
    more=st.frozensets(st.integers()),
    by_number=st.dictionaries(st.integers(), st.builds(Inner, x=st.integers(-5, 5))),
    ref=st.just(Ref("a/b")),
    data=st.binary(),
    anything=st.recursive(st.none() | st.integers() | st.text() | st.binary(), lambda i: st.lists(i) | st.tuples(i, i)),
)
simple = st.builds(
    Plain,
    n=st.integers(),
    text=st.text(),
    data=st.binary(),
    f=st.floats(allow_nan=False),
    inner=st.lists(st.builds(Inner, x=st.integers(), names=st.lists(st.text()))),
    pair=st.none() | st.tuples(st.integers(), st.text()),
    either=st.integers() | st.text(),
)


@often
@given(simple)
def test_plain_messages_come_back_equal(message: Plain) -> None:
    assert there_and_back(message)[1] == message


@often
@given(rich)
def test_rich_messages_come_back_equal(message: Rich) -> None:
    assert there_and_back(message)[1] == message


def test_simple_fields_take_the_fast_road() -> None:
    assert shape_of(Plain).plain
    assert shape_of(Tree).plain
    assert there_and_back(Plain(n=1, inner=[Inner(x=1)]))[0] == PLAIN


@pytest.mark.parametrize(
    "kind", [Rich, Aliased, Doubled, Cached, Private, Loose, Pointed], ids=lambda kind: kind.__name__
)
def test_what_a_dict_of_fields_would_not_bring_back_takes_the_slow_road(kind: type[Message]) -> None:
    assert not shape_of(kind).plain


@pytest.mark.parametrize(
    "message",
    [
        Plain(n=2**80),
        Aliased(theNumber=3, secret=SecretStr("s")),
        Shown(at=dt.datetime(2024, 1, 2, tzinfo=dt.UTC)),
        Private(n=3),
        Loose(value=(1, [2, {3: {4}}])),
        Loose(value=dt.datetime(2024, 1, 2, tzinfo=dt.UTC)),
        Pointed(at=Point(1, 2.5)),
        Tree(value=1, children=[Tree(value=2, children=[Tree(value=3)])]),
    ],
    ids=lambda message: type(message).__name__,
)
def test_other_messages_come_back_equal(message: Message) -> None:
    assert there_and_back(message)[1] == message


def test_a_cached_property_does_not_travel() -> None:
    message = Cached(n=3)
    assert message.square == 9
    form, again = there_and_back(message)
    assert form == RICH
    assert again == message


def test_nan_travels() -> None:
    (form, again) = there_and_back(Loose(value=math.nan))
    assert form == RICH
    assert isinstance(again, Loose)
    assert math.isnan(again.value)


class Odd:
    pass


@pytest.mark.parametrize(
    "message",
    [
        Loose(value=Odd()),
        Loose(value=Color.RED),
        Loose(value=Inner(x=1)),
        Doubled(n=1),
        Plain(n=1, text="\ud800"),
        Loose(value=open),
    ],
    ids=["object", "enum-as-any", "model-as-any", "unstable", "surrogate", "function"],
)
def test_what_would_not_come_back_equal_is_refused_at_the_caller(message: Message) -> None:
    with pytest.raises(CodecError):
        shape_of(type(message)).write(message)


def test_a_value_within_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(CodecError):
        shape_of(Loose).write(Loose.model_construct(value=loop))


def test_more_than_16_mib_is_refused() -> None:
    with pytest.raises(CodecError, match="16 MiB"):
        shape_of(Plain).write(Plain(n=1, data=b"x" * (16 * 2**20)))


def test_aliases_and_strict_models_keep_their_form() -> None:
    class Strict(Message):
        model_config = ConfigDict(strict=True)
        at: dt.datetime
        pair: tuple[int, int]

    message = Strict(at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC), pair=(1, 2))
    form, again = there_and_back(message)
    assert form in (RICH, JSON)
    assert again == message


def test_a_reply_travels_as_the_requests_type_says() -> None:
    form, data = reply_shape(GetTotal).write(Total(n=3))
    assert reply_shape(GetTotal).read(form, msgpack.unpackb(data)) == Total(n=3)
    moment = dt.datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=dt.UTC)
    form, data = reply_shape(GetTime).write(moment)
    assert reply_shape(GetTime).read(form, msgpack.unpackb(data, ext_hook=read_leaf)) == moment


def test_a_reply_of_another_type_is_refused() -> None:
    with pytest.raises(CodecError):
        reply_shape(GetTotal).write("no total")


@often
@given(st.integers(0, 12), st.binary(max_size=40))
def test_random_extensions_raise_only_what_readers_expect(code: int, data: bytes) -> None:
    from wakeful_runtime.wire import REFUSALS

    with contextlib.suppress(*REFUSALS):
        read_leaf(code, data)


@often
@given(
    st.sampled_from([PLAIN, RICH, JSON, 7]), st.recursive(st.none() | st.integers() | st.text() | st.binary(), st.lists)
)
def test_a_wrong_body_is_a_value_error(form: int, body: Any) -> None:
    with pytest.raises(ValueError):
        shape_of(Rich).read(form, body)
