"""What is kept comes back equal, or is refused when it is written."""

from __future__ import annotations

import enum
import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from wakeful.errors import CodecError
from wakeful.life import Kept
from wakeful.values import decode, encode, plain

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


class Color(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: float


@dataclass
class Pair:
    left: int
    right: set[str]


class Notes(BaseModel):
    done: dict[str, str] = {}
    at: datetime | None = None
    blob: bytes = b""
    best: float = 0.0
    tags: frozenset[str] = frozenset()
    pages: dict[int, list[Point]] = {}
    color: Color = Color.RED
    any: Any = None


@given(PLAIN)
def test_untyped_values_come_back_equal(value: Any) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1, 2},
        {1: "a"},
        {None: 1},
        object(),
        datetime(2026, 1, 1, tzinfo=UTC),
        2**64,
        -(2**63) - 1,
        math.nan,
        "\ud800",
        {"\ud800": 1},
        bytearray(b"x"),
        Decimal(1),
        Path(),
        [(1,)],
        {"a": {"b": {1}}},
        Notes(),
        1j,
    ],
)
def test_what_would_not_come_back_equal_is_refused(value: Any) -> None:
    with pytest.raises(CodecError):
        encode(value)


def test_the_error_says_where() -> None:
    with pytest.raises(CodecError, match=r"state\['a'\]\[1\]: set"):
        encode({"a": [1, {2}]}, of="state")


def test_a_value_within_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(CodecError, match="deep"):
        encode(value)


def test_sixteen_mebibytes_are_the_most() -> None:
    encode(b"x" * (16 * 2**20 - 5))
    for value in (b"x" * (16 * 2**20 + 1), ["x" * 2**20] * 16):
        with pytest.raises(CodecError, match="16 MiB"):
            encode(value)
    with pytest.raises(CodecError, match="16 MiB"):
        encode("x" * (16 * 2**20 + 1), str)


def test_what_is_kept_is_a_copy() -> None:
    value = {"a": [1]}
    kept = encode(value)
    value["a"].append(2)
    assert decode(kept) == {"a": [1]}


def test_subclasses_of_plain_types_come_back_as_those() -> None:
    class Word(enum.StrEnum):
        A = "a"

    kept = plain({"a": defaultdict(list, x=[Word.A]), "b": True})
    assert kept == {"a": {"x": ["a"]}, "b": True}
    assert isinstance(kept, dict)
    assert type(kept["a"]) is dict
    assert type(kept["a"]["x"][0]) is str


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Notes(done={"a": "b"}, at=datetime(2026, 1, 1, tzinfo=UTC)), Notes),
        (Notes(blob=b"\xff\xfe", best=math.inf, pages={3: [Point(1, 2.5)]}, at=datetime(2026, 1, 1)), Notes),  # noqa: DTZ001
        (Notes(tags=frozenset({"x"}), any={"deep": [1, None]}), Notes),
        ((1, "a"), tuple[int, str]),
        ({1, 2}, set[int]),
        ({1: "a"}, dict[int, str]),
        ({date(2026, 1, 1): Decimal("1.10")}, dict[date, Decimal]),
        (Pair(1, {"a"}), Pair),
        (Point(1, 2.0), Point),
        ([UUID(int=5)], list[UUID]),
        (timedelta(microseconds=1), timedelta),
        (Path("/a/b"), Path),
        (b"\x00\xff", bytes),
        (math.inf, float),
        (-0.0, float),
        ("1", int | str),
        (None, Notes | None),
        ([1, "a", None, 2.5], list[int | str | float | None]),
        ({"a": b"\xff"}, dict[str, bytes]),
        (None, Notes),
    ],
)
def test_any_type_pydantic_knows_comes_back_equal(value: Any, kind: Any) -> None:
    back = decode(encode(value, kind), kind)
    assert back == value
    assert type(back) is type(value)


class Private(BaseModel):
    _cache: int = PrivateAttr(default=0)
    shown: int = 0
    hidden: int = Field(default=0, exclude=True)


class Base(BaseModel):
    x: int


class Sub(Base):
    y: int


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((1, 2), list[int]),
        (Notes(any=(1, 2)), Notes),
        (Notes(any={1: 2}), Notes),
        (Notes(best=math.nan), Notes),
        (Sub(x=1, y=2), Base),
        ([Sub(x=1, y=2)], list[Base]),
        ({"done": {}}, Notes),
        (Private(hidden=3), Private),
        (SecretStr("x"), SecretStr),
        ("not a number", int),
        (object(), Notes),
        (1.5, int),
    ],
)
def test_a_typed_value_that_would_change_is_refused(value: Any, kind: Any) -> None:
    with pytest.raises(CodecError, match="come back equal"):
        encode(value, kind)


def test_a_private_attribute_that_would_be_lost_is_refused() -> None:
    value = Private()
    value._cache = 5
    with pytest.raises(CodecError, match="come back equal"):
        encode(value, Private)


def test_strict_models_come_back() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)
        at: datetime

    value = Strict(at=datetime(2026, 1, 1, tzinfo=UTC))
    assert decode(encode(value, Strict), Strict) == value


def test_a_type_pydantic_does_not_know_is_named() -> None:
    class Alien: ...

    with pytest.raises(CodecError, match="Alien"):
        encode(Alien(), Alien)


def test_what_does_not_fit_the_class_any_more_is_an_error_that_says_so() -> None:
    with pytest.raises(CodecError, match="isn't a Notes any more: done"):
        decode(Kept("json", '{"done": 5}'), Notes)


def test_errors_show_little_of_the_value() -> None:
    with pytest.raises(CodecError) as error:
        encode({"x" * 100 + "secret"}, of="state")
    assert "secret" not in str(error.value)
