"""Workspace files: read as YAML 1.2 with the place of each value, and written so that they read back unchanged.

PyYAML parses. This module decides what its events mean: yes, no and on are texts, 1e3 is a number, an instant is a
text. Duplicate keys, merge keys, tags, values that JSON lacks, and aliases that expand too far are rejected.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final

import yaml

from kronos.cli.exits import Ended, Exit
from kronos.model import Json, JsonObject
from kronos.records import dataclass

MOST_BYTES: Final = 4 * 1024 * 1024
MOST_DEPTH: Final = 66  # as the API reads a file: 64 for each resource, in its list
MOST_VALUES: Final = 200_000
"""Per file. An alias counts as what it stands for, and a text as one more value per 64 characters."""
_CHARACTERS_OF_ONE = 64
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAKS: Final = frozenset("\r\x85\u2028\u2029\ufeff")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE, _FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_DIGITS: Final = 24
_INTEGERS: Final = range(-(2**63), 2**63)
"""The range that the API accepts."""
_DOUBTFUL = re.compile(r"[-+]?(0[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|\.(inf|Inf|INF)|\.(nan|NaN|NAN))", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlPlace:
    """The place of a value in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """A document, and the place of each of its values by JSON pointer."""

    content: JsonObject
    places: dict[str, YamlPlace]


@dataclass(slots=True)
class _Reading:
    file: str
    events: Iterator[yaml.Event]
    left: int
    places: dict[str, YamlPlace] = field(default_factory=dict)
    anchors: dict[str, tuple[Json, int]] = field(default_factory=dict)
    """For each anchor, its value and how many values that contains."""

    def place(self, event: yaml.Event) -> YamlPlace:
        if (mark := event.start_mark) is None:
            return YamlPlace(file=self.file, line=1, column=1)
        return YamlPlace(file=self.file, line=mark.line + 1, column=mark.column + 1)

    def refuse(self, event: yaml.Event, what: str) -> Ended:
        return Ended(f"{self.place(event)}: {what}", Exit.USAGE)

    def count(self, event: yaml.Event, values: int = 1) -> None:
        self.left -= values
        if self.left < 0:
            what = f"more than {MOST_VALUES} values (aliases count as what they stand for, long texts as several)"
            raise self.refuse(event, what)


def documents(text: bytes, file: str) -> list[YamlDocument]:
    """Return the documents of a file, without empty ones. Raises Ended with the place of a fault."""
    if len(text) > MOST_BYTES:
        raise Ended(
            f"{file}: the file is larger than {MOST_BYTES} bytes, the maximum: divide it into sets",
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
                    raise reading.refuse(first, "a document must be a mapping, such as jobs: […]")
                found.append(YamlDocument(content=content, places=reading.places))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark is not None else file
        raise Ended(f"{at}: not valid YAML: {error.problem or error.context}", Exit.USAGE) from None
    except yaml.reader.ReaderError as error:
        line = text.count(b"\n", 0, error.position) + 1
        raise Ended(f"{file}:{line}: not valid YAML: {error.reason}; files must be UTF-8", Exit.USAGE) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Ended(f"{file}: not valid YAML: {error}", Exit.USAGE) from None
    return found


def scalar(text: str) -> Json:
    """Return the meaning of an unquoted text. Raises ValueError if YAML readers disagree on it, and for a number that
    JSON cannot hold."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _DOUBTFUL.fullmatch(text):
        raise ValueError(f"{text}: YAML readers disagree on what this means. Quote it, or write it in decimal")
    if _INT.fullmatch(text):
        return _held(text, len(text) <= _DIGITS and int(text) in _INTEGERS, int)
    if _FLOAT.fullmatch(text):
        return _held(text, math.isfinite(float(text)), float)
    return text


def _held(text: str, is_held: bool, number: type[int] | type[float]) -> int | float:
    if not is_held:
        shown = text if len(text) <= _DIGITS else f"{text[:_DIGITS]}…"
        raise ValueError(f"{shown}: this number is too large to be stored exactly. Quote it if it is a text")
    return number(text)


def _value(reading: _Reading, event: yaml.Event, pointer: str, depth: int) -> Json:
    if depth > MOST_DEPTH:
        raise reading.refuse(event, f"nested more than {MOST_DEPTH} levels deep")
    reading.count(event)
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in reading.anchors:
            raise reading.refuse(event, f"*{event.anchor} refers to itself, or to nothing before it")
        value, values = reading.anchors[event.anchor]
        reading.count(event, values)
        return value
    if getattr(event, "tag", None) not in (None, "!", "tag:yaml.org,2002:str"):
        raise reading.refuse(event, f"tags such as {getattr(event, 'tag', '')} are not allowed in files")
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
        raise reading.refuse(event, f"expected a value, found {type(event).__name__}")
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
            raise reading.refuse(event, "a key must be a text")
        key = str(event.value)
        if key == "<<" and event.implicit[0]:
            raise reading.refuse(event, "YAML 1.2 has no merge keys: write the fields out, or alias a whole value")
        if key in seen:
            raise reading.refuse(event, f"duplicate key {key!r}, first in line {seen[key].line}")
        at = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        seen[key] = reading.places[at] = reading.place(event)
        yield key, _value(reading, next(reading.events), at, depth + 1)


_OTHERWISE: Final = ("\\U", "? ", '"":')
"""libyaml escapes characters above U+FFFF, and marks empty and two-line keys in other ways than PyYAML. Existing files
must stay the same when they are written again."""


class _Dumper(yaml.SafeDumper):
    """Quotes texts that would be read back as something else. Never writes anchors, even for repeated objects."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401  # as PyYAML has it
        return True


class _FastDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # depends on how PyYAML was built
    """The same, in a sixth of the time. Where its output differs, it contains one of `_OTHERWISE`."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401  # as PyYAML has it
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    try:
        is_plain = scalar(text) == text
    except ValueError:
        is_plain = False
    if not _BREAKS.isdisjoint(text):  # unescaped, they would be read back as spaces
        is_plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _text)
_FastDumper.add_representer(str, _text)


def written(document: JsonObject | list[JsonObject]) -> str:
    """Return a document, or a part of one, that `documents` reads back unchanged."""
    text = _dumped(document, _FastDumper)
    return _dumped(document, _Dumper) if any(each in text for each in _OTHERWISE) else text


def _dumped(document: JsonObject | list[JsonObject], dumper: type[yaml.SafeDumper]) -> str:
    text: str = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=110)
    return text
