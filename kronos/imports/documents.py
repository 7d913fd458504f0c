"""YAML and JSON of other tools, as documents or list items with the line at which each begins."""

import json
import math
import re
from collections.abc import Iterator
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kronos.imports.translation import UnreadableError, line_of
from kronos.model import Json

_DEEPEST: Final = 64
_MOST_VALUES: Final = 2_000_000  # per item: aliases can repeat the same value a million times
# libyaml is 20 times as fast as PyYAML's own parser, and limits nesting itself.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def yaml_items(text: str) -> Iterator[tuple[int, Json]]:
    """Yield each document, and each item of a List, with its line. Raises UnreadableError."""
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            yield from _items(node)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UnreadableError(f"{line}not valid YAML ({error.problem})") from None
    except yaml.YAMLError as error:
        raise UnreadableError(f"not valid YAML ({str(error).splitlines()[0]})") from None
    except RecursionError:
        raise UnreadableError("the file is nested too deeply") from None


def _items(node: Node) -> Iterator[tuple[int, Json]]:
    found = dict(_pairs(node)) if isinstance(node, MappingNode) else {}
    items, kind = found.get("items"), found.get("kind")
    if isinstance(items, SequenceNode) and isinstance(kind, ScalarNode) and kind.value.endswith("List"):
        for item in items.value:
            yield _line(item), _Reader().value(item, 1)
    elif not isinstance(node, ScalarNode) or node.value != "":
        yield _line(node), _Reader().value(node, 1)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _pairs(node: MappingNode) -> Iterator[tuple[str, Node]]:
    """Yield the members of a mapping, including merged ones (`<<`), which kubectl supports. Raises UnreadableError for
    a duplicate key, or one that is not text."""
    seen: set[str] = set()
    merged: list[Node] = []
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise UnreadableError(f"line {_line(key)}: a key must be a text")
        if key.tag.endswith(":merge"):
            merged += value.value if isinstance(value, SequenceNode) else [value]
            continue
        if key.value in seen:
            raise UnreadableError(f"line {_line(key)}: duplicate key {key.value!r}")
        seen.add(key.value)
        yield key.value, value
    yield from _merged(merged, seen)


def _merged(nodes: list[Node], seen: set[str]) -> Iterator[tuple[str, Node]]:
    """Yield members of these mappings whose keys are not in `seen`; the first one with a key wins. Raises
    UnreadableError."""
    for node in nodes:
        if not isinstance(node, MappingNode):
            raise UnreadableError(f"line {_line(node)}: << must refer to a mapping")
        if any(isinstance(key, ScalarNode) and key.tag.endswith(":merge") for key, _ in node.value):
            raise UnreadableError(f"line {_line(node)}: << refers to a mapping with a << of its own: write it out")
        for name, value in _pairs(node):
            if name not in seen:
                seen.add(name)
                yield name, value


class _Reader:
    """Reads the value of a node."""

    def __init__(self) -> None:
        self._read = 0

    def value(self, node: Node, depth: int) -> Json:
        """Return the value. Texts other than plain numbers and booleans stay texts. Raises UnreadableError."""
        self._read += 1
        if depth > _DEEPEST:
            raise UnreadableError(f"line {_line(node)}: nested more than {_DEEPEST} levels deep")
        if self._read > _MOST_VALUES:
            raise UnreadableError(f"line {_line(node)}: more than {_MOST_VALUES:,} values: write the aliases out")
        if isinstance(node, MappingNode):
            return {key: self.value(value, depth + 1) for key, value in _pairs(node)}
        if isinstance(node, SequenceNode):
            return [self.value(value, depth + 1) for value in node.value]
        return _scalar(node)


def _scalar(node: Node) -> Json:
    text = str(node.value)
    if node.tag.endswith(":null"):
        return None
    if node.tag.endswith(":bool"):
        return text.lower() in ("true", "yes", "on")
    if node.tag.endswith(":int") and re.fullmatch(r"0|-?[1-9][0-9]{0,17}", text, re.ASCII):
        return int(text)
    return text


def json_items(text: str, lists: tuple[str, ...]) -> Iterator[tuple[int, Json]]:
    """Yield each element of a JSON list, or of the list under one of `lists` in an object, or else each of several
    consecutive values, with its line. Raises UnreadableError."""
    reader = json.JSONDecoder(parse_constant=_refuse_constant)
    at, line, seen = 0, 1, 0
    inside = False
    if found := re.match(rf'\s*\{{\s*"(?:{"|".join(lists)})"\s*:\s*\[', text) or re.match(r"\s*\[", text):
        at, inside = found.end(), True
    while True:
        at = _blank(text, at)
        if at >= len(text) and not inside:
            return
        if inside and text[at : at + 1] == "]":
            _require_end(text, at)
            return
        line, seen = line + text.count("\n", seen, at), at
        try:
            value, end = reader.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise UnreadableError(f"line {error.lineno}: not valid JSON ({error.msg})") from None
        except (RecursionError, ValueError) as error:
            raise UnreadableError(f"line {line}: not valid JSON ({type(error).__name__})") from None
        yield line, value
        at = _blank(text, end)
        if inside and at < len(text) and text[at] == ",":
            at += 1
        elif inside and (at >= len(text) or text[at] != "]"):
            raise UnreadableError(f"line {text.count(chr(10), 0, at) + 1}: expected a comma or the end of the list")


def _require_end(text: str, at: int) -> None:
    """Raises UnreadableError if the list is one page of a longer list."""
    if re.search(r'"(?:NextToken|nextPageToken)"\s*:\s*"', text[at : at + 10_000]):
        raise UnreadableError(
            f"line {line_of(text.encode(), at)}: the list continues on another page: export all pages at once"
        )


def _blank(text: str, at: int) -> int:
    """Return the position of the next non-blank character."""
    found = re.compile(r"[ \t\r\n]*").match(text, at)
    return found.end() if found else at


def json_within(text: str | bytes) -> Json:
    """Return the value of a field that contains JSON text. Raises ValueError or RecursionError if it is not JSON that
    can be passed on unchanged."""
    value: Json = json.loads(text, parse_constant=_refuse_constant, parse_int=_whole, parse_float=_finite)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _whole(text: str) -> int:
    """Raises ValueError if 64 bits cannot hold the number."""
    if not -(2**63) <= (number := int(text)) < 2**63:
        raise ValueError(f"{text} has more than 64 bits")
    return number


def _finite(text: str) -> float:
    """Raises ValueError."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is too large for a number")
    return number


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not a JSON number")
