"""`kronos audit …`: who changed what, over the API; and whether the chains of hashes hold, in the database."""

import re
import sys
from pathlib import Path

import click

from kronos import audit as trail
from kronos import errors
from kronos.audit import Pin, Verified
from kronos.cli import environment
from kronos.cli.command import Api, command, group
from kronos.cli.exits import Exit

_COLUMNS = {
    "at": "AT",
    "actor": "ACTOR",
    "action": "ACTION",
    "object or object_id": "OBJECT",
    "workspace": "WORKSPACE",
    "request_id": "REQUEST",
}
_HEAD = ("workspace", "number", "hash", "sealed_at", "pending", "cut")
_EMPTY = "nothing that was changed matches"
_of_instance = click.option(
    "--instance", "of_instance", is_flag=True, help="Of the instance, whichever workspace is named or kept."
)


class HeadText(click.ParamType[tuple[str | None, Pin]]):
    """A head that was noted: [WORKSPACE:]NUMBER:HASH."""

    name = "[workspace:]number:hash"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, Pin]:
        """Of which chain, and the head."""
        found = re.fullmatch(r"(?:(?P<workspace>[a-z0-9-]+):)?(?P<number>\d{1,18}):(?P<hash>[0-9a-f]{64})", str(value))
        if found is None:
            self.fail(
                "write it like acme:1412:5f0c…, all 64 digits of the hash; the instance's without acme:", param, ctx
            )
        return found["workspace"], Pin(number=int(found["number"]), hash=found["hash"])


@group
def audit() -> None:
    """Who changed what. Each change is a row, sealed into a chain of hashes."""


@command(audit, in_workspace=None)
@_of_instance
@click.option("--actor", help="By whom: a key's public id, cli:root, reaper.")
@click.option("--action", help="What was done, such as job.pause.")
@click.option("--object-type", help="To what, such as job; one_shot: who made one-shots.")
@click.option("--object", help="To this one, by its id or its name.")
@click.option("--request-id", help="In this request.")
@click.option("--after", help="At this time or later, such as 2026-12-01T00:00:00Z.")
@click.option("--before", help="Earlier, such as 2026-12-02T00:00:00Z.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def _list(api: Api, of_instance: bool, limit: int, **filters: str | None) -> None:
    """List changes, the last first. Of a workspace, or else of the instance and all workspaces.

    kronos audit list --action job.pause --after 2026-12-01T00:00:00Z
    """
    api.list(_asked(api, of_instance).rows("audit", limit=limit, **filters), _COLUMNS, empty=_EMPTY)


@command(audit, in_workspace=None)
@_of_instance
@click.option("--after-number", default=0, type=click.IntRange(0), help="Only what follows this row: to go on.")
@click.option(
    "--one-shots", is_flag=True, help="Who made a workspace's one-shots, the newest first: they are not sealed."
)
@click.option("--after", help="Of one-shots: made at this time or later, such as 2026-12-01T00:00:00Z.")
@click.option("--before", help="Of one-shots: made earlier, such as 2026-12-02T00:00:00Z.")
def export(
    api: Api, of_instance: bool, after_number: int, one_shots: bool, after: str | None, before: str | None
) -> None:
    """Write sealed rows as JSON lines, the oldest first. Of a workspace, or else of the instance.

    kronos audit export -w acme > acme.jsonl
    """
    if not one_shots and (after or before):
        raise click.UsageError("--after and --before are of --one-shots; sealed rows go by --after-number.")
    asked = _asked(api, of_instance)
    if one_shots and asked.workspace is None:
        raise click.UsageError("--one-shots are of a workspace: give --workspace.")
    if one_shots and after_number:
        raise click.UsageError("--after-number is of sealed rows; --one-shots go by --after and --before.")
    which = {"object_type": "one_shot", "after": after, "before": before} if one_shots else {}
    asked.copy(sys.stdout.buffer, "audit", "export", cursor=str(after_number), **which)


@command(audit, in_workspace=None)
@_of_instance
def head(api: Api, of_instance: bool) -> None:
    """Show the last number and hash of a chain, to be noted elsewhere. Of a workspace, or else of the instance.

    kronos audit head -w acme
    """
    api.show(_asked(api, of_instance).get("audit", "head", fields=("number", "hash")), _HEAD)


@audit.command()
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="An export, or - for standard input, in place of the database.",
)
@click.option("--head", "heads", multiple=True, type=HeadText(), help="One that was noted: it must be there as it was.")
def verify(path: Path | None, heads: tuple[tuple[str | None, Pin], ...]) -> None:
    """Compute all chains anew. Exit 1 where one was changed.

    kronos audit verify
    kronos audit verify --file acme.jsonl

    Reads KRONOS_DATABASE_URL; it takes the one that `kronos migrate` is run with. Without it, the instance that `kronos
    up` runs here.
    """
    try:
        if path is None:
            found = list(trail.verify(environment.database_url(), heads))
        else:
            with click.open_file(str(path), "rb") as file:
                found = [trail.verify_export(file, [pin for _, pin in heads])]
    except errors.KronosError as error:
        raise environment.refusal(error) from None
    for each in found:
        click.echo(_shown(each))
    if any(each.fault for each in found):
        sys.exit(Exit.FAILED)


def _asked(api: Api, of_instance: bool) -> Api:
    return api.of(None) if of_instance else api


def _shown(found: Verified) -> str:
    name = found.workspace or "the instance"
    if found.fault is not None:
        return f"{name}: CHANGED: {found.fault}"
    if found.seen == 0:
        return f"{name}: no row is left"
    pending = f", and {found.pending} not sealed yet" if found.pending else ""
    return f"{name}: {found.seen} rows hold, {found.first} to {found.number}{pending}; head {found.number}:{found.hash}"
