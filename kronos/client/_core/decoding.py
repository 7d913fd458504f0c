"""JSON into models, by their type hints. What a newer API says more is passed over, and a nullable field that an older
one does not have is None."""

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
Json = Any  # JSON is whatever it is, until it is one of the models
Decoder = Callable[[Json], Json]
_origin_of: Decoder = get_origin  # as it is typed it knows no classes


class Undecodable(ValueError):
    """The JSON is none of the model's; says which field, and never its value."""


def decode(kind: type[T], value: object) -> T:
    """The model that the JSON is. Raises Undecodable."""
    return cast(T, _decoder(cast(Hashable, kind))(value))


def loads(text: bytes | str) -> Json:
    """The JSON that a text is. Raises ValueError, also where it is nested deeper than Python goes."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def wire_name(name: str) -> str:
    """A field's name in JSON: Python has a word `from` of its own."""
    return name.removesuffix("_")


def either(kinds: Sequence[type[Json]]) -> type[Json]:
    """What is one of these models: the first that it can be."""
    return cast(type[Json], Union[tuple(kinds)])  # noqa: UP007 - how many is known at run time alone


@cache
def _decoder(kind: Json) -> Decoder:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if typing.is_typeddict(kind):
        return _same  # what is read to be sent again
    if dataclasses.is_dataclass(kind):
        return _of_model(cast(type, kind))
    origin, arguments = _origin_of(kind), get_args(kind)
    if origin is Literal:
        return _same  # a newer API may say another word: it is handed on
    if origin in (Union, types.UnionType):
        return _of_union(arguments)
    if origin is list:
        return _of_list(_decoder(arguments[0]))
    if origin is dict:
        return _of_dict(_decoder(arguments[1]))
    if dataclasses.is_dataclass(origin):
        return _of_model(cast(type, origin), arguments)
    raise TypeError(f"no model is made of {kind!r}")


def _of_model(kind: type, arguments: tuple[Any, ...] = ()) -> Decoder:
    # A page is of something: what stands in its place is known here.
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
            raise Undecodable(f"{kind.__name__} is no object")
        given: dict[str, Any] = {}
        for name, wire, decoded, is_nullable in told:
            if wire not in value and not is_nullable:
                raise Undecodable(f"{kind.__name__} has no {wire}")
            try:
                given[name] = decoded(value.get(wire))
            except Undecodable as error:
                raise Undecodable(f"{wire} of {error}") from None
            except (ValueError, TypeError, AttributeError):
                raise Undecodable(f"{kind.__name__}'s {wire} is not what it should be") from None
        return kind(**given)

    return made


def _filled(hint: Json, stands_for: Mapping[Json, Json]) -> Json:
    """The hint, where it names what a page is of."""
    if _origin_of(hint) is list:
        (inner,) = get_args(hint)
        return list[_filled(inner, stands_for)]  # type: ignore[misc] # put together at run time
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
        raise Undecodable("nothing")  # of no kinds

    return made


def _of_list(decoded: Decoder) -> Decoder:
    def made(value: Json) -> Json:
        if not isinstance(value, list):
            raise Undecodable("what should be a list")
        return [decoded(each) for each in value]

    return made


def _of_dict(decoded: Decoder) -> Decoder:
    def made(value: Json) -> Json:
        if not isinstance(value, dict):
            raise Undecodable("what should be an object")
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
