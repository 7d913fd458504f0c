"""`kronos calendar …`: manage calendars, which close days and hours to the jobs that name them."""

import click

from kronos.cli.command import Api, IdempotencyKey, command, group, options
from kronos.cli.confirmation import Consent, confirmed
from kronos.model import Json

_FIELDS = (
    "name", "timezone", "business_days", "business_hours", "days", "version", "jobs_left", "calendar_id", "created_at",
    "updated_at",
)  # fmt: skip
_COLUMNS = {"name": "NAME", "timezone": "ZONE", "version": "VERSION", "updated_at": "UPDATED"}
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@group
def calendar() -> None:
    """Calendars: days and hours that are closed to jobs."""


_said = options(
    click.option("--tz", "timezone", help="Time zone of the calendar, such as Europe/Berlin.  [default: UTC]"),
    click.option("--week", metavar="DAYS", help="Open days of the week, such as mon-fri or sun,mon,tue."),
    click.option("--hours", metavar="FROM-TO", help="Opening hours of business days, such as 09:00-17:00."),
    click.option(
        "--closed",
        "closed_days",
        multiple=True,
        metavar="DAY[..DAY]=NAME",
        help="Closed day, days or local times, such as 2026-12-24..2026-12-26=Christmas; repeatable.",
    ),
    click.option("--open", "open_days", multiple=True, metavar="DAY=NAME", help="An extra open day; repeatable."),
    click.option("--ics", type=click.File("r", encoding="utf-8"), help="iCalendar file, or -; its events are closed."),
)
"""The options for a calendar's content."""


@command(calendar)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int) -> None:
    """List calendars, newest first.

    kronos calendar ls
    """
    empty = "no calendar yet; create one: kronos calendar create NAME --week mon-fri"
    api.list(api.rows("calendars", limit=limit), _COLUMNS, empty=empty)


@command(calendar)
@click.argument("name")
def get(api: Api, name: str) -> None:
    """Show one calendar.

    kronos calendar get holidays --json
    """
    api.show(api.get("calendars", name), _FIELDS)


@command(calendar)
@click.argument("name")
@_said
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key creates only one calendar.")
def create(api: Api, name: str, idempotency_key: str | None, **said: Json) -> None:
    """Create the calendar NAME.

    kronos calendar create holidays --tz Europe/Berlin --week mon-fri --closed 2026-12-24..2026-12-26=Christmas
    kronos calendar create public-holidays --tz Europe/Berlin --ics germany.ics
    """
    api.show(api.send("POST", "calendars", body={"name": name, **_body(said)}, key=idempotency_key), _FIELDS)


@command(calendar, name="put")
@click.argument("name")
@_said
def put_calendar(api: Api, name: str, **said: Json) -> None:
    """Replace the calendar NAME, or create it.

    kronos calendar put holidays --tz Europe/Berlin --week mon-fri

    The change applies to every tick that is not accounted for yet.
    """
    api.show(api.send("PUT", "calendars", name, body=_body(said)), _FIELDS)


@command(calendar)
@click.argument("name")
@confirmed
def rm(api: Api, name: str, consent: Consent) -> None:
    """Delete a calendar that no live job uses.

    kronos calendar rm holidays
    """
    consent.require("delete the calendar", name)
    api.send("DELETE", "calendars", name)
    api.say(f"calendar {name} is deleted")


@command(calendar, name="next")
@click.argument("name")
@click.argument("cron", metavar="EXPR")
@click.option("--also", multiple=True, help="Another calendar; repeatable.")
@click.option(
    "--on-blackout",
    type=click.Choice(["SKIP", "NEXT", "PREVIOUS"], case_sensitive=False),
    help="What to do with a tick that falls in a closed time.  [default: SKIP]",
)
@click.option("--tz", "timezone", help="Time zone of the schedule.  [default: UTC]")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1, 100), help="Number of runs.")
@click.option("--after", help="List runs after this time, such as 2026-12-01T00:00:00Z.  [default: now]")
def next_command(
    api: Api, name: str, cron: str, also: tuple[str, ...], on_blackout: str | None, timezone: str | None, count: int,
    after: str | None,
) -> None:  # fmt: skip
    """List the next runs of a schedule with the calendar NAME.

    kronos calendar next holidays '0 9 1 * *' --on-blackout next
    """
    asked = {"on_blackout": on_blackout, "timezone": timezone, "after": after}
    body = {"cron": cron, "calendars": [name, *also], "count": count}
    body |= {field: value for field, value in asked.items() if value is not None}
    preview = api.send("POST", "schedules", "preview", body=body, fields=("next_runs",))
    columns = {"local": "LOCAL", "at": "UTC", "rolled_from": "IN PLACE OF", "reason": "WHY"}
    api.list(api.rows_of(preview, "next_runs"), columns, empty="no upcoming run")


def _body(said: Json) -> Json:
    """Return the calendar as the API takes it. Raises UsageError."""
    closed = [_day(text, "--closed", is_open=False) for text in said["closed_days"]]
    opened = [_day(text, "--open", is_open=True) for text in said["open_days"]]
    found = {
        "timezone": said["timezone"],
        "business_days": _days_of_week(said["week"]) if said["week"] else None,
        "business_hours": _hours(said["hours"]) if said["hours"] else None,
        "days": [*closed, *opened],
        "icalendar": said["ics"].read() if said["ics"] else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _day(text: str, option: str, *, is_open: bool) -> Json:
    span, equals, name = text.partition("=")
    starts, _, ends = span.partition("..")
    if not equals or not name.strip() or not starts:
        raise click.UsageError(f"{option} {text}: write DAY=NAME, such as 2026-12-25=Christmas")
    return {"starts": starts, "name": name, "open": is_open} | ({"ends": ends} if ends else {})


def _days_of_week(text: str) -> list[str]:
    days: list[str] = []
    for part in text.lower().split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        if first not in _WEEK or (dash and last not in _WEEK):
            raise click.UsageError(f"--week {text}: use three-letter names, such as mon-fri or sun,mon,tue")
        begins, ends = _WEEK.index(first), _WEEK.index(last or first)
        days += [_WEEK[place % 7] for place in range(begins, (ends if ends >= begins else ends + 7) + 1)]
    return list(dict.fromkeys(days))


def _hours(text: str) -> Json:
    opens, dash, closes = (each.strip() for each in text.partition("-"))
    if not dash:
        raise click.UsageError(f"--hours {text}: write FROM-TO, such as 09:00-17:00")
    return {"opens": opens, "closes": closes}
