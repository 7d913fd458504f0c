"""What the API says about an entry's schedule: its words, its next runs, and a warning about its zone."""

from datetime import datetime, timedelta
from typing import Final

import click

from kronos.cli.command import Api
from kronos.cli.exits import Exit
from kronos.model import Json, JsonObject
from kronos.records import dataclass

SCHEDULE: Final = ("cron", "every", "anchor", "timezone", "dst_gap", "dst_overlap")
"""The fields of a job that determine when it runs."""
_RUNS: Final = 2
_FIELDS: Final = ("description", "next_runs", "lints")
_ANY: Final = "0 0 * * *"
"""A schedule for which the API validates a zone. There is no preview of a one-time job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedSchedule:
    """A schedule in words, its next runs, and notes about its zone."""

    words: str
    next_runs: tuple[str, ...]
    notes: tuple[str, ...]


def asked(job: JsonObject) -> JsonObject:
    """Return the preview request for a job's schedule; of a one-time job it has only the zone."""
    if job["trigger"] == "DELAYED":
        return {"cron": _ANY, "timezone": job["timezone"], "count": 1}
    request: JsonObject = {name: job[name] for name in SCHEDULE if name in job} | {"count": _RUNS}
    if "starts_at" in job:
        before = datetime.fromisoformat(job["starts_at"]) - timedelta(seconds=1)
        request["after"] = before.isoformat().replace("+00:00", "Z")
    return request


def previewed(api: Api, request: JsonObject) -> PreviewedSchedule | str:
    """Return the preview, or why the schedule has no runs. Raises ClickException if the API does not respond."""
    try:
        preview = api.of(None).send("POST", "schedules", "preview", body=request, fields=_FIELDS)
    except click.ClickException as error:
        if error.exit_code != Exit.USAGE:
            raise
        return "; ".join(line.removeprefix("hint: ") for line in error.message.splitlines())
    if not preview["next_runs"]:
        return f"it never fires: {preview['description']}"
    return PreviewedSchedule(
        words=str(preview["description"]),
        next_runs=tuple(str(run["local"])[:19] for run in preview["next_runs"]),
        notes=_of_the_zone(preview["lints"], str(request.get("timezone", "UTC"))),
    )


def _of_the_zone(lints: Json, zone: str) -> tuple[str, ...]:
    """Return the lints that begin with the zone's name. The others are about the schedule: nearly each nightly job in a
    zone with daylight saving time has some, which would hide the translator's notes."""
    found = map(str, lints) if isinstance(lints, list) else ()
    return tuple(lint for lint in found if lint.startswith(f"{zone} "))
