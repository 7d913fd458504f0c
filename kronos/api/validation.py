"""What pydantic found wrong, as faults for people: a JSON pointer, what is wrong, what to write instead."""

from difflib import get_close_matches
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kronos.delivery.refused import pointer_to
from kronos.errors import Fault
from kronos.model import Json

Model = TypeVar("Model", bound=BaseModel)
_MAX_FAULTS = 20


def faults_of(error: ValidationError, model: type[BaseModel]) -> tuple[Fault, ...]:
    """The first faults of an input, at most 20, each with a hint."""
    found = error.errors(include_url=False, include_input=False)[:_MAX_FAULTS]
    return tuple(_fault(each["type"], each["loc"], each["msg"], each.get("ctx", {}), model) for each in found)


def _fault(kind: str, location: tuple[str | int, ...], message: str, context: dict[str, Json], model: type[BaseModel]) -> Fault:
    # A mapping's key that is wrong is located as (…, key, "[key]").
    location = tuple(part for part in location if part != "[key]")
    pointer = pointer_to(*location).encode("utf-8", "replace").decode()
    if kind == "extra_forbidden":
        return _unknown(pointer, str(location[-1]), _model_at(model, location[:-1]))
    example = _example(model, location)
    if kind == "missing":
        return Fault(pointer=pointer, detail="this field is required", hint=f"Add it, for example {example}." if example else "Add it.")
    if hint := context.get("hint"):
        return Fault(pointer=pointer, detail=message, hint=str(hint))
    expected = context.get("expected")
    hint = f"Write {expected}." if expected else f"Write a value such as {example}." if example else "See /openapi.json for what it may be."
    return Fault(pointer=pointer, detail=_sentence(message), hint=hint)


def _unknown(pointer: str, name: str, model: type[BaseModel] | None) -> Fault:
    known = sorted(_fields(model)) if model else []
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
    return Fault(pointer=pointer, detail="there is no such field", hint=hint)


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model whose fields stand at `location`; None inside free JSON."""
    for part in location:
        field = _fields(model).get(str(part))
        if field is None:
            return None
        inner = [each for each in (field.annotation, *getattr(field.annotation, "__args__", ())) if _is_model(each)]
        if not inner:
            return None
        model = inner[0]
    return model


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The model's fields by the names that requests have for them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _example(model: type[BaseModel], location: tuple[str | int, ...]) -> str | None:
    """The example of the field that `location` is in, as JSON; the schemas give every field one."""
    if not location:
        return None
    holder = _model_at(model, location[:-1])
    while holder is None:  # inside a list or a mapping: the field that holds it
        location = location[:-1]
        holder = _model_at(model, location[:-1])
    field = _fields(holder).get(str(location[-1]))
    return orjson.dumps(field.examples[0]).decode() if field and field.examples else None


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:]
