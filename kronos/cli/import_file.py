"""Translated entries as a file for `kronos apply`: endpoints and jobs by name, with notes as comments."""

from collections.abc import Iterator, Sequence
from typing import Final

from kronos.cli import yaml_files
from kronos.imports.translation import Translated, shown
from kronos.model import JsonObject

NEVER: Final = "2999-01-01T00:00:00Z"
"""The starts_at of a job that must not run until it is changed."""
_WINDOW: Final = ("starts_at", "ends_at")


def written(found: Sequence[Translated], source: str) -> str:
    """Return the file. Paused entries do not start by themselves. One-shots cannot be in a file; a comment names
    them."""
    parts = [f"# Generated from {shown(source)} by `kronos import`. Use it with `kronos plan` and `kronos apply`.\n"]
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
            parts.append(
                _comment(f"{each.where}: {each.name} runs once, so it is not in this file: create it with --create")
            )
    return "".join(parts)


def _job(each: Translated) -> Iterator[str]:
    yield _comment(f"{each.where}: {each.text}")
    for note in each.notes:
        yield _comment(f"  {note}")
    job: JsonObject = {name: value for name, value in each.job.items() if name != "trigger"}
    if each.is_paused:
        window = [f"{name}: {job.pop(name)}" for name in _WINDOW if name in job]
        instead = f"replace starts_at by: {', '.join(window)}" if window else "remove starts_at"
        yield _comment(f"  it is paused: to let it run, {instead}")
        job["starts_at"] = NEVER
    yield yaml_files.written({"jobs": [job]}).removeprefix("jobs:\n")


def _comment(text: str) -> str:
    """Return a YAML comment, whatever the text contains."""
    return f"# {'  ' if text.startswith(' ') else ''}{shown(text)}\n"
