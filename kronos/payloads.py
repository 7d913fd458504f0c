"""Compile the JSON Schemas of payload specs, with limits, and validate inputs against them.

A tenant writes the schema and another caller the input, so neither may block the process. Patterns match in linear
time, and nothing remote is read. How often a schema's parts apply to one place of an input (its weight) is counted
before it is compiled. Weight times input size limits the time of one validation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Never
from urllib.parse import unquote

import jsonschema_rs
import orjson

from kronos.errors import Fault, Unprocessable
from kronos.model import Json, JsonObject

MAX_SCHEMA_BYTES = 64 * 1024
MAX_PATTERNS = 50
MAX_WEIGHT = 2_000
# Weight times bytes of input. The worst pattern takes 2 us per byte, and counts for a hundred: at most 0.6 s.
MAX_EFFORT = 32_000_000
_SEVERAL_FAULTS_EFFORT = 20_000  # collecting all faults takes about 10 us per application of a part
_MOST_FAULTS = 10
_PATTERN_WEIGHT = 100
# A number is compared as a fraction of up to two thousand bits if it, or what it is compared with, has a fraction or is
# huge: 1 to 3 us, and 20 to 50 for multipleOf, where a type takes 10 ns. Up to 15 items are compared with each other.
_BOUND_WEIGHT, _FRACTION_WEIGHT, _UNIQUE_WEIGHT = 8, 20, 80
_MULTIPLE_WEIGHT, _FRACTION_MULTIPLE_WEIGHT, _TINY_MULTIPLE_WEIGHT, _TINY = 20, 300, 500, 1e-20
_PATTERN_BYTES, _PATTERN_CACHE_BYTES = 64 * 1024, 256 * 1024
_DEPTH = 64  # of inputs: kronos/api/body.py rejects deeper ones
_MOST_STEPS = 150  # from a schema into its parts, following references: each takes several stack frames to compile
_MOST_COUNTED = 50_000  # 10 us each
_MAX_MESSAGE = 300
_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_IN_PLACE_OF_MEMBERS = ("dependentSchemas", "dependencies")  # the second is an older draft's, which is applied too
_OF_EACH_MEMBER = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_OF_EACH_ITEM = ("items", "contains", "unevaluatedItems")
_KINDS = ("object", "array", "scalar")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HINT = "Write a JSON Schema of draft 2020-12."


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """A compiled schema."""

    schema: Json
    weight: int
    size: int
    """The memory that it may take, in bytes."""
    compiled: jsonschema_rs.Draft202012Validator

    def effort(self, value: Json) -> int:
        """Return the largest effort of validating this input; an input that needs more is not validated."""
        return min(self.weight * len(orjson.dumps(value)), MAX_EFFORT)

    def faults(self, value: Json, *, pointer: str) -> tuple[Fault, ...]:
        """Return the faults of the input at `pointer`; empty if it is valid."""
        size = len(orjson.dumps(value))
        if self.weight * size > MAX_EFFORT:
            detail = f"{size} bytes are too many to validate against a schema of this weight ({self.weight})"
            hint = f"Send at most {MAX_EFFORT // self.weight} bytes, or make the payload spec simpler."
            return (Fault(pointer=pointer, detail=detail, hint=hint),)
        if self.compiled.is_valid(value):
            return ()
        return tuple(_fault(error, pointer) for error in self._errors(value, size))

    def _errors(self, value: Json, size: int) -> list[jsonschema_rs.ValidationError]:
        if self.weight * size <= _SEVERAL_FAULTS_EFFORT:
            return list(self.compiled.iter_errors(value))[:_MOST_FAULTS]
        try:
            self.compiled.validate(value)
        except jsonschema_rs.ValidationError as error:
            return [error]
        return []


def compiled(schema: Json, *, pointer: str = "/schema") -> Validator:
    """Return the compiled schema. Raises Unprocessable, with the pointer into it, if it is invalid or too heavy."""
    size = len(orjson.dumps(schema))
    if size > MAX_SCHEMA_BYTES:
        _refuse(pointer, f"the schema has {size} bytes; at most {MAX_SCHEMA_BYTES} are allowed", "Leave out texts.")
    if isinstance(schema, dict) and schema.get("$schema", _DIALECT) not in (_DIALECT, f"{_DIALECT}#"):
        _refuse(f"{pointer}/$schema", "the schema's dialect is not 2020-12", f"Write {_DIALECT}.")
    graph = _Graph(schema, pointer)
    try:
        weight = graph.weight()
    except RecursionError:
        _refuse(pointer, "the schema's references are nested too deep", "Use fewer steps of $ref.")
    try:
        made = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            ignore_unknown_formats=False,
            offline=True,
            mask="the value",
            pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_CACHE_BYTES),
        )
    except jsonschema_rs.ValidationError as error:
        _refuse(pointer + _pointer(error.instance_path), _trimmed(error.message), _hint_of(error.message))
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        _refuse(pointer, f"the schema cannot be used: {_trimmed(str(error))}", _HINT)
    memory = 20 * size + graph.patterns * (_PATTERN_BYTES + _PATTERN_CACHE_BYTES)
    return Validator(schema=schema, weight=weight, size=memory, compiled=made)


def may_have(schema: Json, path: tuple[str, ...]) -> bool:
    """Return whether an input that the schema accepts may have a value at the path. True if that is not certain."""
    return _may_have(schema, schema, path, 0)


def _may_have(root: Json, schema: Json, path: tuple[str, ...], depth: int) -> bool:
    if schema is False:
        return False
    if not path or not isinstance(schema, dict) or depth > _DEPTH:
        return True
    reference = schema.get("$ref")
    found = _resolved(root, reference) if isinstance(reference, str) else None
    if found is not None and not _may_have(root, found, path, depth + 1):
        return False
    if not all(_may_have(root, each, path, depth + 1) for each in _list(schema, "allOf")):
        return False
    for name in ("anyOf", "oneOf"):
        if (choices := _list(schema, name)) and not any(_may_have(root, each, path, depth + 1) for each in choices):
            return False
    kinds = schema.get("type", ["object", "array"])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(kinds, list):
        return True
    return ("object" in kinds and _member_may_have(root, schema, path, depth)) or (
        "array" in kinds and _item_may_have(root, schema, path, depth)
    )


def _member_may_have(root: Json, schema: JsonObject, path: tuple[str, ...], depth: int) -> bool:
    properties = schema.get("properties")
    if isinstance(properties, dict) and path[0] in properties:
        return _may_have(root, properties[path[0]], path[1:], depth + 1)
    if schema.get("patternProperties"):
        return True
    return _may_have(root, schema.get("additionalProperties", True), path[1:], depth + 1)


def _item_may_have(root: Json, schema: JsonObject, path: tuple[str, ...], depth: int) -> bool:
    if not (path[0].isascii() and path[0].isdigit() and len(path[0]) < 10):
        return False
    place, first = int(path[0]), _list(schema, "prefixItems")
    if isinstance(most := schema.get("maxItems"), int) and place >= most:
        return False
    item = first[place] if place < len(first) else schema.get("items", True)
    return _may_have(root, item, path[1:], depth + 1)


class _Graph:
    """Counts how often a schema's parts apply to one place of an input, at most. References are followed."""

    def __init__(self, root: Json, pointer: str) -> None:
        self._root = root
        self._pointer = pointer
        self._known: dict[tuple[int, int, str], int] = {}
        self._under_way: set[tuple[int, int, str]] = set()
        self.patterns = 0

    def weight(self) -> int:
        """Return the weight. Raises Unprocessable if it is too high, or if a part refers to itself in place."""
        self.patterns = sum(_patterns(self._root))
        if self.patterns > MAX_PATTERNS:
            detail = f"the schema has {self.patterns} patterns; at most {MAX_PATTERNS} are allowed"
            _refuse(self._pointer, detail, "Join some of them with |.")
        if (keyword := _foreign(self._root, is_root=True)) is not None:
            detail = f"{keyword} is not supported inside a schema: a part must mean the same wherever it is referenced"
            _refuse(self._pointer, detail, "Use $ref with a pointer to a part of this schema, such as #/$defs/address.")
        # A child is one level deeper, and no input is deeper than _DEPTH: recursion is counted level by level. In
        # steps of 8 levels, so that each is only a few calls away from known ones.
        return max(self._at(self._root, levels) for levels in range(8, _DEPTH + 1, 8))

    def _at(self, schema: Json, levels: int) -> int:
        """Return the weight at a place whose value may be of any kind."""
        return max(self._of(schema, levels, kind) for kind in _KINDS)

    def _of(self, schema: Json, levels: int, kind: str) -> int:
        if not isinstance(schema, dict) or levels == 0:
            return 1
        key = id(schema), levels, kind
        if (known := self._known.get(key)) is not None:
            return known
        if len(self._under_way) >= _MOST_STEPS:
            raise RecursionError
        if len(self._known) >= _MOST_COUNTED:
            _refuse(self._pointer, "the schema has too many parts", "Use fewer parts that refer to each other.")
        if key in self._under_way:
            detail = "a part of the schema refers to itself without a step down into the value"
            _refuse(self._pointer, detail, "Put the reference into properties or items.")
        self._under_way.add(key)
        weight = self._own(schema) + sum(self._of(each, levels, kind) for each in self._in_place(schema))
        if kind == "object":
            weight += self._members(schema, levels - 1)
        elif kind == "array":
            weight += self._items(schema, levels - 1)
        self._under_way.discard(key)
        if weight > MAX_WEIGHT:
            detail = f"the schema's parts would apply more than {MAX_WEIGHT} times to one place of an input"
            _refuse(self._pointer, detail, "Use fewer alternatives (anyOf, oneOf), references and patterns.")
        self._known[key] = weight
        return weight

    def _own(self, schema: JsonObject) -> int:
        lists = sum(len(value) for name in ("required", "enum") if isinstance(value := schema.get(name), list))
        needed = [*_dict(schema, "dependentRequired").values(), *_dict(schema, "dependencies").values()]
        lists += len(needed) + sum(len(value) for value in needed if isinstance(value, list))
        patterns = ("pattern" in schema) + len(_dict(schema, "patternProperties"))
        unique = _UNIQUE_WEIGHT if schema.get("uniqueItems") is True else 0
        named = len(_dict(schema, "properties"))
        return 1 + lists // 10 + named // 10 + _PATTERN_WEIGHT * patterns + unique + _of_numbers(schema)

    def _in_place(self, schema: JsonObject) -> Iterator[Json]:
        for name in _IN_PLACE_LISTS:
            yield from _list(schema, name)
        yield from (schema[name] for name in _IN_PLACE if name in schema)
        for name in _IN_PLACE_OF_MEMBERS:
            yield from _dict(schema, name).values()
        if isinstance(reference := schema.get("$ref"), str):
            if (found := _resolved(self._root, reference)) is None:
                hint = "Refer to a part of this schema by a pointer, such as #/$defs/address."
                _refuse(self._pointer, f"$ref {reference[:200]!r} does not point to a part of this schema", hint)
            yield found

    def _members(self, schema: JsonObject, levels: int) -> int:
        """Return one member's weight: that of the heaviest property, plus all that apply to every member."""
        own = max((self._at(each, levels) for each in _dict(schema, "properties").values()), default=0)
        patterns = sum(self._at(each, levels) for each in _dict(schema, "patternProperties").values())
        return own + patterns + sum(self._at(schema[name], levels) for name in _OF_EACH_MEMBER if name in schema)

    def _items(self, schema: JsonObject, levels: int) -> int:
        own = max((self._at(each, levels) for each in _list(schema, "prefixItems")), default=0)
        return own + sum(self._at(schema[name], levels) for name in _OF_EACH_ITEM if name in schema)


def _of_numbers(schema: JsonObject) -> int:
    """Return the weight of a part's comparisons with numbers."""
    bounds = [schema[name] for name in _BOUNDS if name in schema]
    weight = sum(_FRACTION_WEIGHT if isinstance(bound, float) else _BOUND_WEIGHT for bound in bounds)
    weight += _FRACTION_WEIGHT * _fractions([schema.get("const"), schema.get("enum")])
    match schema.get("multipleOf"):
        case float() as unit if not unit.is_integer():
            weight += _TINY_MULTIPLE_WEIGHT if unit < _TINY else _FRACTION_MULTIPLE_WEIGHT
        case int() | float():
            weight += _MULTIPLE_WEIGHT
    return weight


def _fractions(value: Json) -> int:
    """Return how many numbers in a value are compared as fractions."""
    if isinstance(value, list | dict):
        return sum(map(_fractions, value.values() if isinstance(value, dict) else value))
    return int(isinstance(value, float))


def _resolved(root: Json, reference: str) -> Json | None:
    """Return the schema's part that a local pointer names; None: there is none.

    It must be the part that the compiled schema applies, or the weight of another one would be counted. So escapes such
    as %24 are decoded first, as RFC 6901 section 6 says."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    try:
        pointer = unquote(reference[1:], errors="strict")
    except UnicodeDecodeError:
        return None
    found: Json = root
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(found):
            found = found[int(name[:9])]
        else:
            return None
    return found


def _patterns(schema: Json) -> Iterator[int]:
    """Yield a 1 for each pattern."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield 1
        yield from (1 for _ in _dict(schema, "patternProperties"))
        for each in schema.values():
            yield from _patterns(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _patterns(each)


def _foreign(schema: Json, *, is_root: bool = False) -> str | None:
    """Return the first keyword that would make a part mean something other than its place in the schema says."""
    if isinstance(schema, list):
        return next((found for each in schema if (found := _foreign(each)) is not None), None)
    if not isinstance(schema, dict):
        return None
    names = ("$dynamicRef", "$recursiveRef") if is_root else ("$id", "$schema", "$dynamicRef", "$recursiveRef")
    for name in names:
        if isinstance(schema.get(name), str):
            return name
    return next((found for each in schema.values() if (found := _foreign(each)) is not None), None)


def _list(schema: JsonObject, name: str) -> list[Json]:
    return value if isinstance(value := schema.get(name), list) else []


def _dict(schema: JsonObject, name: str) -> JsonObject:
    return value if isinstance(value := schema.get(name), dict) else {}


def _fault(error: jsonschema_rs.ValidationError, pointer: str) -> Fault:
    return Fault(
        pointer=pointer + _pointer(error.instance_path),
        detail=_trimmed(error.message),
        hint=f"The rule is in the payload spec at {_trimmed(f'/schema{_pointer(error.schema_path)}')}.",
    )


def _hint_of(message: str) -> str:
    if message.endswith('is not a "regex"'):
        return (
            "Write a pattern without look-around and back-references, and with small counts: patterns match in "
            "linear time."
        )
    if "Unknown format" in message:
        return "Use a format of JSON Schema 2020-12, such as date-time, email or uuid."
    return _HINT


def _pointer(path: list[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _trimmed(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _MAX_MESSAGE else line[:_MAX_MESSAGE] + "…"


def _refuse(pointer: str, detail: str, hint: str) -> Never:
    raise Unprocessable.of(Fault(pointer=pointer, detail=detail, hint=hint))
