"""`kronos key …`: keys of a workspace over the API; with --instance those of the instance's administrator, in its
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

_NO_FILE = "no key file is known: pass --key-file, or set KRONOS_ADMIN_KEY_FILE"
_UNTIL = "Its users are refused within 2 s."
_WHOSE = "whose key? Name a workspace (-w, KRONOS_WORKSPACE), or pass --instance on the server"
_FIELDS = ("key_id", "public_id", "name", "role", "sees_payloads", "expires_at", "created_at", "created_by",
           "last_used_at", "key")  # fmt: skip
_COLUMNS = {"public_id": "PUBLIC ID", "name": "NAME", "role": "ROLE", "sees_payloads": "SEES PAYLOADS",
            "expires_at": "EXPIRES", "last_used_at": "LAST USED", "created_at": "CREATED"}  # fmt: skip
_OF_INSTANCE = {"public_id": "PUBLIC ID", "role": "ROLE", "created_at": "CREATED", "revoked_at": "REVOKED",
                "kept_in": "KEPT IN", "burnt_at": "IN A URL"}  # fmt: skip


@group
def key() -> None:
    """Keys of a workspace, or of the administrator.

    With --instance they are changed in the database itself, on the server, with the URL that `kronos migrate` uses: a
    lost key of the administrator is replaced there and only there.
    """


def _options(function: Callable[..., None]) -> Callable[..., None]:
    """What each command has: whose keys, and how the API or the database is reached."""

    @home_option
    @click.option("--instance", "is_instance", is_flag=True, help="The administrator's keys, on the server.")
    @wraps(function)
    def run(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as click passes them
        function(*arguments, **options)

    run.__click_params__ = [*common_options(in_workspace=True)[::-1], *run.__click_params__]  # type: ignore[attr-defined]
    return run


@key.command("list")
@_options
def list_keys(is_instance: bool, home: Path | None, **where: Any) -> None:  # noqa: ANN401
    """List keys by their public id, newest first. No secret is known to anyone but its holder.

    kronos key list
    kronos key list --instance
    """
    if is_instance:
        _list_instance(home, Output(as_json=where["as_json"], as_plain=where["as_plain"]))
        return
    api = _api(**where)
    api.list(api.rows("keys"), _COLUMNS, empty="no key yet; make one: kronos key create --role operator")


@key.command()
@_options
@click.argument("which", metavar="KEY")
def get(which: str, is_instance: bool, home: Path | None, **where: Any) -> None:  # noqa: ANN401
    """Show KEY, named by its public id. Its secret is known to nobody but its holder.

    kronos key get 5f0c1a2b3c4d
    """
    if is_instance:
        raise click.UsageError("the administrator's keys are listed: kronos key list --instance")
    api = _api(**where)
    api.show(_row_of(api, which), _FIELDS)


@key.command()
@_options
@click.option("--role", type=click.Choice(["viewer", "operator", "admin"]), help="What it may.")
@click.option("--name", help="What it is for.")
@click.option("--sees-payloads", is_flag=True, help="A viewer that sees inputs, outputs, requests, responses.")
@click.option("--expires-at", help="When it ends, such as 2027-01-01T00:00:00Z.  [default: never]")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file for it (mode 0600), in place of standard output.",
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
    """A further key, which is shown once.

    kronos key create --role operator --name ci --out ci.key
    """
    if is_instance:
        if role is not None or name is not None or sees_payloads or expires_at is not None:
            raise click.UsageError("--instance makes a key that may everything: leave the other options out")
        url, _ = instance(home)
        made = done(lambda: keys.create(url, out))
        click.echo(made if out is None else f"{out} holds the new key")
        return
    api = _api(**where)
    if role is None:
        raise click.UsageError("what may it? Pass --role viewer, operator or admin")
    terms = given(role=role, name=name, sees_payloads=sees_payloads or None, expires_at=expires_at)
    _show_once(api, lambda: api.send("POST", "keys", body=terms, fields=("key",)), out)


@key.command()
@_options
@click.argument("which", metavar="[KEY]", required=False)
@click.option("--overlap", type=click.IntRange(0), default=0, help="Seconds that the old one goes on.  [default: 0]")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file for it (mode 0600), in place of standard output.",
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
    """Put a new key in the place of KEY, a public id. With --instance: in the administrator's file.

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
    """End KEY.

    kronos key revoke 5f0c1a2b3c4d

    It is named by its public id: what stands between kr_live_ and the next underscore.
    """
    consent.require("end the key", _public_id(which))
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
    """The id of the key that is named by its id, its public id, or whole. Raises ClickException."""
    if which is None:
        raise click.UsageError("which key? Name it by its public id: see `kronos key list`")
    return str(_row_of(api, which)["key_id"])


def _row_of(api: Api, which: str) -> JsonObject:
    """The key that is named by its id, its public id, or whole. Raises ClickException."""
    public_id = _public_id(which)
    for each in api.rows("keys"):
        if public_id in (each.get("key_id"), each.get("public_id")):
            found: JsonObject = each
            return found
    raise Ended(f"the workspace has no key with the public id {public_id!r}: see `kronos key list`", Exit.NOT_FOUND)


def _public_id(which: str) -> str:
    whole = keys.parse(which)  # pasted as it is sent
    return whole.public_id if whole is not None else which


def _show_once(api: Api, make: Callable[[], Json], out: Path | None) -> None:
    """The new key, on standard output or in a file that must not exist; there it is not shown."""
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
    except errors.KeyRefused as error:  # what was well before the key was made
        public_id = made["public_id"]
        hint = f"nobody has the key {public_id} that was made: `kronos key rotate {public_id}`, or `kronos key revoke`"
        raise Ended(f"{error}; {hint}", Exit.FAILED) from None


def _require_room(out: Path) -> None:
    """That a key can be written there, before it is made: one that nobody has would still open the workspace."""
    try:
        is_there = out.exists() or out.is_symlink()
        folder = next(each for each in out.absolute().parents if each.exists())  # from there on they are made
        is_writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise Ended(f"{out} cannot be written: {error.strerror}; no key was made", Exit.USAGE) from None
    if is_there:
        raise Ended(f"{out} exists: a key is not written over another", Exit.CONFLICT)
    if not is_writable:
        raise Ended(
            f"{out} cannot be written: {folder} is no folder that you may write to; no key was made", Exit.USAGE
        )
    try:
        keys.require_room(out)
    except errors.KeyRefused as error:
        raise Ended(f"{error}; no key was made", Exit.USAGE) from None


def _list_instance(home: Path | None, output: Output) -> None:
    url, _ = instance(home)
    found = done(lambda: keys.stored(url))
    if output.as_json:
        shown: Json = [{name: getattr(each, name) for name in _OF_INSTANCE} for each in found]
    else:
        shown = [{name: _text(getattr(each, name)) for name in _OF_INSTANCE} for each in found]
    output.list(shown, _OF_INSTANCE, empty="the administrator has no key; make one: kronos key create --instance")


def _rotate_instance(home: Path | None, key_file: Path | None) -> None:
    url, here = instance(home)
    from_environment = os.environ.get("KRONOS_ADMIN_KEY_FILE")
    file = key_file or (here.admin_key_file if here else None) or (Path(from_environment) if from_environment else None)
    if file is None:
        raise Ended(_NO_FILE, Exit.USAGE)
    public_id, revoked = done(lambda: keys.rotate(url, file))
    click.echo(f"{file} holds the new key {public_id}")
    for each in revoked:
        click.echo(f"{each} no longer works. {_UNTIL}")


def _revoke_instance(home: Path | None, which: str) -> None:
    url, _ = instance(home)
    stored, others = done(lambda: keys.revoke(url, _public_id(which)))
    click.echo(f"{stored.public_id} no longer works, since {_shown(stored.revoked_at)}. {_UNTIL}")
    if others == 0:
        click.echo("No key of the administrator is left: `kronos key create --instance` makes one.", err=True)


def _text(value: object) -> str | None:
    return _shown(value) if isinstance(value, datetime) else None if value is None else str(value)


def _shown(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if at is not None else ""


for _each in key.commands.values():
    give_names(key, _each)
