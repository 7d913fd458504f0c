"""Translated entries as the file that `kronos apply` reads: endpoints and jobs by name, the notes as comments."""

from collections.abc import Iterator, Sequence
from typing import Final

import yaml

from kronos.imports.translation import Translated, shown
from kronos.model import Json, JsonObject

NEVER: Final = "2999-01-01T00:00:00Z"
"""The starts_at of a job that must not run before somebody says so."""
_WIDTH = 100


def written(found: Sequence[Translated], source: str) -> str:
    """The file. What is paused does not start by itself; a one-shot stands in no file and is said in a comment."""
    lines = [f"# Made from {shown(source)} by `kronos import`. Read it by `kronos plan` and `kronos apply`."]
    endpoints = {str(each.endpoint["name"]): each.endpoint for each in found if each.endpoint is not None}
    if endpoints:
        lines += ["endpoints:", *_items(list(endpoints.values()))]
    jobs = [each for each in found if each.job["trigger"] == "CRON"]
    if jobs:
        lines.append("jobs:")
    for each in jobs:
        lines += _job(each)
    for each in found:
        if each.job["trigger"] != "CRON":
            lines.append(_comment(f"{each.where}: {each.name} runs once: make it with --create, it stands in no file"))
    return "\n".join(lines) + "\n"


def _job(each: Translated) -> Iterator[str]:
    yield _comment(f"{each.where}: {each.text}")
    for note in each.notes:
        yield _comment(f"  {note}")
    job: JsonObject = {name: value for name, value in each.job.items() if name != "trigger"}
    if each.is_paused:
        yield _comment("  it is paused in its source: it runs once starts_at is taken away")
        job["starts_at"] = NEVER
    yield from _items([job])


def _items(values: list[JsonObject]) -> list[str]:
    dumped: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return [f"  {line}".rstrip() for line in dumped.splitlines()]


def _comment(text: str) -> str:
    """A line that YAML reads over, whatever is in the text."""
    return f"  # {'  ' if text.startswith(' ') else ''}{shown(text)}"


class _Dumper(yaml.SafeDumper):
    """Writes each value where it stands, without names for those that are there twice."""

    def ignore_aliases(self, data: Json) -> bool:
        """Always."""
        return True
