"""Translated entries as the file that `kronos apply` reads: endpoints and jobs by name, the notes as comments."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from kronos.imports.translation import Translated, shown
from kronos.model import JsonObject

NEVER: Final = "2999-01-01T00:00:00Z"
"""The starts_at of a job that must not run before somebody says so."""
Dump: TypeAlias = Callable[[list[JsonObject]], str]
"""Writes values as YAML that `kronos apply` reads as they are."""


def written(found: Sequence[Translated], source: str, dump: Dump) -> str:
    """The file. What is paused does not start by itself; a one-shot stands in no file and is said in a comment."""
    lines = [f"# Made from {shown(source)} by `kronos import`. Read it by `kronos plan` and `kronos apply`."]
    endpoints = {str(each.endpoint["name"]): each.endpoint for each in found if each.endpoint is not None}
    if endpoints:
        lines += ["endpoints:", *_items(list(endpoints.values()), dump)]
    jobs = [each for each in found if each.job["trigger"] == "CRON"]
    if jobs:
        lines.append("jobs:")
    for each in jobs:
        lines += _job(each, dump)
    for each in found:
        if each.job["trigger"] != "CRON":
            lines.append(_comment(f"{each.where}: {each.name} runs once: make it with --create, it stands in no file"))
    return "\n".join(lines) + "\n"


def _job(each: Translated, dump: Dump) -> Iterator[str]:
    yield _comment(f"{each.where}: {each.text}")
    for note in each.notes:
        yield _comment(f"  {note}")
    job: JsonObject = {name: value for name, value in each.job.items() if name != "trigger"}
    if each.is_paused:
        yield _comment("  it is paused in its source: it runs once starts_at is taken away")
        job["starts_at"] = NEVER
    yield from _items([job], dump)


def _items(values: list[JsonObject], dump: Dump) -> list[str]:
    return [f"  {line}".rstrip() for line in dump(values).splitlines()]


def _comment(text: str) -> str:
    """A line that YAML reads over, whatever is in the text."""
    return f"  # {'  ' if text.startswith(' ') else ''}{shown(text)}"
