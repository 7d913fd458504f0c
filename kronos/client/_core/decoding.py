"""Decodes JSON into models, by their type hints. Unknown fields of a newer API are ignored. Nullable fields that an
older API does not send are None."""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin
from uuid import UUID

T = TypeVar("T")
Json = Any  # any JSON value, before it is decoded
Decoder = Callable[[Json], Json]
_origin_of: Decoder = get_origin  # its stub does not accept classes


class Undecodable(ValueError):
    """The JSON does not match the model. The message names the field, never its value."""


def decode(kind: type[T], value: object) -> T:
    """Return the JSON as this model. Raises Undecodable."""
    return cast(T, _decoder(cast(Hashable, kind))(value))


def loads(text: bytes | str) -> Json:
    """Parse JSON. Raises ValueError, including for JSON that is nested too deeply for Python."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def wire_name(name: str) -> str:
    """Return a field's name in JSON: the field `from_` is `from`, a keyword in Python."""
    return name.removesuffix("_")


def either(kinds: Sequence[type[Json]]) -> type[Json]:
    """Return the union of these models: JSON is decoded as the first that it matches."""
    return cast(type[Json], Union[tuple(kinds)])  # noqa: UP007 - how many is known at run time alone


@cache
def _decoder(kind: Json) -> Decoder:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if typing.is_typeddict(kind):
        return _same  # read in order to be sent again
    if dataclasses.is_dataclass(kind):
        return _of_model(cast(type, kind))
    origin, arguments = _origin_of(kind), get_args(kind)
    if origin is Literal:
        return _same  # a newer API may return another value: it is passed on
    if origin in (Union, types.UnionType):
        return _of_union(arguments)
    if origin is list:
        return _of_list(_decoder(arguments[0]))
    if origin is dict:
        return _of_dict(_decoder(arguments[1]))
    if dataclasses.is_dataclass(origin):
        return _of_model(cast(type, origin), arguments)
    raise TypeError(f"{kind!r} is not a model")


def _of_model(kind: type, arguments: tuple[Any, ...] = ()) -> Decoder:
    # The item type of a generic page is known here.
    stands_for = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    hints = typing.get_type_hints(kind)
    told = [
        (
            field.name,
            wire_name(field.name),
            _decoder(_filled(hints[field.name], stands_for)),
            type(None) in get_args(hints[field.name]),
        )
        for field in dataclasses.fields(kind)
    ]

    def made(value: Json) -> Json:
        if not isinstance(value, Mapping):
            raise Undecodable(f"{kind.__name__} is not an object")
        given: dict[str, Any] = {}
        for name, wire, decoded, is_nullable in told:
            if wire not in value and not is_nullable:
                raise Undecodable(f"{kind.__name__} has no {wire}")
            try:
                given[name] = decoded(value.get(wire))
            except Undecodable as error:
                raise Undecodable(f"{wire} of {error}") from None
            except (ValueError, TypeError, AttributeError):
                raise Undecodable(f"{kind.__name__}'s {wire} has an invalid value") from None
        return kind(**given)

    return made


def _filled(hint: Json, stands_for: Mapping[Json, Json]) -> Json:
    """Return the hint with type variables replaced."""
    if _origin_of(hint) is list:
        (inner,) = get_args(hint)
        return list[_filled(inner, stands_for)]  # type: ignore[misc] # built at run time
    return stands_for.get(hint, hint)


def _of_union(kinds: tuple[Any, ...]) -> Decoder:
    others = [_decoder(kind) for kind in kinds if kind is not type(None)]

    def made(value: Json) -> Json:
        if value is None:
            return None
        for position, decoded in enumerate(others):
            try:
                return decoded(value)
            except (ValueError, TypeError, AttributeError):
                if position == len(others) - 1:
                    raise
        raise Undecodable("nothing")  # a union without members

    return made


def _of_list(decoded: Decoder) -> Decoder:
    def made(value: Json) -> Json:
        if not isinstance(value, list):
            raise Undecodable("a value that is not a list")
        return [decoded(each) for each in value]

    return made


def _of_dict(decoded: Decoder) -> Decoder:
    def made(value: Json) -> Json:
        if not isinstance(value, dict):
            raise Undecodable("a value that is not an object")
        return {name: decoded(each) for name, each in value.items()}

    return made


def _same(value: Json) -> Json:
    return value


def _is(kind: type | tuple[type, ...]) -> Decoder:
    def made(value: Json) -> Json:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise Undecodable("a value of another type")
        return value

    return made


_SIMPLE: Mapping[Any, Decoder] = {
    Any: _same,
    str: _is(str),
    bool: _is(bool),
    int: _is(int),
    float: _is((int, float)),
    datetime: lambda value: datetime.fromisoformat(value),
    date: lambda value: date.fromisoformat(value),
    UUID: lambda value: UUID(value),
    type(None): _same,
}
