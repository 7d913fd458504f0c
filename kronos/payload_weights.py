"""Count how often a schema's parts apply to one place of an input (its weight), before the schema is compiled."""

from collections.abc import Iterator, Mapping
from typing import Never
from urllib.parse import unquote

from kronos.errors import Fault, Unprocessable
from kronos.model import Json, JsonObject

MAX_PATTERNS = 50
MAX_WEIGHT = 2_000
DEPTH = 64  # of inputs: kronos/api/body.py rejects deeper ones
_PATTERN_WEIGHT = 100
# A number is compared as a fraction of up to two thousand bits if it, or what it is compared with, has a fraction or is
# huge: 1 to 3 us, and 20 to 50 for multipleOf, where a type takes 10 ns. Up to 15 items are compared with each other.
_BOUND_WEIGHT, _FRACTION_WEIGHT, _UNIQUE_WEIGHT = 8, 20, 80
_MULTIPLE_WEIGHT, _FRACTION_MULTIPLE_WEIGHT, _TINY_MULTIPLE_WEIGHT, _TINY = 20, 300, 500, 1e-20
_MOST_STEPS = 150  # from a schema into its parts, following references: each takes several stack frames to compile
_MOST_COUNTED = 50_000  # 10 us each
_MOST_NAMED = 500_000  # 0.1 us each
_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_IN_PLACE_OF_MEMBERS = ("dependentSchemas", "dependencies")  # the second is an older draft's, which is applied too
_OF_EACH_MEMBER = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_OF_EACH_ITEM = ("items", "contains", "unevaluatedItems")
_UNEVALUATED = {"object": "unevaluatedProperties", "array": "unevaluatedItems"}
_KINDS = ("object", "array", "scalar")


def refuse(pointer: str, detail: str, hint: str) -> Never:
    """Raise Unprocessable."""
    raise Unprocessable.of(Fault(pointer=pointer, detail=detail, hint=hint))


Both = tuple[int, Mapping[str, int]]
"""The weight of a part that every member has, and what properties add to members of these names."""


def _heaviest(weight: int, named: Mapping[str, int]) -> int:
    return weight + max(named.values(), default=0)


class Graph:
    """Counts how often a schema's parts apply to one place of an input, at most. References are followed."""

    def __init__(self, root: Json, pointer: str) -> None:
        self._root = root
        self._pointer = pointer
        self._known: dict[tuple[int, int, str], Both] = {}
        self._named = 0
        self._known_seen: dict[tuple[int, int, str], int] = {}
        self._under_way: set[tuple[int, int, str]] = set()
        self.patterns = 0

    def weight(self) -> int:
        """Return the weight. Raises Unprocessable if it is too high, or if a part refers to itself in place."""
        self.patterns = sum(_patterns(self._root))
        if self.patterns > MAX_PATTERNS:
            detail = f"the schema has {self.patterns} patterns; at most {MAX_PATTERNS} are allowed"
            refuse(self._pointer, detail, "Join some of them with |.")
        if (keyword := _foreign(self._root, is_root=True)) is not None:
            detail = f"{keyword} is not supported inside a schema: a part must mean the same wherever it is referenced"
            refuse(self._pointer, detail, "Use $ref with a pointer to a part of this schema, such as #/$defs/address.")
        # A child is one level deeper, and no input is deeper than DEPTH: recursion is counted level by level. In
        # steps of 8 levels, so that each is only a few calls away from known ones.
        return max(self._at(self._root, levels) for levels in range(8, DEPTH + 1, 8))

    def _at(self, schema: Json, levels: int) -> int:
        """Return the weight at a place whose value may be of any kind."""
        return max(self._of(schema, levels, kind) for kind in _KINDS)

    def _of(self, schema: Json, levels: int, kind: str) -> int:
        return _heaviest(*self._both(schema, levels, kind))

    def _both(self, schema: Json, levels: int, kind: str) -> Both:
        if not isinstance(schema, dict) or levels == 0:
            return 1, {}
        key = id(schema), levels, kind
        if (known := self._known.get(key)) is not None:
            return known
        if len(self._under_way) >= _MOST_STEPS:
            raise RecursionError
        if len(self._known) >= _MOST_COUNTED or self._named > _MOST_NAMED:
            refuse(self._pointer, "the schema has too many parts", "Use fewer parts that refer to each other.")
        if key in self._under_way:
            detail = "a part of the schema refers to itself without a step down into the value"
            refuse(self._pointer, detail, "Put the reference into properties or items.")
        self._under_way.add(key)
        weight, named = self._own(schema), dict[str, int]()
        for each in self._in_place(schema):
            part, of_part = self._both(each, levels, kind)
            weight += part
            self._add(named, of_part)
        if kind == "object":
            weight += self._members(schema, levels - 1)
            self._add(named, {name: self._at(each, levels - 1) for name, each in dict_of(schema, "properties").items()})
        elif kind == "array":
            weight += self._items(schema, levels - 1)
        if _UNEVALUATED.get(kind) in schema:
            weight += self._seen(schema, levels, kind)
        self._under_way.discard(key)
        if _heaviest(weight, named) > MAX_WEIGHT:
            detail = f"the schema's parts would apply more than {MAX_WEIGHT} times to one place of an input"
            refuse(self._pointer, detail, "Use fewer alternatives (anyOf, oneOf), references and patterns.")
        self._known[key] = weight, named
        return weight, named

    def _add(self, named: dict[str, int], more: Mapping[str, int]) -> None:
        self._named += len(more)
        for name, weight in more.items():
            named[name] = named.get(name, 0) + weight

    def _seen(self, schema: Json, levels: int, kind: str) -> int:
        """Return the weight of finding out which members or items a part has evaluated: what is applied in place is
        asked once more whether it accepts the value, also by each unevaluatedItems or unevaluatedProperties inside."""
        if not isinstance(schema, dict):
            return 1
        key = id(schema), levels, kind
        if (known := self._known_seen.get(key)) is not None:
            return known
        weight = self._own(schema)
        if kind == "array" and "contains" in schema:
            weight += self._at(schema["contains"], levels - 1)
        again = [each for name in _IN_PLACE_LISTS for each in list_of(schema, name)] + [schema.get("if")]
        weight += sum(self._of(each, levels, kind) for each in again if each is not None)
        weight += sum(self._seen(each, levels, kind) for each in self._in_place(schema))
        self._known_seen[key] = weight
        return weight

    def _own(self, schema: JsonObject) -> int:
        lists = sum(len(value) for name in ("required", "enum") if isinstance(value := schema.get(name), list))
        needed = [*dict_of(schema, "dependentRequired").values(), *dict_of(schema, "dependencies").values()]
        lists += len(needed) + sum(len(value) for value in needed if isinstance(value, list))
        patterns = ("pattern" in schema) + len(dict_of(schema, "patternProperties"))
        unique = _UNIQUE_WEIGHT if schema.get("uniqueItems") is True else 0
        named = len(dict_of(schema, "properties"))
        return 1 + lists // 10 + named // 10 + _PATTERN_WEIGHT * patterns + unique + _of_numbers(schema)

    def _in_place(self, schema: JsonObject) -> Iterator[Json]:
        for name in _IN_PLACE_LISTS:
            yield from list_of(schema, name)
        yield from (schema[name] for name in _IN_PLACE if name in schema)
        for name in _IN_PLACE_OF_MEMBERS:
            yield from dict_of(schema, name).values()
        if isinstance(reference := schema.get("$ref"), str):
            if (found := resolved(self._root, reference)) is None:
                hint = "Refer to a part of this schema by a pointer, such as #/$defs/address."
                refuse(self._pointer, f"$ref {reference[:200]!r} does not point to a part of this schema", hint)
            yield found

    def _members(self, schema: JsonObject, levels: int) -> int:
        """Return the weight of what applies to members whatever their names are."""
        patterns = sum(self._at(each, levels) for each in dict_of(schema, "patternProperties").values())
        return patterns + sum(self._at(schema[name], levels) for name in _OF_EACH_MEMBER if name in schema)

    def _items(self, schema: JsonObject, levels: int) -> int:
        own = max((self._at(each, levels) for each in list_of(schema, "prefixItems")), default=0)
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


def resolved(root: Json, reference: str) -> Json | None:
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
        yield from (1 for _ in dict_of(schema, "patternProperties"))
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


def list_of(schema: JsonObject, name: str) -> list[Json]:
    """Return the list of this name; empty if there is none."""
    return value if isinstance(value := schema.get(name), list) else []


def dict_of(schema: JsonObject, name: str) -> JsonObject:
    """Return the object of this name; empty if there is none."""
    return value if isinstance(value := schema.get(name), dict) else {}
