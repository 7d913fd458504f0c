"""Commands named by a fix or a page exist, with the options that are given."""

import re
from pathlib import Path

import click
import pytest

from conftest import ROOT
from kronos.__main__ import main

_NAMED = re.compile(r"`kronos ([a-z][^`{]*)`")
# What a person might type by mistake; the error says what to write instead.
_MISTAKES = {"get job"}
_JOINT = re.compile(r'"\s*\n\s*f?"')  # joins a literal that is written as several
SAYING = [
    *sorted((ROOT / "kronos").rglob("*.py")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    ROOT / "README.md",
]


def _named(path: Path) -> set[str]:
    text = _JOINT.sub("", path.read_text(encoding="utf-8"))
    return {" ".join(found.split()) for found in _NAMED.findall(text)} - _MISTAKES


def _fault(text: str) -> str | None:
    """What is wrong with a named command; None if it exists. Alternatives such as `a|b` and placeholders are not
    checked.
    """
    words = text.split()
    command: click.Command = main
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z-]+", words[0]):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"{text}: there is no {words[0]}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    given = {word.split("=")[0] for word in words if re.match(r"--[a-z]", word)}
    given = set() if isinstance(command, click.Group) or "$(" in text else given - known
    return f"{text}: {command.name} has no {' '.join(sorted(given))}" if given else None


def test_each_command_that_is_named_is_there() -> None:
    faults = {f"{path.name}: {fault}" for path in SAYING for text in _named(path) if (fault := _fault(text))}
    assert faults == set()


def test_it_reads_many() -> None:
    assert len({text for path in SAYING for text in _named(path)}) > 100


@pytest.mark.parametrize("text", ["key create --admin-key-file FILE", "doctr --fix", "job lst", "migrate --fix"])
def test_it_finds_what_is_not_there(text: str) -> None:
    assert _fault(text) is not None
