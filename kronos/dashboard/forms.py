"""What a form sends, and what was wrong with it, field by field.

A field's name is the JSON pointer of what it sets in the API's body, and how its text is read: `/max_runs:integer`. So
a form makes the body that the API's own model judges, and each fault of the model or of the operation finds its field
by its pointer.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

import orjson

from kronos import errors
from kronos.api.body import MAX_DEPTH, member
from kronos.api.call import Call
from kronos.errors import Fault
from kronos.model import Json, JsonObject

ONCE = "once"
"""A field without a pointer: it makes a form that was sent twice do its work once (an idempotency key)."""
_FAULTY = "Nothing was changed: what is not right is marked below."
_ANOTHER = (
    "This form was sent before, and has done its work; since then you changed it. Nothing more was done. "
    "Send it once more, and it is done with these values as well."
)
_MEDIA_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 2000
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_CARRIED = re.compile(r"[0-9]{1,9}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)
# A time without seconds or zone, as <input type="datetime-local"> has it; the form says that it is UTC.
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledForm:
    """A form as it is shown: what stands in its fields, by pointer, and what is wrong."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    problem: str | None = None
    """What is wrong with the whole."""
    status: int = 200
    once: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    @classmethod
    def of(cls, document: Mapping[str, object]) -> "FilledForm":
        """A form with what a document has in it."""
        return cls(values=dict(_flat(document, "")))

    def text(self, pointer: str, default: str = "") -> str:
        """What stands in a field."""
        values = self.values.get(pointer) or ()
        return values[0] if values else default

    def all(self, pointer: str) -> Sequence[str]:
        """What stands in fields of one pointer, such as checkboxes."""
        return self.values.get(pointer, ())

    def faults_at(self, pointer: str) -> list[Fault]:
        """What is wrong with a field, or with what is inside of it."""
        return [each for each in self.faults if each.pointer == pointer or each.pointer.startswith(f"{pointer}/")]

    def other_faults(self, *pointers: str) -> list[Fault]:
        """What is wrong besides these fields."""
        shown = {id(each) for pointer in pointers for each in self.faults_at(pointer)}
        return [each for each in self.faults if id(each) not in shown]

    def refused(self, error: errors.KronosError) -> "FilledForm":
        """The same form, with why it was refused: all that was typed stays. A summary of its faults names pointers,
        which are a script's; people find each fault at its field. A form that people came back to (by the browser's
        Back) and changed is another one: sent again, it does its own work."""
        if error.code == "idempotency_mismatch":
            return replace(self, problem=_ANOTHER, status=error.status, once=secrets.token_urlsafe(18))
        is_summary = bool(error.faults) and error.detail == errors.summary("field", error.faults)
        return replace(self, faults=error.faults, problem=_FAULTY if is_summary else error.detail, status=error.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentForm:
    """A form as it was sent."""

    fields: Sequence[tuple[str, str]]

    @property
    def form(self) -> FilledForm:
        """To be shown again."""
        values: dict[str, list[str]] = {}
        for name, text in self.fields:
            values.setdefault(name.partition(":")[0], []).append(text)
        return FilledForm(values=values, once=self.once or secrets.token_urlsafe(18))

    @property
    def once(self) -> str | None:
        """The form's own idempotency key."""
        text = self.text(ONCE)
        return text[:255] if text else None

    def text(self, name: str) -> str:
        """A field's text; empty where it was not sent."""
        return next((text for each, text in self.fields if each.partition(":")[0] == name), "")

    def all(self, name: str) -> list[str]:
        """The texts of all fields of this name."""
        return [text for each, text in self.fields if each.partition(":")[0] == name]

    def number(self, name: str) -> int:
        """The whole number that a field of the page's own carries; 0 where it carries none."""
        text = self.text(name)
        return int(text) if _CARRIED.fullmatch(text) else 0

    def has(self, name: str) -> bool:
        """Whether a field was sent, as only a ticked checkbox is."""
        return any(each.partition(":")[0] == name for each, _ in self.fields)

    def document(self) -> JsonObject:
        """The body that the fields with pointers make. An empty field is left out, and sets null where it says so
        (`:…?`). Raises Unprocessable for JSON that is none."""
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
                faults.append(Fault(pointer=pointer, detail=f"this is no JSON: {error.msg}, {where}", hint='{"a": 1}'))
        if faults:
            raise errors.Unprocessable.of(*faults)
        return made


def left_out(given: SentForm, before: FilledForm, labels: Mapping[str, str]) -> str:
    """What somebody wrote into fields that go with a choice that was not made, in a sentence that names each by its
    label: where a browser hides them, and where it does not. Empty: nothing, or what stood there before."""
    wrote = [
        label
        for name, label in labels.items()
        if (texts := [each.strip() for each in given.all(name) if each.strip()]) and texts != list(before.all(name))
    ]
    return f"Left out, as it goes with another choice: {', '.join(wrote)}." if wrote else ""


async def sent(call: Call) -> SentForm:
    """The form that a request sends. Raises InvalidRequest, PayloadTooLarge."""
    raw = await call.body()
    given = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw and given != _MEDIA_TYPE:
        raise errors.InvalidRequest.of(f"a form is sent as {_MEDIA_TYPE}", "Scripts use the API: /docs.")
    try:
        fields = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
        _check(fields)
    except ValueError:
        raise errors.InvalidRequest.of("the form is not readable", "Load the page again, and send it anew.") from None
    return SentForm(fields=[(name, text.replace("\r\n", "\n")) for name, text in fields])


def _check(fields: Sequence[tuple[str, str]]) -> None:
    """What no form of ours sends, and PostgreSQL does not store. Raises ValueError."""
    for name, text in fields:
        if "\0" in name or "\0" in text or name.count("/") > MAX_DEPTH:
            raise ValueError


def _read(kind: str, text: str) -> Json:
    """A field's value. Text that is no number stays text: the model says what it wants there."""
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
    """A document's values as fields have them."""
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
