"""Files of a workspace, read from YAML as YAML 1.2 means it, with the place of each value; and written so that they are
read back as they were.

PyYAML parses; what its events mean is decided here: yes, no and on are texts, 1e3 is a number, an instant is a text. A
key that stands twice, a merge key, a tag and what is not JSON are refused; so is what aliases blow up.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from kronos.cli.exits import Ended, Exit
from kronos.model import Json, JsonObject

MOST_BYTES: Final = 4 * 1024 * 1024
MOST_DEPTH: Final = 64
MOST_VALUES: Final = 200_000
"""Of a file, each alias counted as what it stands for; a text counts one more for each 64 characters."""
_CHARACTERS_OF_ONE = 64
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAKS: Final = frozenset("\r\x85\u2028\u2029\ufeff")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE, _FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_DIGITS: Final = 24
_INTEGERS: Final = range(-(2**63), 2**63)
"""What the API takes."""
_DOUBTFUL = re.compile(r"[-+]?(0[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|\.(inf|Inf|INF)|\.(nan|NaN|NAN))", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlPlace:
    """Where something stands in a file, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """A document, and where each of its values stands, by JSON pointer."""

    content: JsonObject
    places: dict[str, YamlPlace]


@dataclass(slots=True)
class _Reading:
    file: str
    events: Iterator[yaml.Event]
    left: int
    places: dict[str, YamlPlace] = field(default_factory=dict)
    anchors: dict[str, tuple[Json, int]] = field(default_factory=dict)
    """What each stands for, and of how many values it is."""

    def place(self, event: yaml.Event) -> YamlPlace:
        if (mark := event.start_mark) is None:
            return YamlPlace(file=self.file, line=1, column=1)
        return YamlPlace(file=self.file, line=mark.line + 1, column=mark.column + 1)

    def refuse(self, event: yaml.Event, what: str) -> Ended:
        return Ended(f"{self.place(event)}: {what}", Exit.USAGE)

    def count(self, event: yaml.Event, values: int = 1) -> None:
        self.left -= values
        if self.left < 0:
            what = f"more than {MOST_VALUES} values, aliases counted as what they stand for, long texts as several"
            raise self.refuse(event, what)


def documents(text: bytes, file: str) -> list[YamlDocument]:
    """The documents of a file; one that is empty is none. Raises Ended with the place of what is wrong."""
    if len(text) > MOST_BYTES:
        raise Ended(
            f"{file}: it has more than {MOST_BYTES} bytes, which is the most that is read: divide it into sets",
            Exit.USAGE,
        )
    found: list[YamlDocument] = []
    reading = _Reading(file=file, events=iter(yaml.parse(text, Loader=_LOADER)), left=MOST_VALUES)
    try:
        for event in reading.events:
            if isinstance(event, yaml.DocumentStartEvent):
                first = next(reading.events)
                reading.places, reading.anchors = {"": reading.place(first)}, {}
                content = _value(reading, first, "", 0)
                if content is None:
                    continue
                if not isinstance(content, dict):
                    raise reading.refuse(first, "a document is a mapping, such as jobs: […]")
                found.append(YamlDocument(content=content, places=reading.places))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark is not None else file
        raise Ended(f"{at}: no YAML: {error.problem or error.context}", Exit.USAGE) from None
    except yaml.reader.ReaderError as error:
        line = text.count(b"\n", 0, error.position) + 1
        raise Ended(f"{file}:{line}: no YAML: {error.reason}; files are UTF-8", Exit.USAGE) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Ended(f"{file}: no YAML: {error}", Exit.USAGE) from None
    return found


def scalar(text: str) -> Json:
    """What a text without quotes means. Raises ValueError where readers of YAML do not agree, and for a number that
    JSON does not hold."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _DOUBTFUL.fullmatch(text):
        raise ValueError(f"{text}: readers of YAML do not agree on what this is. Quote it, or write it in decimal")
    if _INT.fullmatch(text):
        return _held(text, len(text) <= _DIGITS and int(text) in _INTEGERS, int)
    if _FLOAT.fullmatch(text):
        return _held(text, math.isfinite(float(text)), float)
    return text


def _held(text: str, is_held: bool, number: type[int] | type[float]) -> int | float:
    if not is_held:
        shown = text if len(text) <= _DIGITS else f"{text[:_DIGITS]}…"
        raise ValueError(f"{shown}: a number too large to be kept as it is. Quote it, if it is a text")
    return number(text)


def _value(reading: _Reading, event: yaml.Event, pointer: str, depth: int) -> Json:
    if depth > MOST_DEPTH:
        raise reading.refuse(event, f"nested deeper than {MOST_DEPTH}")
    reading.count(event)
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in reading.anchors:
            raise reading.refuse(event, f"*{event.anchor} stands in itself, or for nothing before it")
        value, values = reading.anchors[event.anchor]
        reading.count(event, values)
        return value
    if getattr(event, "tag", None) not in (None, "!", "tag:yaml.org,2002:str"):
        raise reading.refuse(event, f"the tag {getattr(event, 'tag', '')}: files have none")
    before = reading.left
    value = _content(reading, event, pointer, depth)
    if (anchor := getattr(event, "anchor", None)) is not None:
        reading.anchors[anchor] = value, before - reading.left
    return value


def _content(reading: _Reading, event: yaml.Event, pointer: str, depth: int) -> Json:
    if isinstance(event, yaml.MappingStartEvent):
        return dict(_members(reading, pointer, depth))
    if isinstance(event, yaml.SequenceStartEvent):
        return list(_items(reading, pointer, depth))
    if not isinstance(event, yaml.ScalarEvent):
        raise reading.refuse(event, f"a {type(event).__name__} where a value is expected")
    reading.count(event, len(event.value) // _CHARACTERS_OF_ONE)
    if event.tag == "!" or not event.implicit[0] or event.style in ('"', "'", "|", ">"):
        return str(event.value)
    try:
        return scalar(event.value)
    except ValueError as error:
        raise reading.refuse(event, str(error)) from None


def _items(reading: _Reading, pointer: str, depth: int) -> Iterator[Json]:
    place = 0
    while not isinstance(event := next(reading.events), yaml.SequenceEndEvent):
        at = f"{pointer}/{place}"
        reading.places[at] = reading.place(event)
        yield _value(reading, event, at, depth + 1)
        place += 1


def _members(reading: _Reading, pointer: str, depth: int) -> Iterator[tuple[str, Json]]:
    seen: dict[str, YamlPlace] = {}
    while not isinstance(event := next(reading.events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise reading.refuse(event, "a key is a text")
        key = str(event.value)
        if key == "<<" and event.implicit[0]:
            raise reading.refuse(event, "YAML 1.2 has no merge keys: write the fields out, or alias a whole value")
        if key in seen:
            raise reading.refuse(event, f"the key {key!r} stands twice, first in line {seen[key].line}")
        at = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        seen[key] = reading.places[at] = reading.place(event)
        yield key, _value(reading, next(reading.events), at, depth + 1)


_OTHERWISE: Final = ("\\U", "? ", '"":')
"""Of libyaml: it escapes what is beyond U+FFFF, and marks other keys, those that are empty or of two lines. Files that
people keep stay as they were written before."""


class _Dumper(yaml.SafeDumper):
    """Quotes what would not be read back as a text; no anchors, whatever is the same object."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401  # as PyYAML has it
        return True


class _FastDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # it is there, or not
    """The same, a sixth of its time. What it writes otherwise has one of `_OTHERWISE` in it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401  # as PyYAML has it
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    try:
        is_plain = scalar(text) == text
    except ValueError:
        is_plain = False
    if not _BREAKS.isdisjoint(text):  # a reader folds them to spaces where they are not escaped
        is_plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _text)
_FastDumper.add_representer(str, _text)


def written(document: JsonObject | list[JsonObject]) -> str:
    """A document, or a part of one, as `documents` reads it back."""
    text = _dumped(document, _FastDumper)
    return _dumped(document, _Dumper) if any(each in text for each in _OTHERWISE) else text


def _dumped(document: JsonObject | list[JsonObject], dumper: type[yaml.SafeDumper]) -> str:
    text: str = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=110)
    return text
