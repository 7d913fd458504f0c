"""Submitted forms, and their faults, field by field.

A field's name is a JSON pointer into the API's body, and how to parse its text: `/max_runs:integer`. A form therefore
produces the body that the API's own model validates, and each fault of the model or operation is shown at the field
with its pointer.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from urllib.parse import parse_qsl

import orjson

from kronos import errors
from kronos.api.body import MAX_DEPTH, member
from kronos.api.call import Call
from kronos.errors import Fault
from kronos.model import Json, JsonObject
from kronos.records import dataclass

ONCE = "once"
"""A field without a pointer, the form's idempotency key: a form that was sent twice acts only once."""
_FAULTY = "Nothing was changed. Fix the errors marked below."
_ANOTHER = (
    "This form was already sent, and you have changed it since. Nothing more was done. "
    "Send it again to apply these values as well."
)
_MEDIA_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 2000
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_CARRIED = re.compile(r"[0-9]{1,9}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)
# The format of <input type="datetime-local">: usually without seconds, never with a zone. The form's label says UTC.
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledForm:
    """A form to be shown: the values of its fields by pointer, and their faults."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    problem: str | None = None
    """The problem with the form as a whole."""
    status: int = 200
    once: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    @classmethod
    def of(cls, document: Mapping[str, object]) -> "FilledForm":
        """Return a form filled from a document."""
        return cls(values=dict(_flat(document, "")))

    def text(self, pointer: str, default: str = "") -> str:
        """Return a field's value."""
        values = self.values.get(pointer) or ()
        return values[0] if values else default

    def all(self, pointer: str) -> Sequence[str]:
        """Return the values of all fields with one pointer, such as checkboxes."""
        return self.values.get(pointer, ())

    def faults_at(self, pointer: str) -> list[Fault]:
        """Return the faults of a field, or of something inside its value."""
        return [each for each in self.faults if each.pointer == pointer or each.pointer.startswith(f"{pointer}/")]

    def other_faults(self, *pointers: str) -> list[Fault]:
        """Return the faults of all other fields."""
        shown = {id(each) for pointer in pointers for each in self.faults_at(pointer)}
        return [each for each in self.faults if id(each) not in shown]

    def refused(self, error: errors.KronosError) -> "FilledForm":
        """Return the same form with the error's faults; all typed values are kept.

        The error's summary lists pointers, which are for scripts. The page shows a general sentence instead, and each
        fault at its field. A form that was changed after the browser's Back button gets a new key: sent again, it acts
        again."""
        if error.code == "idempotency_mismatch":
            return replace(self, problem=_ANOTHER, status=error.status, once=secrets.token_urlsafe(18))
        is_summary = bool(error.faults) and error.detail == errors.summary("field", error.faults)
        return replace(self, faults=error.faults, problem=_FAULTY if is_summary else error.detail, status=error.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentForm:
    """A submitted form."""

    fields: Sequence[tuple[str, str]]

    @property
    def form(self) -> FilledForm:
        """The form, to be shown again."""
        values: dict[str, list[str]] = {}
        for name, text in self.fields:
            values.setdefault(name.partition(":")[0], []).append(text)
        return FilledForm(values=values, once=self.once or secrets.token_urlsafe(18))

    @property
    def once(self) -> str | None:
        """The form's idempotency key."""
        text = self.text(ONCE)
        return text[:255] if text else None

    def text(self, name: str) -> str:
        """Return a field's text, or an empty string if it was not sent."""
        return next((text for each, text in self.fields if each.partition(":")[0] == name), "")

    def all(self, name: str) -> list[str]:
        """Return the texts of all fields with this name."""
        return [text for each, text in self.fields if each.partition(":")[0] == name]

    def number(self, name: str) -> int:
        """Return the whole number in one of the page's own fields, or 0."""
        text = self.text(name)
        return int(text) if _CARRIED.fullmatch(text) else 0

    def has(self, name: str) -> bool:
        """Whether a field was sent. An unchecked checkbox is not."""
        return any(each.partition(":")[0] == name for each, _ in self.fields)

    def document(self) -> JsonObject:
        """Return the API body made of the fields with pointers.

        An empty field is left out, or sets null if its kind ends in `?`. Raises Unprocessable for invalid JSON."""
        made: JsonObject = {}
        faults: list[Fault] = []
        for name, text in self.fields:
            pointer, _, kind = name.partition(":")
            if not pointer.startswith("/"):
                continue
            is_nullable, kind = kind.endswith("?"), kind.removesuffix("?")
            if not text.strip():
                if is_nullable:
                    _put(made, pointer, None)
                continue
            try:
                _put(made, pointer, _read(kind, text), is_list=kind == "list")
            except errors.InvalidRequest as error:
                faults += [replace(each, pointer=f"{pointer}{each.pointer}") for each in error.faults]
            except json.JSONDecodeError as error:
                where = f"line {error.lineno}, column {error.colno}"
                detail = f"invalid JSON: {error.msg}, {where}"
                faults.append(Fault(pointer=pointer, detail=detail, hint='Write JSON, such as {"a": 1}.'))
        if faults:
            raise errors.Unprocessable.of(*faults)
        return made


def left_out(given: SentForm, before: FilledForm, labels: Mapping[str, str]) -> str:
    """Return a sentence that lists, by label, the filled fields that belong to an option that was not chosen.

    Empty if there are none, or if they still hold their previous values. Browsers may or may not hide these fields."""
    wrote = [
        label
        for name, label in labels.items()
        if (texts := [each.strip() for each in given.all(name) if each.strip()]) and texts != list(before.all(name))
    ]
    return f"Ignored, because another option was chosen: {', '.join(wrote)}." if wrote else ""


async def sent(call: Call) -> SentForm:
    """Return the form in a request. Raises InvalidRequest, PayloadTooLarge."""
    raw = await call.body()
    given = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw and given != _MEDIA_TYPE:
        raise errors.InvalidRequest.of(f"a form must be sent as {_MEDIA_TYPE}", "Scripts should use the API: /docs.")
    try:
        fields = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
        _check(fields)
    except ValueError:
        raise errors.InvalidRequest.of("the form cannot be read", "Reload the page and send the form again.") from None
    return SentForm(fields=[(name, text.replace("\r\n", "\n")) for name, text in fields])


def _check(fields: Sequence[tuple[str, str]]) -> None:
    """Reject what no form of ours sends and PostgreSQL cannot store. Raises ValueError."""
    for name, text in fields:
        if "\0" in name or "\0" in text or name.count("/") > MAX_DEPTH:
            raise ValueError


def _read(kind: str, text: str) -> Json:
    """Return a field's value. Text that is not a number stays text, so that the model reports what it expects."""
    text = text.strip() if kind != "text" else text
    if kind == "json":
        return member(text)
    if kind == "integer" and _NUMBER.fullmatch(text):
        return int(text)
    if kind == "number" and _DECIMAL.fullmatch(text):
        return float(text)
    if kind == "boolean":
        return text in ("true", "on", "yes", "1")
    if kind == "words":
        return [each for each in re.split(r"[,\s]+", text) if each]
    if kind == "commas":
        return [each for part in text.split(",") if (each := part.strip())]
    if kind == "utc" and _LOCAL.fullmatch(text):
        return f"{text}:00Z" if len(text) == 16 else f"{text}Z"
    return text


def _put(made: JsonObject, pointer: str, value: Json, *, is_list: bool = False) -> None:
    *parents, last = (each.replace("~1", "/").replace("~0", "~") for each in pointer[1:].split("/"))
    place = made
    for name in parents:
        inner = place.setdefault(name, {})
        if not isinstance(inner, dict):
            inner = place[name] = {}
        place = inner
    if is_list:
        if not isinstance(held := place.get(last), list):
            held = place[last] = []
        held.append(value)
    else:
        place[last] = value


def _flat(document: Mapping[str, object], at: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield a document's values as form fields."""
    for name, value in document.items():
        pointer = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        if value is None:
            continue
        if isinstance(value, bool):
            yield pointer, ["true" if value else "false"]
        elif isinstance(value, dict):
            yield pointer, [orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()]
            yield from _flat(value, pointer)
        elif isinstance(value, list):
            yield pointer, [str(each) for each in value]
        else:
            yield pointer, [str(value)]
