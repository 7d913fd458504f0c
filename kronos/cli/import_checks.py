"""What an import finds wrong, or missing, apart from its entries."""

from collections.abc import Sequence

import click

from kronos.cli.command import Api
from kronos.cli.exits import Exit
from kronos.cli.import_offer import Offered
from kronos.imports.names import slug
from kronos.imports.translation import Remark
from kronos.model import Json, JsonObject


def prefix(_context: click.Context, _option: click.Parameter, given: str) -> str:
    """Return the --prefix of job names. Raises BadParameter if no name can begin with it."""
    if slug(f"{given}x") != f"{given}x":
        raise click.BadParameter(
            "a name has at most 127 letters, digits, and between them . _ and -; write it like web1-"
        )
    return given


def require_zone(api: Api, timezone: str) -> None:
    """Raise UsageError if no schedule can have this --tz. Otherwise each entry would be left out for it."""
    try:
        api.of(None).send("POST", "schedules", "preview", body={"cron": "0 0 * * *", "timezone": timezone, "count": 1})
    except click.ClickException as error:
        if error.exit_code != Exit.USAGE:
            raise
        raise click.UsageError(f"--tz: {error.message.removeprefix('--tz: ')}") from None


def missing_endpoints(api: Api, offers: Sequence[Offered]) -> list[Remark]:
    """Return a remark for each endpoint that new jobs name and that neither exists nor would be created."""
    new = [each.entry for each in offers if each.there is None and each.entry.endpoint is None]
    remarks = []
    for name in sorted({str(entry.job["endpoint"]) for entry in new}):
        try:
            api.get("endpoints", name)
        except click.ClickException as error:
            if error.exit_code != Exit.NOT_FOUND:
                raise
            text = "does not exist, so its jobs cannot be created: create it, or pass --to URL"
            remarks.append(Remark(where=f"endpoint {name}", text=text))
    return remarks


def taken_endpoints(api: Api, offers: Sequence[Offered]) -> list[Remark]:
    """Return a remark for each endpoint of new jobs whose name an endpoint with another address already has."""
    wanted = {
        str(each.entry.endpoint["name"]): each.entry.endpoint
        for each in offers
        if each.there is None and each.entry.endpoint is not None
    }
    there = {str(row["name"]): row for row in api.rows("endpoints")} if wanted else {}
    text = "exists with another address: --create leaves it unchanged, and the new jobs are delivered there"
    return [
        Remark(where=f"endpoint {name}", text=text)
        for name in sorted(wanted)
        if name in there and _address(there[name]) != _address(wanted[name])
    ]


def _address(endpoint: JsonObject) -> tuple[Json, Json, Json]:
    return endpoint["type"], endpoint["spec"].get("url"), endpoint["spec"].get("method", "POST")


def nothing_new(offers: Sequence[Offered]) -> str:
    """Return why nothing was created."""
    differing = sum(each.state == "differs" for each in offers)
    more = f", {differing} of them with other terms, which were left unchanged" if differing else ""
    return f"nothing new: all jobs exist{more}"
