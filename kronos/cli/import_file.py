"""Translated entries as the file that `kronos apply` reads: endpoints and jobs by name, the notes as comments."""

from collections.abc import Iterator, Sequence
from typing import Final

from kronos.cli import yaml_files
from kronos.imports.translation import Translated, shown
from kronos.model import JsonObject

NEVER: Final = "2999-01-01T00:00:00Z"
"""The starts_at of a job that must not run before somebody says so."""
_WINDOW: Final = ("starts_at", "ends_at")


def written(found: Sequence[Translated], source: str) -> str:
    """The file. What is paused does not start by itself; a one-shot stands in no file and is said in a comment."""
    parts = [f"# Made from {shown(source)} by `kronos import`. Read it by `kronos plan` and `kronos apply`.\n"]
    endpoints = {str(each.endpoint["name"]): each.endpoint for each in found if each.endpoint is not None}
    if endpoints:
        parts.append(yaml_files.written({"endpoints": list(endpoints.values())}))
    jobs = [each for each in found if each.job["trigger"] == "CRON"]
    if jobs:
        parts.append("jobs:\n")
    for each in jobs:
        parts += _job(each)
    for each in found:
        if each.job["trigger"] != "CRON":
            parts.append(_comment(f"{each.where}: {each.name} runs once: make it with --create, it stands in no file"))
    return "".join(parts)


def _job(each: Translated) -> Iterator[str]:
    yield _comment(f"{each.where}: {each.text}")
    for note in each.notes:
        yield _comment(f"  {note}")
    job: JsonObject = {name: value for name, value in each.job.items() if name != "trigger"}
    if each.is_paused:
        window = [f"{name}: {job.pop(name)}" for name in _WINDOW if name in job]
        instead = f"in place of starts_at its window: {', '.join(window)}" if window else "starts_at is taken away"
        yield _comment(f"  it is paused: it runs once {instead}")
        job["starts_at"] = NEVER
    yield yaml_files.written({"jobs": [job]}).removeprefix("jobs:\n")


def _comment(text: str) -> str:
    """A line that YAML reads over, whatever is in the text."""
    return f"# {'  ' if text.startswith(' ') else ''}{shown(text)}\n"
