"""Message bodies: how a message or a reply becomes bytes at the caller and a checked object at the receiver.

Three forms. PLAIN: the model's `__dict__` as it is, for classes whose fields msgpack carries; decided once per class.
RICH: the fields with extensions for datetimes, UUIDs and their like. JSON: pydantic's own text. The last two are read
back before they are sent: what would not come back equal is refused at the caller.
"""

from __future__ import annotations

import functools
import threading
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel, StringConstraints, TypeAdapter
from pydantic_core import PydanticSerializationError, SchemaValidator

from wakeful.errors import CodecError
from wakeful.message import Message, reply_of, tag_of
from wakeful_runtime.leaves import pack_rich, read_leaf
from wakeful_runtime.packing import REFUSALS, packb, packer, unpackb
from wakeful_runtime.wire import MAX_BODY

PLAIN, RICH, JSON = 0, 1, 2

_FAILURES: tuple[type[Exception], ...] = (*REFUSALS, PydanticSerializationError)
_SCALARS = frozenset((type(None), bool, int, float, str, bytes))
_CONFIG = frozenset(
    ("frozen", "extra", "title", "arbitrary_types_allowed", "use_attribute_docstrings", "protected_namespaces")
)


class Shape:
    """How values of one type travel.

    Attributes:
        tag: a message class's name on the wire.
        plain: whether packing `value.__dict__` is enough.
        read_plain: validates a PLAIN body; raises pydantic's ValidationError (a ValueError).
    """

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.tag = tag_of(kind) if isinstance(kind, type) and issubclass(kind, Message) else ""
        model = cast("type[Any]", kind)
        if isinstance(kind, type) and issubclass(model, BaseModel):
            self._validator = cast("SchemaValidator", model.__pydantic_validator__)
            self._serializer = model.__pydantic_serializer__
            self.plain = is_plain(model)
        else:
            adapter: TypeAdapter[Any] = TypeAdapter(kind)
            self._validator = cast("SchemaValidator", adapter.validator)
            self._serializer = adapter.serializer
            self.plain = False
        self.read_plain: Callable[[Any], Any] = self._validator.validate_python

    def read(self, form: int, body: Any) -> Any:
        """The value of a body.

        Raises:
            ValueError: it isn't one (pydantic's ValidationError is one, too).
        """
        if form == PLAIN:
            return self.read_plain(body)
        if form == RICH:
            return self._validator.validate_python(body, by_alias=False, by_name=True)
        if form == JSON and isinstance(body, bytes):
            return self._validator.validate_json(body)
        raise ValueError(f"a body of form {form}")

    def write(self, value: Any) -> tuple[int, bytes]:
        """The form and the bytes of a value.

        Raises:
            CodecError: it can't travel, or would not come back equal.
        """
        if self.plain and type(value) is self.kind:
            try:
                return PLAIN, checked(_own.pack_fields(value.__dict__), value)
            except _FAILURES:
                pass  # an integer of more than 64 bits, say: the other forms take it, or say why not
        if self.kind is type(value) and self.kind in _SCALARS:
            return PLAIN, checked(_pack_scalar(value), value)
        why = "it would not come back equal"
        for form, attempt in ((RICH, pack_rich), (JSON, self._json)):
            try:
                data = attempt(value)
                if self._comes_back(form, data, value):
                    return form, checked(data, value)
            except _FAILURES as error:
                why = str(error).partition("\n")[0]
        raise CodecError(f"{_name(type(value))} can't travel as {_name(self.kind)}: {why}")

    def _json(self, value: Any) -> bytes:
        text = self._serializer.to_json(value, round_trip=True, by_alias=True, warnings="error")
        return packb(text)

    def _comes_back(self, form: int, data: bytes, value: Any) -> bool:
        again = self.read(form, unpackb(data, strict_map_key=False, ext_hook=read_leaf))
        return bool(again == value) or (type(again) is type(value) and repr(again) == repr(value))  # NaN is not NaN


def _pack_scalar(value: Any) -> bytes:
    try:
        return packb(value)
    except REFUSALS:
        return pack_rich(value)


def checked(data: bytes, value: object) -> bytes:
    """The same bytes.

    Raises:
        CodecError: they are more than a message may have.
    """
    if len(data) > MAX_BODY:
        size = f"{len(data) / 2**20:.1f} MiB"
        raise CodecError(f"{_name(type(value))}: {size}; at most 16 MiB travel, send the path of a file")
    return data


def _nested(value: object) -> Any:
    """A model in a field of a plain class; of the declared class, or of one that is as plain."""
    if isinstance(value, BaseModel) and is_plain(type(value)):
        return value.__dict__
    raise TypeError(f"a {_name(type(value))}")


def fields_packer() -> Callable[[Any], bytes]:
    """Packs a plain model's `__dict__`; for one thread. Raises one of `REFUSALS`, and nothing is left behind."""
    return packer(_nested)


class _Own(threading.local):
    def __init__(self) -> None:
        self.pack_fields = fields_packer()


_own = _Own()


@functools.lru_cache(maxsize=4096)
def shape_of(kind: Any) -> Shape:
    """How values of `kind` travel; made once.

    Raises:
        CodecError: pydantic doesn't know such a type.
    """
    try:
        return Shape(kind)
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CodecError(f"{_name(kind)} can't travel: {str(error).partition(chr(10))[0]}") from None


@functools.lru_cache(maxsize=4096)
def reply_shape(request: Any) -> Shape:
    """How the replies to a class of requests travel."""
    return shape_of(reply_of(request))


def is_plain(model: type[BaseModel]) -> bool:
    """Whether its `__dict__`, packed, unpacked and validated, is an equal model: nothing but simple fields in it."""
    return _plain_model(model, ())


@functools.lru_cache(maxsize=4096)
def _plain_model(model: type[BaseModel], within: tuple[type, ...]) -> bool:
    if model in within:
        return True
    decorators = model.__pydantic_decorators__
    changed = (
        decorators.field_validators
        or decorators.model_validators
        or decorators.validators
        or decorators.root_validators
        or model.__private_attributes__
        or not set(model.model_config) <= _CONFIG
        or model.model_config.get("extra") == "allow"
        or getattr(model, "__pydantic_custom_init__", False)
        or getattr(model, "__pydantic_post_init__", None)
        or getattr(model, "__pydantic_root_model__", False)
        or any(isinstance(found, functools.cached_property) for each in model.__mro__ for found in vars(each).values())
    )
    if changed:
        return False
    return all(_plain_field(field, (*within, model)) for field in model.model_fields.values())


def _plain_field(field: Any, within: tuple[type, ...]) -> bool:
    named = field.alias or field.validation_alias or field.serialization_alias or field.exclude or field.discriminator
    return not named and _harmless(field.metadata) and _plain_type(field.annotation, within)


def _plain_type(annotation: Any, within: tuple[type, ...]) -> bool:
    if annotation is None or annotation in _SCALARS:
        return True
    if isinstance(annotation, type) and not get_args(annotation):
        return issubclass(annotation, BaseModel) and _plain_model(annotation, within)
    origin, given = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _harmless(given[1:]) and _plain_type(given[0], within)
    if origin is Literal:
        return all(type(value) in _SCALARS for value in given)
    if origin in (typing.Union, types.UnionType):
        return _plain_union(given, within)
    if origin in (list, tuple):
        return all(each is Ellipsis or _plain_type(each, within) for each in given)
    if origin is dict:
        return given[0] is str and _plain_type(given[1], within)
    return False


def _plain_union(given: tuple[Any, ...], within: tuple[type, ...]) -> bool:
    """Scalars, and at most one member that isn't: two could be taken for each other."""
    others = [each for each in given if each not in _SCALARS and get_origin(each) is not Literal]
    return len(others) <= 1 and all(_plain_type(each, within) for each in given)


def _harmless(metadata: Any) -> bool:
    """Bounds and patterns check a value and leave it as it is."""
    return all(
        type(each).__module__ in ("annotated_types", "pydantic._internal._fields")
        or isinstance(each, StringConstraints)
        for each in metadata
    )


def _name(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) else str(kind)
