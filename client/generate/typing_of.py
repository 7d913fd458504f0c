"""The Python type of a schema, for responses and for requests."""

import keyword
from dataclasses import dataclass, field

from generate.document import Json, name_of, schemas
from generate.places import WORDS

_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_FORMATS = {"date-time": "datetime", "date": "date", "uuid": "UUID"}


def python_name(name: str) -> str:
    """Return the name in Python: keywords get an underscore, as in `from_`."""
    return f"{name}_" if keyword.iskeyword(name) else name.replace("-", "_")


@dataclass
class Types:
    """The types of a document's schemas, and the imports they need."""

    document: Json
    words: dict[tuple[str, ...], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = schemas(self.document)
        for name, (schema, field_name) in WORDS.items():
            self.words[tuple(known[schema]["properties"][field_name]["enum"])] = name

    def answered(self, schema: Json) -> str:
        """Return the type in a response."""
        return self._of(schema, is_sent=False)

    def sent(self, schema: Json) -> str:
        """Return the type in a request."""
        return self._of(schema, is_sent=True)

    def _of(self, schema: Json, *, is_sent: bool) -> str:
        if (name := name_of(schema)) is not None:
            return self._referred(name, is_sent=is_sent)
        if "const" in schema:
            return f"Literal[{_quoted(schema['const'])}]"
        if "enum" in schema:
            return self.words.get(tuple(schema["enum"])) or f"Literal[{', '.join(map(_quoted, schema['enum']))}]"
        for joined in ("anyOf", "oneOf"):
            if joined in schema:
                return _union(self._of(each, is_sent=is_sent) for each in schema[joined])
        kind = schema.get("type")
        if isinstance(kind, list):
            return _union(self._of({**schema, "type": each}, is_sent=is_sent) for each in kind)
        if kind == "array":
            inner = self._of(schema.get("items", {}), is_sent=is_sent)
            return f"Sequence[{inner}]" if is_sent else f"list[{inner}]"
        if kind == "object":
            more = schema.get("additionalProperties")
            inner = self._of(more, is_sent=is_sent) if isinstance(more, dict) else "Any"
            return f"Mapping[str, {inner}]" if is_sent else f"dict[str, {inner}]"
        if kind == "string" and schema.get("format") in _FORMATS:
            name = _FORMATS[schema["format"]]
            return f"{name} | str" if is_sent else name
        return _PLAIN.get(str(kind), "Any")

    def _referred(self, name: str, *, is_sent: bool) -> str:
        schema = schemas(self.document)[name]
        if not is_sent and name.endswith("Page"):
            return f"Page[{self._of(schema['properties']['data']['items'], is_sent=False)}]"
        if "enum" in schema or schema.get("type") in ("string", "integer"):
            return self._of(schema, is_sent=is_sent)
        return name


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _union(kinds: object) -> str:
    parts: dict[str, None] = {}
    for kind in kinds:  # type: ignore[attr-defined]
        for part in str(kind).split(" | "):
            parts[part] = None
    if "Any" in parts:
        return "Any"
    return " | ".join([part for part in parts if part != "None"] + (["None"] if "None" in parts else []))


_HOMES = {
    "Any": "typing",
    "Literal": "typing",
    "NotRequired": "typing",
    "Required": "typing",
    "TypedDict": "typing",
    "Unpack": "typing",
    "datetime": "datetime",
    "date": "datetime",
    "UUID": "uuid",
    "Mapping": "collections.abc",
    "Sequence": "collections.abc",
    "dataclass": "dataclasses",
    "field": "dataclasses",
    "Page": "kronos.client.models.page",
}


def imports(text: str, ours: dict[str, str]) -> str:
    """Return the import statements for the names in a module's text; `ours` maps our own names to modules."""
    import re

    homes: dict[str, set[str]] = {}
    code = re.sub(r'"""(?:.|\n)*?"""', "", text)
    defined = set(re.findall(r"^class (\w+)|^(\w+) = ", code, re.MULTILINE))
    here = {name for pair in defined for name in pair}
    for name in set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"\n]*"', "", code))) - here:
        home = ours.get(name) or _HOMES.get(name)
        if home is not None:
            homes.setdefault(home, set()).add(name)
    return "\n".join(f"from {home} import {', '.join(sorted(names))}" for home, names in sorted(homes.items()))
