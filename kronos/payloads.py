"""Compile the JSON Schemas of payload specs, with limits, and validate inputs against them.

A tenant writes the schema and another caller the input, so neither may block the process. Patterns match in linear
time, and nothing remote is read. How often a schema's parts apply to one place of an input (its weight) is counted
before it is compiled. Weight times input size limits the time of one validation.
"""

import jsonschema_rs
import orjson

from kronos import payload_alternatives
from kronos.errors import Fault, Unprocessable
from kronos.model import Json, JsonObject
from kronos.payload_weights import DEPTH, Graph, list_of, refuse, resolved
from kronos.records import dataclass

MAX_SCHEMA_BYTES = 64 * 1024
# Weight times bytes of input. The worst pattern takes 2 us per byte, and counts for a hundred: at most 0.6 s.
MAX_EFFORT = 32_000_000
_SEVERAL_FAULTS_EFFORT = 20_000  # collecting all faults takes about 10 us per application of a part
_MOST_FAULTS = 10
_PATTERN_BYTES, _PATTERN_CACHE_BYTES = 64 * 1024, 256 * 1024
_MAX_MESSAGE = 300
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
    locating: jsonschema_rs.Draft202012Validator | None
    """Finds the first fault of an input in the time of a validation; None if nothing does."""
    locating_weight: int

    def effort(self, value: Json) -> int:
        """Return the largest effort of validating this input; an input that needs more is not validated."""
        return min(self.weight * len(orjson.dumps(value)), MAX_EFFORT)

    def faults(self, value: Json, *, pointer: str) -> tuple[Fault, ...]:
        """Return the faults of the input at `pointer`; empty if it is valid."""
        text = orjson.dumps(value)
        size = len(text)
        if self.weight * size > MAX_EFFORT:
            detail = f"{size} bytes are too many to validate against a schema of this weight ({self.weight})"
            hint = f"Send at most {MAX_EFFORT // self.weight} bytes, or make the payload spec simpler."
            return (Fault(pointer=pointer, detail=detail, hint=hint),)
        if self.compiled.is_valid(value):
            return ()
        if self.weight * size <= _SEVERAL_FAULTS_EFFORT:
            return tuple(_fault(error, pointer) for error in list(self.compiled.iter_errors(value))[:_MOST_FAULTS])
        values = 1 + sum(map(text.count, (b",", b"[", b"{")))
        is_small = self.weight * values <= _SEVERAL_FAULTS_EFFORT
        locating = self.locating if self.locating_weight * size <= MAX_EFFORT else None
        return (_first_fault(self.compiled if is_small else locating, value, pointer),)


def compiled(schema: Json, *, pointer: str = "/schema") -> Validator:
    """Return the compiled schema. Raises Unprocessable, with the pointer into it, if it is invalid or too heavy."""
    size = len(orjson.dumps(schema))
    if size > MAX_SCHEMA_BYTES:
        refuse(pointer, f"the schema has {size} bytes; at most {MAX_SCHEMA_BYTES} are allowed", "Leave out texts.")
    if isinstance(schema, dict) and schema.get("$schema", _DIALECT) not in (_DIALECT, f"{_DIALECT}#"):
        refuse(f"{pointer}/$schema", "the schema's dialect is not 2020-12", f"Write {_DIALECT}.")
    graph = Graph(schema, pointer)
    try:
        weight = graph.weight()
    except RecursionError:
        refuse(pointer, "the schema's references are nested too deep", "Use fewer steps of $ref.")
    try:
        made = _made(schema)
    except jsonschema_rs.ValidationError as error:
        refuse(pointer + _pointer(error.instance_path), _trimmed(error.message), _hint_of(error.message))
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        refuse(pointer, f"the schema cannot be used: {_trimmed(str(error))}", _HINT)
    memory = 20 * size + graph.patterns * (_PATTERN_BYTES + _PATTERN_CACHE_BYTES)
    locating: jsonschema_rs.Draft202012Validator | None = made
    locating_weight = weight
    if payload_alternatives.has_any(schema):
        locating, locating_weight, copies = _locating(schema, weight)
        memory *= 1 + copies
    return Validator(
        schema=schema,
        weight=weight,
        size=memory,
        compiled=made,
        locating=locating,
        locating_weight=locating_weight,
    )


def _made(schema: Json) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        validate_formats=True,
        ignore_unknown_formats=False,
        offline=True,
        mask="the value",
        pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_CACHE_BYTES),
    )


def _locating(schema: Json, weight: int) -> tuple[jsonschema_rs.Draft202012Validator | None, int, int]:
    """Return what finds the first fault of an input, its weight, and how many times as large as the schema it is. None
    for references into alternatives, and where it would be too heavy."""
    if (negated := payload_alternatives.negated_twice(schema)) is None:
        return None, weight, 0
    copies = 1
    try:
        if payload_alternatives.has_unevaluated(schema):
            weight, copies = Graph(negated, "").weight(), 3
        return _made(negated), weight, copies
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError, Unprocessable):
        # references that were into alternatives, which have another place now; or parts that apply too often
        return None, weight, 0


def may_have(schema: Json, path: tuple[str, ...]) -> bool:
    """Return whether an input that the schema accepts may have a value at the path. True if that is not certain."""
    return _may_have(schema, schema, path, 0)


def _may_have(root: Json, schema: Json, path: tuple[str, ...], depth: int) -> bool:
    if schema is False:
        return False
    if not path or not isinstance(schema, dict) or depth > DEPTH:
        return True
    reference = schema.get("$ref")
    found = resolved(root, reference) if isinstance(reference, str) else None
    if found is not None and not _may_have(root, found, path, depth + 1):
        return False
    if not all(_may_have(root, each, path, depth + 1) for each in list_of(schema, "allOf")):
        return False
    for name in ("anyOf", "oneOf"):
        if (choices := list_of(schema, name)) and not any(_may_have(root, each, path, depth + 1) for each in choices):
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
    place, first = int(path[0]), list_of(schema, "prefixItems")
    if isinstance(most := schema.get("maxItems"), int) and place >= most:
        return False
    item = first[place] if place < len(first) else schema.get("items", True)
    return _may_have(root, item, path[1:], depth + 1)


def _first_fault(validator: jsonschema_rs.Draft202012Validator | None, value: Json, pointer: str) -> Fault:
    """Return the first fault of an invalid value, or that it is invalid."""
    if validator is not None:
        try:
            validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return _fault(error, pointer)
    detail = "the value is not valid under the payload spec, and too large to find out where"
    return Fault(pointer=pointer, detail=detail, hint="Send a smaller value with the same parts to see what is wrong.")


def _fault(error: jsonschema_rs.ValidationError, pointer: str) -> Fault:
    detail, rule = payload_alternatives.told(error)
    return Fault(
        pointer=pointer + _pointer(error.instance_path),
        detail=_trimmed(detail),
        hint=f"The rule is in the payload spec at {_trimmed(f'/schema{_pointer(rule)}')}.",
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
