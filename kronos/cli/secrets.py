"""`kronos secrets …`: manage the keys that encrypt secrets."""

import sys

import click

from kronos import errors, resealing
from kronos.cli import environment
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.exits import Ended, Exit
from kronos.cli.following import Stand, display, partly_done
from kronos.cli.helping import group
from kronos.counting import counted, plural

_NO_KEYS = "no encryption keys are configured: set KRONOS_ENCRYPTION_KEY_FILE or KRONOS_ENCRYPTION_KEY_COMMAND"
_SHOWN = 20


@group
def secrets() -> None:
    """Encryption of secrets. These commands change the database, with the URL that `kronos migrate` uses."""


@secrets.command()
def rotate() -> None:
    """Re-encrypt all secrets with the first encryption key.

    kronos secrets rotate

    Works in small transactions: safe to stop and to run again. Before you run it, put the new key before the old one,
    for the API and all workers. Once no secret is left, remove the old key. Uses KRONOS_DATABASE_URL and the encryption
    keys; if they are not set, those of the local `kronos up`.
    """
    url, keys = environment.database_url(), environment.encryption_keys(environment.key_source())
    if keys is None:
        raise Ended(_NO_KEYS, Exit.USAGE)
    stand = Stand(done=0)
    with partly_done(lambda: _left(stand), has_begun=lambda: stand.done > 0), display("secrets") as shown:

        def report(looked_at: int, total: int) -> None:
            nonlocal stand
            stand = Stand(done=looked_at, total=total)
            shown.show(stand)

        try:
            done = resealing.rotate(url, keys, report)
        except errors.KronosError as error:
            raise environment.refusal(error) from None
    click.echo(
        f"{counted(done.resealed, 'secret was', 'secrets were')} re-encrypted with the key "
        f"{keys.ids[0]}; {done.left} {plural(done.left, 'is', 'are')} left"
    )
    for line in done.failed[:_SHOWN]:
        click.echo(f"failed: {line}", err=True)
    if len(done.failed) > _SHOWN:
        click.echo(f"failed: {counted(len(done.failed) - _SHOWN, 'other')}", err=True)
    if done.left:
        sys.exit(Exit.FAILED)


def _left(stand: Stand) -> str:
    """Return what a rotation that was stopped has done, and how to continue it."""
    done = f"{stand.done:,} of {counted(stand.total, 'secret')}" if stand.total is not None else "no secret"
    return f"{done} processed before that; re-encrypted secrets stay so. To continue: kronos secrets rotate"


@secrets.command()
@click.argument("key_id")
@confirmed
def abandon(key_id: str, consent: Consent) -> None:
    """Give up the secrets encrypted with the lost key KEY_ID.

    kronos secrets abandon 3f9c2b1a --confirm 3f9c2b1a

    The secrets have no value until they are set again. Deliveries that need one fail until then. Safe to run again.
    """
    url = environment.database_url()
    keys = environment.encryption_keys(environment.key_source())
    if keys is not None and key_id in keys.ids:
        raise Ended(f"the key {key_id} is not lost: it is among the encryption keys", Exit.CONFLICT)
    consent.require("give up all secrets encrypted with the key", key_id)
    try:
        abandoned = resealing.abandon(url, key_id)
    except errors.KronosError as error:
        raise environment.refusal(error) from None
    click.echo(
        f"{counted(abandoned, 'secret')} encrypted with the key {key_id} "
        f"{plural(abandoned, 'was given up: set it', 'were given up: set them')} again"
        if abandoned
        else f"no secret is encrypted with the key {key_id}: nothing was changed; `kronos doctor` lists missing keys"
    )
