"""`kronos key …`: the keys of the instance's administrator."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from kronos import keys
from kronos.cli.administrator import done, home_option, instance

_NO_FILE = "no key file is known: pass --key-file, or set KRONOS_ADMIN_KEY_FILE"
_UNTIL = "Its users are refused within 10 s."

_key_file = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file.  [KRONOS_ADMIN_KEY_FILE, or the home's]",
)


@click.group()
def key() -> None:
    """The keys of the instance's administrator. They are changed in the database, with the URL that `kronos migrate`
    uses."""


@key.command("list")
@home_option
def list_keys(home: Path | None) -> None:
    """List all keys by their public id. It says which work, and which file Kronos wrote them to. No secret is known
    to anyone but its holder."""
    url, _ = instance(home)
    rows = [("public id", "role", "created at", "revoked at", "kept in", "in a URL at")]
    for each in done(lambda: keys.stored(url)):
        revoked_at = _shown(each.revoked_at)
        rows.append(
            (each.public_id, each.role, _shown(each.created_at), revoked_at, each.kept_in or "", _shown(each.burnt_at))
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@key.command()
@home_option
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file for it (mode 0600), in place of standard output.",
)
def create(home: Path | None, key_file: Path | None) -> None:
    """A further key, which is shown once."""
    url, _ = instance(home)
    made = done(lambda: keys.create(url, key_file))
    click.echo(made if key_file is None else f"{key_file} holds the new key")


@key.command()
@home_option
@_key_file
def rotate(home: Path | None, key_file: Path | None) -> None:
    """Put a new key in the file, and revoke the one it held."""
    url, here = instance(home)
    given = os.environ.get("KRONOS_ADMIN_KEY_FILE")
    file = key_file or (here.admin_key_file if here else None) or (Path(given) if given else None)
    if file is None:
        raise click.ClickException(_NO_FILE)
    public_id, revoked = done(lambda: keys.rotate(url, file))
    click.echo(f"{file} holds the new key {public_id}")
    for each in revoked:
        click.echo(f"{each} no longer works. {_UNTIL}")


@key.command()
@click.argument("public_id")
@home_option
def revoke(home: Path | None, public_id: str) -> None:
    """End the key PUBLIC_ID. That is what stands between kr_live_ and the next underscore. Safe to run again."""
    url, _ = instance(home)
    whole = keys.parse(public_id)  # pasted as it is sent
    stored, others = done(lambda: keys.revoke(url, whole.public_id if whole is not None else public_id))
    click.echo(f"{stored.public_id} no longer works, since {_shown(stored.revoked_at)}. {_UNTIL}")
    if others == 0:
        click.echo("No key of the administrator is left: `kronos key create` makes one.", err=True)


def _shown(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if at is not None else ""
