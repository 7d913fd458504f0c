"""Find the first fault of a large input without collecting the faults of each alternative.

For a value that no part of an anyOf or oneOf accepts, the library lists all faults of all parts, at 10 us each: 60
parts and an input of 256 KiB took more than a minute. It lists none inside a `not`.

unevaluatedItems and unevaluatedProperties do not see what a `not` has evaluated. If a schema has them, its alternatives
stay, and what negates them twice is checked first, in allOf. Both are as the user wrote them and refer to a copy of the
whole schema, or each level of a recursive schema would repeat the levels inside.
"""

import re
from collections.abc import Iterator

import jsonschema_rs

from kronos.model import Json, JsonObject

_KEYWORDS = {
    "anyOf": "the value is not valid under any of the schemas listed in the 'anyOf' keyword",
    "oneOf": "the value is not valid under exactly one of the schemas listed in the 'oneOf' keyword",
}
_MARK = "in place of alternatives"
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
_OF_NAMES = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
_DATA = ("const", "enum", "default", "examples")
_OF_THE_ROOT = ("$id", "$schema", "$anchor")
_COPY = "original"
_VALUES = (*_DATA, "propertyNames")  # no schemas, or of a name, which has few faults


def has_any(schema: Json) -> bool:
    """Whether a part of the schema has alternatives."""
    return any(name in part for part in _parts(schema) for name in _KEYWORDS)


def negated_twice(schema: Json) -> Json | None:
    """Return a schema that accepts the same, whose alternatives are negated twice. None if it has unevaluatedItems or
    unevaluatedProperties, and references into alternatives."""
    if not isinstance(schema, dict) or not has_unevaluated(schema):
        return _negated(schema, None)
    if any(re.search(r"/(any|one)Of/\d", str(part.get("$ref"))) for part in _parts(schema)):
        return None
    definitions = schema.get("$defs")
    name = _COPY
    while isinstance(definitions, dict) and name in definitions:
        name += "_"
    copy = f"#/$defs/{name}"
    made: JsonObject = _negated(schema, copy)
    written = {key: value for key, value in schema.items() if key not in _OF_THE_ROOT}
    return {**made, "$defs": {**made.get("$defs", {}), name: _moved(written, copy)}}


def has_unevaluated(schema: Json) -> bool:
    """Whether a part of the schema has unevaluatedItems or unevaluatedProperties."""
    return any(name in part for part in _parts(schema) for name in _UNEVALUATED)


def told(error: jsonschema_rs.ValidationError) -> tuple[str, list[str | int]]:
    """Return what is wrong, and by which rule of the original schema."""
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Not) and error.schema_path[-3:-2] == ["allOf"]:
        negation = kind.schema
        negated = negation.get("not") if isinstance(negation, dict) and negation.get("$comment") == _MARK else None
        for keyword in _KEYWORDS:
            if isinstance(negated, dict) and keyword in negated:
                return _KEYWORDS[keyword], [*error.schema_path[:-3], keyword]
    return error.message, error.schema_path


def _parts(schema: Json) -> Iterator[JsonObject]:
    if isinstance(schema, list):
        for each in schema:
            yield from _parts(each)
    elif isinstance(schema, dict):
        yield schema
        for name, value in schema.items():
            if name in _OF_NAMES and isinstance(value, dict):
                yield from _parts(list(value.values()))
            elif name not in _VALUES:
                yield from _parts(value)


def _negated(schema: Json, copy: str | None) -> Json:
    """Return the schema with its alternatives negated twice: in their place or, with a `copy` of the whole schema, in
    addition to them."""
    if isinstance(schema, list):
        return [_negated(each, copy) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made: JsonObject = {}
    negations: list[Json] = []
    for name, value in schema.items():
        if name in _OF_NAMES and isinstance(value, dict):
            made[name] = {each: _negated(part, copy) for each, part in value.items()}
        elif name in _KEYWORDS and isinstance(value, list):
            if copy is None:
                negated = {name: _negated(value, None)}
            else:
                negated = {name: _moved(value, copy)}
                made |= negated
            negations.append({"not": {"not": negated, "$comment": _MARK}})
        else:
            made[name] = value if name in _VALUES else _negated(value, copy)
    if negations:
        together = made.get("allOf")
        made["allOf"] = [*(together if isinstance(together, list) else []), *negations]
    return made


def _moved(schema: Json, copy: str) -> Json:
    """Return the schema with its references to the copy."""
    if isinstance(schema, list):
        return [_moved(each, copy) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made: JsonObject = {}
    for name, value in schema.items():
        if name in _OF_NAMES and isinstance(value, dict):
            made[name] = {each: _moved(part, copy) for each, part in value.items()}
        elif name == "$ref" and isinstance(value, str):
            made[name] = copy + value.removeprefix("#")
        elif name != "$anchor":
            made[name] = value if name in _DATA else _moved(value, copy)
    return made
