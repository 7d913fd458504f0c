"""`kronos secret …`: manage secrets, over the API. Deliveries use their values, which cannot be read."""

import secrets as randomness
import sys
from base64 import b64encode
from pathlib import Path
from typing import Literal

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kronos.cli.command import Api, command, group
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.exits import Ended, Exit
from kronos.cli.inputs import STDIN

_FIELDS = ("name", "version", "created_at", "updated_at")
_COLUMNS = {"name": "NAME", "version": "VERSION", "updated_at": "UPDATED"}
_MOST_BYTES = 64 * 1024
_EMPTY = "no secret yet; create one: kronos secret set api-token < token.txt"


def _refuse(context: click.Context, argument: click.Parameter, values: tuple[str, ...]) -> None:
    """Reject a value on the command line without printing it. Raises UsageError."""
    if values and not context.resilient_parsing:
        raise click.UsageError(
            "a secret's value cannot be an argument: other users could read it, and the shell keeps it. Pass it on "
            "standard input or with --file, and use a new value: this one is exposed",
            context,
        )


_no_value = click.argument("values", nargs=-1, metavar="", expose_value=False, callback=_refuse)


@group
def secret() -> None:
    """Secrets: values for templates, and signing keys.

    Use them in templates as {{secret.NAME}}.
    """


@command(secret)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int) -> None:
    """List secrets, newest first, without their values.

    kronos secret ls
    """
    api.list(api.rows("secrets", limit=limit), _COLUMNS, empty=_EMPTY)


@command(secret)
@click.argument("name")
def get(api: Api, name: str) -> None:
    """Show one secret, without its value.

    kronos secret get api-token
    """
    api.show(api.get("secrets", name), _FIELDS)


@command(secret)
@click.argument("name")
@_no_value
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="File with the value, or - for standard input.  [default: standard input, or a prompt]",
)
@click.option(
    "--generate",
    type=click.Choice(["v1", "v1a"]),
    help="Generate a Standard Webhooks signing key. The key for receivers to verify with is shown once.",
)
@click.option("--new", is_flag=True, help="Only if no secret of this name exists.")
def _set(api: Api, name: str, path: Path | None, generate: Literal["v1", "v1a"] | None, *, new: bool) -> None:
    """Create the secret NAME, or replace its value. The value is never an argument, because other users could read it.

    kronos secret set api-token < token.txt
    """
    if generate is not None and path is not None:
        raise click.UsageError("--generate and --file both give a value: pass only one of the two")
    value, shown = _generated(generate) if generate is not None else (_value(path), None)
    made = api.send("PUT", "secrets", name, body={"value": value}, if_none_match="*" if new else None)
    if shown is not None:
        click.echo(f"key for receivers to verify with: {shown}", err=True)
    api.show(made, _FIELDS)


@command(secret)
@click.argument("name")
@confirmed
def rm(api: Api, name: str, consent: Consent) -> None:
    """Delete a secret that no endpoint uses.

    kronos secret rm api-token
    """
    consent.require("delete the secret", name)
    api.send("DELETE", "secrets", name)
    api.say(f"secret {name} is deleted")


@command(secret)
@click.argument("name")
@_no_value
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="File with the value, or - for standard input.  [default: standard input, or a prompt]",
)
def create(api: Api, name: str, path: Path | None) -> None:
    """Create the secret NAME, which must not exist. The value is never an argument, because other users could read it.

    kronos secret create api-token < token.txt
    """
    api.show(api.send("POST", "secrets", body={"name": name, "value": _value(path)}), _FIELDS)


def _generated(scheme: Literal["v1", "v1a"]) -> tuple[str, str]:
    """Return a new signing key, and the key that receivers verify with."""
    if scheme == "v1":
        value = "whsec_" + b64encode(randomness.token_bytes(32)).decode()
        return value, value
    key = Ed25519PrivateKey.generate()
    public = "whpk_" + b64encode(key.public_key().public_bytes_raw()).decode()
    return "whsk_" + b64encode(key.private_bytes_raw()).decode(), public


def _value(path: Path | None) -> str:
    """Return the value without the line end that editors and echo append. Raises ClickException."""
    if str(path) == STDIN:
        path = None
    elif path is None and sys.stdin is not None and sys.stdin.isatty():
        prompted: str = click.prompt("Value", hide_input=True, err=True)
        return prompted
    where = "standard input" if path is None else str(path)
    try:
        if path is not None:
            with path.open("rb") as file:
                raw = file.read(_MOST_BYTES + 2)
        elif sys.stdin is not None:
            raw = sys.stdin.buffer.read(_MOST_BYTES + 2)
        else:
            raise Ended("standard input is closed: pass the value there, or in a --file", Exit.USAGE)
        value = raw.decode()
    except OSError as error:
        raise Ended(f"cannot read a value from {where}: {error.strerror}", Exit.USAGE) from None
    except UnicodeDecodeError:
        raise Ended(f"{where} is not UTF-8: encode the value in base64", Exit.USAGE) from None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise Ended(f"{where} is empty", Exit.USAGE)
    return value
