"""`kronos key …`: the keys of the instance's administrator."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from kronos import errors, keys
from kronos.cli import environment
from kronos.embedded import running
from kronos.embedded.errors import EmbeddedError
from kronos.embedded.home import Home, default_home

_NO_DATABASE = (
    "no database is known: set KRONOS_DATABASE_URL to the one that `kronos migrate` is run with, or start `kronos up`"
)
_NO_FILE = "no key file is known: pass --key-file, or set KRONOS_ADMIN_KEY_FILE"
_UNTIL = "Its users are refused within 10 s."
_T = TypeVar("_T")

_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The home of a running `kronos up`.  [KRONOS_DATABASE_URL, or the one that runs here]",
)
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
@_home
def list_keys(home: Path | None) -> None:
    """All keys by their public id: which work, and which file Kronos wrote them to. No secret is known to anyone but
    its holder."""
    url, _ = _instance(home)
    rows = [("public id", "role", "created at", "revoked at", "kept in")]
    for each in _done(lambda: keys.stored(url)):
        revoked_at = _shown(each.revoked_at)
        rows.append((each.public_id, each.role, _shown(each.created_at), revoked_at, each.kept_in or ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@key.command()
@_home
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file for it (mode 0600), in place of standard output.",
)
def create(home: Path | None, key_file: Path | None) -> None:
    """A further key, which is shown once."""
    url, _ = _instance(home)
    made = _done(lambda: keys.create(url, key_file))
    click.echo(made if key_file is None else f"{key_file} holds the new key")


@key.command()
@_home
@_key_file
def rotate(home: Path | None, key_file: Path | None) -> None:
    """Put a new key in the file, and revoke the one it held."""
    url, here = _instance(home)
    given = os.environ.get("KRONOS_ADMIN_KEY_FILE")
    file = key_file or (here.admin_key_file if here else None) or (Path(given) if given else None)
    if file is None:
        raise click.ClickException(_NO_FILE)
    public_id, revoked = _done(lambda: keys.rotate(url, file))
    click.echo(f"{file} holds the new key {public_id}")
    for each in revoked:
        click.echo(f"{each} no longer works. {_UNTIL}")


@key.command()
@click.argument("public_id")
@_home
def revoke(home: Path | None, public_id: str) -> None:
    """End the key PUBLIC_ID (what stands between kr_live_ and the next underscore). Safe to run again."""
    url, _ = _instance(home)
    whole = keys.parse(public_id)  # pasted as it is sent
    stored, others = _done(lambda: keys.revoke(url, whole.public_id if whole is not None else public_id))
    click.echo(f"{stored.public_id} no longer works, since {_shown(stored.revoked_at)}. {_UNTIL}")
    if others == 0:
        click.echo("No key of the administrator is left: `kronos key create` makes one.", err=True)


def _shown(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if at is not None else ""


def _instance(home: Path | None) -> tuple[str, running.Running | None]:
    """The administrator's database URL, and the `kronos up` that it is of. Raises ClickException."""
    environment.warn_of_unknown()
    if home is None and os.environ.get("KRONOS_DATABASE_URL"):
        return environment.judged().database_url.get_secret_value(), None
    try:
        here = running.find(Home((home or default_home()).absolute()))
    except EmbeddedError as error:
        raise click.ClickException(str(error)) from None
    if here is None:
        raise click.ClickException(_NO_DATABASE if home is None else f"no `kronos up` is ready in {home}")
    return here.database_url, here


def _done(act: Callable[[], _T]) -> _T:
    try:
        return act()
    except errors.KronosError as error:
        raise environment.refusal(error) from None
