"""Turns pydantic's errors into faults for people: a JSON pointer, what is wrong, and what to write instead."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, TypeGuard, TypeVar, get_args

import orjson
from pydantic import BaseModel, RootModel, ValidationError
from pydantic.fields import FieldInfo

from kronos.counting import counted, plural
from kronos.delivery.refused import pointer_to
from kronos.errors import Fault
from kronos.model import Json

Model = TypeVar("Model", bound=BaseModel)
MAX_FAULTS = 20
# Limits on reported names: an unknown field's name may be a megabyte long.
_MAX_POINTER, _MAX_NAME = 256, 64
# pydantic names Python's types; senders of JSON know JSON's.
_IN_JSON = {
    "dict_type": "input should be an object",
    "model_type": "input should be an object",
    "model_attributes_type": "input should be an object",
    "list_type": "input should be an array",
}


def faults_of(error: ValidationError, model: type[BaseModel]) -> tuple[Fault, ...]:
    """Return the first faults of an input, at most 20, each with a hint."""
    return faults_in(error.errors(include_url=False, include_input=False), model)


def faults_in(found: Iterable[Mapping[str, Any]], model: type[BaseModel], *, what: str = "field") -> tuple[Fault, ...]:
    """Return the first of pydantic's errors, at most 20, as faults. The model gives their hints. `what` is the word for
    what the model has: fields, or parameters."""
    return tuple(_fault_of_one(each, model, what) for each in islice(found, MAX_FAULTS))


def trimmed(value: Json, model: type[BaseModel]) -> Json:
    """Return a body without most of its unknown fields, if there are very many: pydantic would create an error for
    each."""
    if not isinstance(value, dict):
        return value
    if variants := _variants(model):
        meant = variants.get(str(value.get("type")))
        return value if meant is None else trimmed(value, meant)
    known = _fields(model)
    unknown = [name for name in value if name not in known]
    kept = {name: item for name, item in value.items() if name in known} | {
        name: value[name] for name in unknown[: MAX_FAULTS + 1]
    }
    for name, field in known.items():
        if isinstance(given := kept.get(name), dict | list) and (inner := _models_in(field)):
            kept[name] = (
                trimmed(given, inner[0]) if isinstance(given, dict) else [trimmed(each, inner[0]) for each in given]
            )
    return kept


def _fault_of_one(each: Mapping[str, Any], model: type[BaseModel], what: str) -> Fault:
    kind, location = each["type"], each["loc"]
    if variants := _variants(model):
        if kind in ("union_tag_invalid", "union_tag_not_found"):
            known = ", ".join(variants)
            detail = "this field is required" if kind == "union_tag_not_found" else "unknown type"
            return Fault(pointer="/type", detail=detail, hint=f"Write one of {known}.")
        model, location = variants[location[0]], location[1:]
    return _fault(kind, location, each["msg"], each.get("ctx", {}), model, what)


def _variants(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the models of a body that is one of several, by their `type`; empty for other bodies."""
    if not issubclass(model, RootModel):
        return {}
    return {
        str(get_args(each.model_fields["type"].annotation)[0]): each for each in _models_in(model.model_fields["root"])
    }


def _fault(
    kind: str,
    location: tuple[str | int, ...],
    message: str,
    context: dict[str, Json],
    model: type[BaseModel],
    what: str,
) -> Fault:
    # pydantic locates a wrong key of a mapping as (…, key, "[key]").
    location = tuple(part for part in location if part != "[key]")
    pointer = _pointer(location)
    if kind == "extra_forbidden":
        return unknown(location, _model_at(model, location[:-1]), what=what)
    if kind == "none_required":
        return Fault(pointer=pointer, detail="not available in this release", hint="Omit it, or send null.")
    example = _example(model, location)
    if kind == "missing":
        return Fault(
            pointer=pointer,
            detail=f"this {what} is required",
            hint=f"Add it, for example {example}." if example else "Add it.",
        )
    if hint := context.get("hint"):
        return Fault(pointer=pointer, detail=message, hint=str(hint))
    if (
        kind == "too_long" and context.get("field_type") == "Value"
    ):  # a string: after another validator, pydantic reports items
        message = f"string should have at most {counted(context['max_length'], 'character')}"
    elif kind in ("too_short", "too_long"):
        most = context["min_length" if kind == "too_short" else "max_length"]
        bound = f"at least {most}" if kind == "too_short" else f"at most {most}"
        message = f"input should have {bound} {plural(most, 'item')}, not {context['actual_length']}"
    message = _IN_JSON.get(kind, message)
    if kind == "string_pattern_mismatch" and example:  # the regular expression is in /openapi.json
        message = f"the text does not have the form of this {what}"
    if kind == "too_long" and "items" in message:
        return Fault(
            pointer=pointer,
            detail=_sentence(message),
            hint=f"Send at most {context['max_length']} at a time.",
        )
    expected = context.get("expected")
    hint = (
        f"Write {expected}."
        if expected
        else f"Write a value such as {example}."
        if example
        else "See /openapi.json for allowed values."
    )
    return Fault(pointer=pointer, detail=_sentence(message), hint=hint)


def unknown(location: tuple[str | int, ...], model: type[BaseModel] | None, *, what: str = "field") -> Fault:
    """Return the fault for a name that is not a field, or a parameter, of the model."""
    known = sorted(_fields(model)) if model else []
    near = get_close_matches(str(location[-1])[:_MAX_NAME].lower(), known, n=1, cutoff=0.6)
    choice = f"Known {what}s: {', '.join(known)}." if known else f"Remove it: there are no {what}s here."
    hint = f"Did you mean {near[0]}?" if near else choice
    return Fault(pointer=_pointer(location), detail=f"unknown {what}", hint=hint)


def _pointer(location: tuple[str | int, ...]) -> str:
    return pointer_to(*location)[:_MAX_POINTER].encode("utf-8", "replace").decode()


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Return the model whose fields are at `location`; None inside free JSON. An item of a list is what its field
    holds."""
    for part in location:
        if isinstance(part, int):
            continue
        field = _fields(model).get(str(part))
        if field is None:
            return None
        if not (inner := _models_in(field)):
            return None
        model = inner[0]
    return model


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the model's fields by their names in requests."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models_in(field: FieldInfo) -> list[type[BaseModel]]:
    return [each for each in (field.annotation, *getattr(field.annotation, "__args__", ())) if _is_model(each)]


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _example(model: type[BaseModel], location: tuple[str | int, ...]) -> str | None:
    """Return the example of the field at `location`, as JSON. The schemas give every field one."""
    if not location:
        return None
    holder = _model_at(model, location[:-1])
    while holder is None:  # inside a list or a mapping: use the field that contains it
        location = location[:-1]
        holder = _model_at(model, location[:-1])
    field = _fields(holder).get(str(location[-1]))
    return orjson.dumps(field.examples[0]).decode() if field and field.examples else None


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:]
