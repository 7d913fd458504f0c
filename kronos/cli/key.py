"""`kronos key …`: manage keys of a workspace over the API, or with --instance those of the administrator, in the
database."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from kronos import errors, keys
from kronos.cli.administrator import done, home_option, instance
from kronos.cli.command import Api, common_options, given, group, open_api
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.exits import Ended, Exit
from kronos.cli.names import give_names
from kronos.cli.output import Output
from kronos.cli.target import WhereAsked, chosen, workspace_of
from kronos.model import Json, JsonObject

_NO_FILE = "which key file? Pass --key-file, or set KRONOS_ADMIN_KEY_FILE"
_UNTIL = "Requests with it are rejected within 2 s."
_WHOSE = "whose key? Name a workspace (-w, KRONOS_WORKSPACE), or pass --instance on the server"
_FIELDS = ("key_id", "public_id", "name", "role", "sees_payloads", "expires_at", "created_at", "created_by",
           "last_used_at", "key")  # fmt: skip
_COLUMNS = {"public_id": "PUBLIC ID", "name": "NAME", "role": "ROLE", "sees_payloads": "SEES PAYLOADS",
            "expires_at": "EXPIRES", "last_used_at": "LAST USED", "created_at": "CREATED"}  # fmt: skip
_OF_INSTANCE = {"public_id": "PUBLIC ID", "role": "ROLE", "created_at": "CREATED", "revoked_at": "REVOKED",
                "kept_in": "KEPT IN", "burnt_at": "IN A URL"}  # fmt: skip


@group
def key() -> None:
    """Keys: API keys of a workspace, or of the administrator.

    With --instance, keys are changed directly in the database, on the server, with the URL that `kronos migrate` uses.
    A lost key of the administrator can only be replaced this way.
    """


def _options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every command: whose keys, and how to reach the API or the database."""

    @home_option
    @click.option("--instance", "is_instance", is_flag=True, help="Use the administrator's keys, on the server.")
    @wraps(function)
    def run(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as click passes them
        function(*arguments, **options)

    run.__click_params__ = [*common_options(in_workspace=True)[::-1], *run.__click_params__]  # type: ignore[attr-defined]
    return run


@key.command("list")
@_options
def list_keys(is_instance: bool, home: Path | None, **where: Any) -> None:  # noqa: ANN401
    """List keys by public id, newest first. Only the holder of a key knows its secret.

    kronos key list
    kronos key list --instance
    """
    if is_instance:
        _list_instance(home, Output(as_json=where["as_json"], as_plain=where["as_plain"]))
        return
    api = _api(**where)
    api.list(api.rows("keys"), _COLUMNS, empty="no key yet; create one: kronos key create --role operator")


@key.command()
@_options
@click.argument("which", metavar="KEY")
def get(which: str, is_instance: bool, home: Path | None, **where: Any) -> None:  # noqa: ANN401
    """Show KEY, given by its public id. Only the holder of a key knows its secret.

    kronos key get 5f0c1a2b3c4d
    """
    if is_instance:
        raise click.UsageError("to see the administrator's keys, list them: kronos key list --instance")
    api = _api(**where)
    api.show(_row_of(api, which), _FIELDS)


@key.command()
@_options
@click.option("--role", type=click.Choice(["viewer", "operator", "admin"]), help="Role of the key.")
@click.option("--name", help="Name of the key, such as its purpose.")
@click.option(
    "--sees-payloads", is_flag=True, help="For a viewer: allow it to see inputs, outputs, requests and responses."
)
@click.option("--expires-at", help="When the key expires, such as 2027-01-01T00:00:00Z.  [default: never]")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the key to this new file (mode 0600) instead of standard output.",
)
def create(
    is_instance: bool,
    home: Path | None,
    out: Path | None,
    role: str | None,
    name: str | None,
    sees_payloads: bool,
    expires_at: str | None,
    **where: Any,  # noqa: ANN401
) -> None:
    """Create a key. It is shown only once.

    kronos key create --role operator --name ci --out ci.key
    """
    if is_instance:
        if role is not None or name is not None or sees_payloads or expires_at is not None:
            raise click.UsageError("--instance creates a key without restrictions: omit the other options")
        url, _ = instance(home)
        made = done(lambda: keys.create(url, out))
        click.echo(made if out is None else f"{out} contains the new key")
        return
    api = _api(**where)
    if role is None:
        raise click.UsageError("which role? Pass --role viewer, operator or admin")
    terms = given(role=role, name=name, sees_payloads=sees_payloads or None, expires_at=expires_at)
    _show_once(api, lambda: api.send("POST", "keys", body=terms, fields=("key",)), out)


@key.command()
@_options
@click.argument("which", metavar="[KEY]", required=False)
@click.option(
    "--overlap", type=click.IntRange(0), default=0, help="Seconds that the old key stays valid.  [default: 0]"
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the key to this new file (mode 0600) instead of standard output.",
)
def rotate(
    which: str | None,
    is_instance: bool,
    home: Path | None,
    key_file: Path | None,
    overlap: int,
    out: Path | None,
    **where: Any,  # noqa: ANN401
) -> None:
    """Replace KEY, given by its public id, with a new key. With --instance, replaces the administrator's key file.

    kronos key rotate 5f0c1a2b3c4d --overlap 3600 --out ci.key
    """
    if is_instance:
        _rotate_instance(home, key_file)
        return
    api = _api(key_file=key_file, **where)
    key_id = _found(api, which)
    body = {"overlap_seconds": overlap}
    _show_once(api, lambda: api.send("POST", "keys", key_id, "rotate", body=body, fields=("key",)), out)


@key.command()
@_options
@click.argument("which", metavar="KEY")
@confirmed
def revoke(which: str, is_instance: bool, home: Path | None, consent: Consent, **where: Any) -> None:  # noqa: ANN401
    """Revoke KEY.

    kronos key revoke 5f0c1a2b3c4d

    Give the public id: the part between kr_live_ and the next underscore.
    """
    consent.require("revoke the key", _public_id(which))
    if is_instance:
        _revoke_instance(home, which)
        return
    api = _api(**where)
    api.send("DELETE", "keys", _found(api, which))
    api.say(f"{_public_id(which)} no longer works. {_UNTIL}")


def _api(*, as_json: bool, as_plain: bool, **where: Any) -> Api:  # noqa: ANN401
    asked = WhereAsked(**where)
    if workspace_of(asked, chosen(asked))[0] is None:
        raise click.UsageError(_WHOSE)
    return open_api(asked, in_workspace=True, as_json=as_json, as_plain=as_plain)


def _found(api: Api, which: str | None) -> str:
    """Return the id of a key, given by its id, its public id, or the whole key. Raises ClickException."""
    if which is None:
        raise click.UsageError("which key? Pass its public id: see `kronos key list`")
    return str(_row_of(api, which)["key_id"])


def _row_of(api: Api, which: str) -> JsonObject:
    """Return a key, given by its id, its public id, or the whole key. Raises ClickException."""
    public_id = _public_id(which)
    for each in api.rows("keys"):
        if public_id in (each.get("key_id"), each.get("public_id")):
            found: JsonObject = each
            return found
    raise Ended(f"the workspace has no key with the public id {public_id!r}: see `kronos key list`", Exit.NOT_FOUND)


def _public_id(which: str) -> str:
    whole = keys.parse(which)  # the whole key was pasted
    return whole.public_id if whole is not None else which


def _show_once(api: Api, make: Callable[[], Json], out: Path | None) -> None:
    """Print the new key, or write it to a file that must not exist; then it is not printed."""
    if out is not None:
        _require_room(out)
    made: JsonObject = make()
    if out is not None:
        _keep(out, made)
        made = {**made, "key": f"in {out}"}
    api.show(made, _FIELDS)


def _keep(out: Path, made: JsonObject) -> None:
    try:
        keys.write_new(out, str(made["key"]))
    except errors.KeyRefused as error:  # was checked before the key was created
        public_id = made["public_id"]
        hint = f"the new key {public_id} is lost: `kronos key rotate {public_id}`, or `kronos key revoke {public_id}`"
        raise Ended(f"{error}; {hint}", Exit.FAILED) from None


def _require_room(out: Path) -> None:
    """Check that a key can be written there, before it is created: a lost key would still open the workspace."""
    try:
        is_there = out.exists() or out.is_symlink()
        folder = next(each for each in out.absolute().parents if each.exists())  # the folders below it are created
        is_writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise Ended(f"{out} cannot be written: {error.strerror}; no key was created", Exit.USAGE) from None
    if is_there:
        raise Ended(f"{out} exists: a key never overwrites a file", Exit.CONFLICT)
    if not is_writable:
        raise Ended(
            f"{out} cannot be written: {folder} is not a folder that you can write to; no key was created", Exit.USAGE
        )
    try:
        keys.require_room(out)
    except errors.KeyRefused as error:
        raise Ended(f"{error}; no key was created", Exit.USAGE) from None


def _list_instance(home: Path | None, output: Output) -> None:
    url, _ = instance(home)
    found = done(lambda: keys.stored(url))
    if output.as_json:
        shown: Json = [{name: getattr(each, name) for name in _OF_INSTANCE} for each in found]
    else:
        shown = [{name: _text(getattr(each, name)) for name in _OF_INSTANCE} for each in found]
    output.list(shown, _OF_INSTANCE, empty="the administrator has no keys; create one: kronos key create --instance")


def _rotate_instance(home: Path | None, key_file: Path | None) -> None:
    url, here = instance(home)
    from_environment = os.environ.get("KRONOS_ADMIN_KEY_FILE")
    file = key_file or (here.admin_key_file if here else None) or (Path(from_environment) if from_environment else None)
    if file is None:
        raise Ended(_NO_FILE, Exit.USAGE)
    public_id, revoked = done(lambda: keys.rotate(url, file))
    click.echo(f"{file} contains the new key {public_id}")
    for each in revoked:
        click.echo(f"{each} no longer works. {_UNTIL}")


def _revoke_instance(home: Path | None, which: str) -> None:
    url, _ = instance(home)
    stored, others = done(lambda: keys.revoke(url, _public_id(which)))
    click.echo(f"{stored.public_id} no longer works since {_shown(stored.revoked_at)}. {_UNTIL}")
    if others == 0:
        click.echo("The administrator has no key left; create one: `kronos key create --instance`.", err=True)


def _text(value: object) -> str | None:
    return _shown(value) if isinstance(value, datetime) else None if value is None else str(value)


def _shown(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if at is not None else ""


for _each in key.commands.values():
    give_names(key, _each)
