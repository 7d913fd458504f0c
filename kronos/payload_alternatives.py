"""Find the first fault of a large input without collecting the faults of each alternative.

For a value that no part of an anyOf or oneOf accepts, the library lists all faults of all parts, at 10 us each: 60
parts and an input of 256 KiB took more than a minute. It lists none inside a `not`.
"""

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
_VALUES = ("const", "enum", "default", "examples", "propertyNames")  # no schemas, or of a name, which has few faults


def has_any(schema: Json) -> bool:
    """Whether a part of the schema has alternatives."""
    return any(name in part for part in _parts(schema) for name in _KEYWORDS)


def negated_twice(schema: Json) -> Json | None:
    """Return a schema that accepts the same, whose alternatives are negated twice. None if it has unevaluatedItems or
    unevaluatedProperties: they do not see what a `not` has evaluated."""
    if any(name in part for part in _parts(schema) for name in _UNEVALUATED):
        return None
    return _negated(schema)


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


def _negated(schema: Json) -> Json:
    if isinstance(schema, list):
        return [_negated(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made: JsonObject = {}
    negations: list[Json] = []
    for name, value in schema.items():
        if name in _OF_NAMES and isinstance(value, dict):
            made[name] = {each: _negated(part) for each, part in value.items()}
        elif name in _KEYWORDS and isinstance(value, list):
            negations.append({"not": {"not": {name: _negated(value)}, "$comment": _MARK}})
        else:
            made[name] = value if name in _VALUES else _negated(value)
    if negations:
        together = made.get("allOf")
        made["allOf"] = [*(together if isinstance(together, list) else []), *negations]
    return made
