"""`-f DIR|FILE|-`: the files of a workspace as one request, and the API's errors by file, line and column."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from kronos.cli.exits import Ended, Exit
from kronos.cli.output import printable
from kronos.cli.yaml_files import MOST_BYTES, YamlDocument, YamlPlace, documents
from kronos.model import Json, JsonObject
from kronos.records import dataclass

LISTS: Final = ("secrets", "configs", "payload_specs", "calendars", "endpoints", "jobs", "heartbeats", "alert_rules")
_FLAGS: Final = {"prune": "--prune", "take_over": "--take-over", "validate_only": "--dry-run"}
_SUFFIXES: Final = (".yaml", ".yml", ".json")


@dataclass(slots=True)
class GatheredFiles:
    """The content of all files as the API takes it, and the place of each value."""

    body: JsonObject = field(default_factory=dict)
    places: dict[str, YamlPlace] = field(default_factory=dict)

    def place(self, pointer: str) -> YamlPlace | None:
        """Return the place of a value, or of the nearest value around it."""
        while pointer:
            if pointer in self.places:
                return self.places[pointer]
            pointer = pointer.rpartition("/")[0]
        return None

    def add(self, document: YamlDocument) -> None:
        """Add a document. Raises Ended if it does not describe a workspace, or if two documents name different sets."""
        for name, value in document.content.items():
            at = f"/{name}"
            if name in _FLAGS:
                raise Ended(f"{document.places[at]}: {name} is set with {_FLAGS[name]}, not in a file", Exit.USAGE)
            if name in LISTS:
                if not isinstance(value, list):
                    raise Ended(
                        f"{document.places[at]}: {name} must be a list; for an empty list write {name}: []", Exit.USAGE
                    )
                before: list[Json] = self.body.setdefault(name, [])
                self._keep(document, at, len(before))
                self.body[name] = [*before, *value]
                continue
            if name in self.body and self.body[name] != value:
                detail = f"{name} is {value!r} here and {self.body[name]!r} at {self.places[at]}"
                raise Ended(f"{document.places[at]}: {detail}: write it once", Exit.USAGE)
            self._keep(document, at, 0)
            self.body[name] = value

    def _keep(self, document: YamlDocument, at: str, offset: int) -> None:
        for pointer, place in document.places.items():
            if pointer == at:
                self.places.setdefault(at, place)
            elif pointer.startswith(f"{at}/"):
                number, slash, rest = pointer[len(at) + 1 :].partition("/")
                moved = f"{at}/{int(number) + offset}" if number.isdigit() and offset else f"{at}/{number}"
                self.places[moved + slash + rest] = place


def gathered(paths: Sequence[str]) -> GatheredFiles:
    """Read the files. Raises Ended with the place of a fault."""
    found = GatheredFiles()
    for name, text in _texts(paths):
        for document in documents(text, name):
            found.add(document)
    if not found.body:  # with --prune, this would delete the whole set
        raise Ended(f"{', '.join(paths)}: no content; to describe an empty workspace, write jobs: []", Exit.USAGE)
    return found


def refused(error: Ended, files: GatheredFiles) -> Ended:
    """Return the API's error, with the places in the files."""
    if not error.faults:
        return error
    lines = []
    for fault in error.faults:
        pointer = str(fault.get("pointer", ""))
        place = files.place(pointer)
        lines.append(printable(f"{place or pointer or 'the files'}: {fault.get('detail')}"))
        if place is not None:
            lines[-1] += f" ({printable(pointer)})"
        if fault.get("hint"):
            lines.append(printable(f"  hint: {fault['hint']}"))
    exit = next(each for each in Exit if each == error.exit_code)
    return Ended("\n".join(["nothing was applied", *lines]), exit)


def _texts(paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if path == "-":
            yield "standard input", sys.stdin.buffer.read(MOST_BYTES + 1)
            continue
        for file in _files(Path(path)):
            try:
                with file.open("rb") as opened:
                    yield str(file), opened.read(MOST_BYTES + 1)
            except OSError as error:
                raise Ended(f"{file} cannot be read: {error.strerror}", Exit.USAGE) from None


def _files(path: Path) -> Sequence[Path]:
    """Return a file, or the files of a folder and its subfolders, sorted by name, without hidden ones."""
    try:
        if not path.is_dir():
            return [path]
        found = sorted(
            each
            for each in path.rglob("*")
            if each.suffix in _SUFFIXES
            and each.is_file()
            and not any(part.startswith(".") for part in each.relative_to(path).parts)
        )
    except OSError as error:  # the folder was deleted meanwhile, or is not readable
        raise Ended(f"{error.filename or path} cannot be read: {error.strerror}", Exit.USAGE) from None
    if not found:
        raise Ended(f"{path} contains no file ending in {', '.join(_SUFFIXES)}", Exit.USAGE)
    return found
