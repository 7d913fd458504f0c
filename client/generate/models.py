"""Dataclasses of what is answered, TypedDicts of what is sent."""

import textwrap

from generate.document import Json, answers, name_of, references, schemas
from generate.places import HIDDEN, HOMES, WORDS
from generate.typing_of import Types, imports, python_name

_WORDS = "kronos.client.bodies.words"
_HEAD = '"""{} Made by bin/client out of the API\'s document."""\n\n'


def grouped(document: Json, *, is_sent: bool) -> dict[str, list[str]]:
    """The names of schemas that are answered, or sent, by the module they stand in: that of the first operation."""
    found: dict[str, str] = {}
    both = set() if is_sent else {name for names in grouped(document, is_sent=True).values() for name in names}

    def note(name: str, module: str) -> None:
        if name in found or name in both:  # what was read as it is sent stays as it is: a dict, to be sent again
            return
        found[name] = HOMES.get(name, module)
        for each in _named_by(name, document):
            note(each, found[name])

    for methods in document["paths"].values():
        for operation in methods.values():
            module = operation["tags"][0].replace("-", "_")
            sources = [operation.get("requestBody", {})] if is_sent else list(answers(operation).values())
            for name in references(sources):
                note(name, module)
    if not is_sent:
        note("Problem", "problems")
    modules: dict[str, list[str]] = {}
    for name, module in found.items():
        if not (name.endswith("Page") and not is_sent):
            modules.setdefault(module, []).append(name)
    return modules


def models(document: Json) -> dict[str, str]:
    """The modules of kronos/client/models by their names."""
    types, groups = Types(document), grouped(document, is_sent=False)
    homes = {name: f"kronos.client.models.{module}" for module, names in groups.items() for name in names}
    homes |= dict.fromkeys(WORDS, _WORDS)
    sent = grouped(document, is_sent=True)
    bodies = {name: f"kronos.client.bodies.{module}" for module, names in sent.items() for name in names}
    made: dict[str, str] = {}
    for module, names in groups.items():
        text = "\n\n".join(_model(name, schemas(document)[name], types) for name in _in_order(names, document))
        made[module] = (
            _HEAD.format(f"What the API answers: {module.replace('_', ' ')}.")
            + imports(text, bodies | homes)
            + "\n\n"
            + text
        )
    exported = {name: homes[name] for name in sorted(homes)} | {"Page": "kronos.client.models.page"}
    lines = [f"from {home} import {name}" for name, home in exported.items()]
    made["__init__"] = (
        _HEAD.format("Models of what the API answers.") + "\n".join(lines) + f"\n\n__all__ = {sorted(exported)!r}\n"
    )
    return made


def bodies(document: Json) -> dict[str, str]:
    """The modules of kronos/client/bodies by their names."""
    types, groups = Types(document), grouped(document, is_sent=True)
    homes = {name: f"kronos.client.bodies.{module}" for module, names in groups.items() for name in names}
    ours = homes | dict.fromkeys(WORDS, _WORDS)
    made = {"words": _words(types)}
    for module, names in groups.items():
        texts = [_body(name, types) for name in _in_order(names, document) if not _is_empty(name, document)]
        if texts:
            text = "\n\n".join(texts)
            made[module] = (
                _HEAD.format(f"What the API takes: {module.replace('_', ' ')}.") + imports(text, ours) + "\n\n" + text
            )
    exported = {name: home for name, home in sorted(homes.items()) if not _is_empty(name, document)}
    lines = [f"from {home} import {name}" for name, home in exported.items()]
    made["__init__"] = _HEAD.format("Bodies that the API takes, as keywords and as dicts.") + "\n".join(lines)
    made["__init__"] += f"\n\n__all__ = {sorted(exported)!r}\n"
    return made


def _named_by(name: str, document: Json) -> list[str]:
    """Schemas that this one names; of one that is one of several, what those name: it is all of them together."""
    schema = schemas(document)[name]
    if "oneOf" in schema:
        return [each for one in references(schema) for each in references(schemas(document)[one])]
    return references(schema)


def _is_empty(name: str, document: Json) -> bool:
    schema = schemas(document)[name]
    return not schema.get("properties") and "oneOf" not in schema


def _in_order(names: list[str], document: Json) -> list[str]:
    """What is named stands before what names it."""
    placed: list[str] = []

    def place(name: str) -> None:
        if name in placed or name not in names:
            return
        for each in _named_by(name, document):
            place(each)
        placed.append(name)

    for name in sorted(names):
        place(name)
    return placed


def _words(types: Types) -> str:
    lines = [f"{name} = Literal[{', '.join(f'{each!r}' for each in words)}]" for words, name in types.words.items()]
    text = "\n".join(lines)
    return _HEAD.format("Words of the API. A newer one may say others.") + imports(text, {}) + "\n\n" + text + "\n"


def _model(name: str, schema: Json, types: Types) -> str:
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:", _told(schema, name)]
    for field, told in schema.get("properties", {}).items():
        if field.startswith("_"):
            continue  # what the server needs to make the answer, and does not send
        kind = types.answered(told)
        if field not in schema.get("required", ()) and "None" not in kind.split(" | ") and kind != "Any":
            kind += " | None"
        hidden = " = field(repr=False)" if (name, field) in HIDDEN else ""
        lines.append(f"    {python_name(field)}: {kind}{hidden}")
    return "\n".join(lines) + "\n"


def fields_of(name: str, document: Json) -> tuple[dict[str, Json], set[str]]:
    """Properties of a body, and which are needed; of one that is one of several, those of all."""
    schema = schemas(document)[name]
    if "oneOf" not in schema:
        return dict(schema.get("properties", {})), set(schema.get("required", ()))
    properties: dict[str, Json] = {}
    required: set[str] | None = None
    for each in schema["oneOf"]:
        inner = name_of(each)
        if inner is None:
            raise ValueError(f"{name} is one of what has no name: give each a schema")
        some, needed = fields_of(inner, document)
        required = needed if required is None else required & needed
        for field, told in some.items():
            before = properties.get(field)
            kinds = [] if before is None else before.get("anyOf", [before]) if "_joined" in before else [before]
            properties[field] = told if told in kinds or not kinds else {"anyOf": [*kinds, told], "_joined": True}
    return properties, required or set()


def _body(name: str, types: Types) -> str:
    properties, required = fields_of(name, types.document)
    lines = [f"class {name}(TypedDict, total=False):", _told(schemas(types.document)[name], name)]
    for field, told in properties.items():
        if field == "validate_only":
            continue  # another method
        kind = types.sent(told)
        lines.append(f"    {python_name(field)}: {f'Required[{kind}]' if field in required else kind}")
        if description := told.get("description"):
            lines.append(docstring(description, indent=4))
    return "\n".join(lines) + "\n"


def _told(schema: Json, name: str) -> str:
    told = schema.get("description") or f"{name}, as the API has it."
    return docstring(str(told), indent=4) + "\n"


def docstring(text: str, *, indent: int) -> str:
    """A docstring of this text, at most 110 columns wide."""
    blank = " " * indent
    paragraphs = [" ".join(part.split()) for part in text.replace("\\", "\\\\").replace('"""', "'''").split("\n\n")]
    wrapped = [textwrap.fill(part, 106 - indent, subsequent_indent=blank) for part in paragraphs if part]
    body = f"\n\n{blank}".join(wrapped)
    closing = f"\n{blank}" if len(wrapped) > 1 else (" " if body.endswith('"') else "")
    return f'{blank}"""{body}{closing}"""'
