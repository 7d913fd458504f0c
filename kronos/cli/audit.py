"""`kronos audit …`: list and export changes over the API, and verify the chains of hashes in the database."""

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
from kronos.cli.following import partly_done
from kronos.counting import counted

_COLUMNS = {
    "at": "AT",
    "actor": "ACTOR",
    "action": "ACTION",
    "object or object_id": "OBJECT",
    "workspace": "WORKSPACE",
    "request_id": "REQUEST",
}
_HEAD = ("workspace", "number", "hash", "sealed_at", "pending", "cut")
_EMPTY = "no change matches"
_of_instance = click.option(
    "--instance", "of_instance", is_flag=True, help="Use the instance's audit, even if a workspace is given or saved."
)


class HeadText(click.ParamType[tuple[str | None, Pin]]):
    """A head that was recorded earlier: [WORKSPACE:]NUMBER:HASH."""

    name = "[workspace:]number:hash"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, Pin]:
        """Return the chain's workspace, and the head."""
        found = re.fullmatch(r"(?:(?P<workspace>[a-z0-9-]+):)?(?P<number>\d{1,18}):(?P<hash>[0-9a-f]{64})", str(value))
        if found is None:
            self.fail(
                "write it like acme:1412:5f0c…, with all 64 digits of the hash, and without acme: for the instance",
                param,
                ctx,
            )
        return found["workspace"], Pin(number=int(found["number"]), hash=found["hash"])


@group
def audit() -> None:
    """Audit: who changed what. Each change is a row, sealed into a chain of hashes."""


@command(audit, in_workspace=None)
@_of_instance
@click.option("--actor", help="Only changes by this actor: a key's public id, cli:root, reaper.")
@click.option("--action", help="Only this action, such as job.pause.")
@click.option("--object-type", help="Only this type of object, such as job; one_shot lists who created one-shots.")
@click.option("--object", help="Only this object, by id or name.")
@click.option("--request-id", help="Only changes of this request.")
@click.option("--after", help="Only changes at this time or later, such as 2026-12-01T00:00:00Z.")
@click.option("--before", help="Only changes before this time, such as 2026-12-02T00:00:00Z.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def _list(api: Api, of_instance: bool, limit: int, **filters: str | None) -> None:
    """List changes, newest first. Without a workspace, lists those of the instance and all workspaces.

    kronos audit list --action job.pause --after 2026-12-01T00:00:00Z
    """
    api.list(_asked(api, of_instance).rows("audit", limit=limit, **filters), _COLUMNS, empty=_EMPTY)


@command(audit, in_workspace=None)
@_of_instance
@click.option(
    "--after-number", default=0, type=click.IntRange(0), help="Only rows after this one, to continue an export."
)
@click.option(
    "--one-shots", is_flag=True, help="Who created a workspace's one-shots, newest first. These are not sealed."
)
@click.option("--after", help="Only one-shots created at this time or later, such as 2026-12-01T00:00:00Z.")
@click.option("--before", help="Only one-shots created before this time, such as 2026-12-02T00:00:00Z.")
def export(
    api: Api, of_instance: bool, after_number: int, one_shots: bool, after: str | None, before: str | None
) -> None:
    """Write sealed rows as JSON lines, oldest first. Without a workspace, writes those of the instance.

    kronos audit export -w acme > acme.jsonl
    """
    if not one_shots and (after or before):
        raise click.UsageError("--after and --before need --one-shots; for sealed rows pass --after-number")
    asked = _asked(api, of_instance)
    if one_shots and asked.workspace is None:
        raise click.UsageError("--one-shots needs a workspace: pass --workspace")
    if one_shots and after_number:
        raise click.UsageError("--after-number is for sealed rows; for --one-shots pass --after and --before")
    which = {"object_type": "one_shot", "after": after, "before": before} if one_shots else {}
    is_begun = False

    again = "from the start" if one_shots else "with --after-number and the number of the last whole line"
    left = f"what was written before that is incomplete. To continue, run the same command {again}"
    with partly_done(lambda: left, has_begun=lambda: is_begun):
        for piece in asked.pieces("audit", "export", cursor=str(after_number), **which):
            is_begun = True
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@command(audit, in_workspace=None)
@_of_instance
def head(api: Api, of_instance: bool) -> None:
    """Show the last number and hash of a chain, to record elsewhere. Without a workspace, of the instance's chain.

    kronos audit head -w acme
    """
    api.show(_asked(api, of_instance).get("audit", "head", fields=("number", "hash")), _HEAD)


@audit.command()
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Verify an export, or - for standard input, instead of the database.",
)
@click.option(
    "--head", "heads", multiple=True, type=HeadText(), help="A head recorded earlier; the chain must still contain it."
)
def verify(path: Path | None, heads: tuple[tuple[str | None, Pin], ...]) -> None:
    """Recompute all chains. Exits with 1 if one was changed.

    kronos audit verify
    kronos audit verify --file acme.jsonl

    Uses KRONOS_DATABASE_URL, the same URL as `kronos migrate`; if it is not set, the local `kronos up`.
    """
    try:
        if path is None:
            faults = sum(_say(each) for each in trail.verify(environment.database_url(), heads))
        else:
            with click.open_file(str(path), "rb") as file:
                faults = _say(trail.verify_export(file, [pin for _, pin in heads]))
    except errors.KronosError as error:
        raise environment.refusal(error) from None
    if faults:
        sys.exit(Exit.FAILED)


def _say(found: Verified) -> bool:
    """Print the result of a chain at once, as an error may stop the next one. Return whether it was changed."""
    click.echo(_shown(found))
    return found.fault is not None


def _asked(api: Api, of_instance: bool) -> Api:
    return api.of(None) if of_instance else api


def _shown(found: Verified) -> str:
    name = found.workspace or "the instance"
    if found.fault is not None:
        return f"{name}: CHANGED: {found.fault}"
    if found.seen == 0:
        return f"{name}: no rows are left"
    pending = f", and {found.pending} not sealed yet" if found.pending else ""
    rows = counted(found.seen, "row holds", "rows hold")
    return f"{name}: {rows}, {found.first} to {found.number}{pending}; head {found.number}:{found.hash}"
