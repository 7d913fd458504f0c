"""Render messages from endpoint specs: an entry's fields, or a record's headers, key and value, without the pairs that
Kronos adds itself."""

from collections.abc import Mapping

import orjson

from kronos.delivery.destinations import Message
from kronos.delivery.sanitise import json_bytes
from kronos.delivery.template import render, render_body
from kronos.delivery.template_text import TemplateError
from kronos.model import Json, JsonObject

DEFAULT_FIELDS: JsonObject = {"input": "{{input}}"}
DEFAULT_SUBJECT = '{{input.text | default: "Kronos"}}'
_MOST_SUBJECT = 300


def entry(spec: JsonObject, context: Mapping[str, Json]) -> Message:
    """Render an entry of a Redis stream. Raises TemplateError with a pointer into the spec."""
    return Message(pairs=_pairs("fields_template", spec.get("fields_template") or DEFAULT_FIELDS, context))


def record(spec: JsonObject, context: Mapping[str, Json]) -> Message:
    """Render a record of a Kafka topic. Raises TemplateError with a pointer into the spec."""
    key = _rendered("key_template", spec.get("key_template"), context)
    return Message(
        pairs=_pairs("headers", spec.get("headers") or {}, context),
        key=None if key is None else _bytes(key),
        value=_value(spec, context),
    )


def mail(spec: JsonObject, context: Mapping[str, Json]) -> Message:
    """Render an email: a subject in one line, and a text. Values other than strings are sent as JSON. Raises
    TemplateError with a pointer into the spec."""
    subject = _rendered("subject_template", spec.get("subject_template") or DEFAULT_SUBJECT, context)
    text = _rendered("text_template", spec.get("text_template") or "{{input}}", context)
    line = " ".join(_bytes(subject).decode("utf-8", "replace").split())[:_MOST_SUBJECT]
    body = text.encode("utf-8", "replace") if isinstance(text, str) else _indented(text)
    return Message(pairs=(("Subject", line.encode()),), value=body)


def _indented(value: Json) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:  # a number beyond 64 bits, or nesting too deep for orjson
        return json_bytes(value)


def _value(spec: JsonObject, context: Mapping[str, Json]) -> bytes:
    try:
        return render_body(spec.get("value_template"), context)
    except TemplateError as error:
        raise _at("value_template", error) from None


def _pairs(member: str, template: JsonObject, context: Mapping[str, Json]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, _bytes(value)) for name, value in _rendered(member, template, context).items())


def _rendered(member: str, template: Json, context: Mapping[str, Json]) -> Json:
    try:
        return render(template, context)
    except TemplateError as error:
        raise _at(member, error) from None


def _at(member: str, error: TemplateError) -> TemplateError:
    return TemplateError(error.message, hint=error.hint, pointer=f"/spec/{member}{error.pointer}")


def _bytes(value: Json) -> bytes:
    """Return a string as it is, and any other value as JSON."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else json_bytes(value)
