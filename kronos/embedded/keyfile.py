"""The encryption keys of `kronos up` and `migrate`: created at the first start, required at each later one."""

from collections.abc import Sequence

from kronos import errors, owner, resealing
from kronos.embedded.errors import EncryptionKeysWrong
from kronos.encryption import Keyring, KeysInvalid, KeySource, make_key_file


def require_form(source: KeySource) -> None:
    """Check that the file, if it exists, contains keys, or that the command prints some. Raises EncryptionKeysWrong."""
    if source.file is None or source.file.exists():
        _read(source)


def ensure(admin_database_url: str, source: KeySource, *, abandoned: Sequence[str] = ()) -> None:
    """Give up the secrets under the `abandoned` keys, create the file if it does not exist and no secret needs its
    former keys, and check that the keys of all secrets are available.

    Raises EncryptionKeysWrong, KeyRefused, DatabaseUnavailable.
    """
    for key_id in abandoned:
        resealing.abandon(admin_database_url, key_id)
    is_there = source.file is None or source.file.exists()
    keys = _read(source) if is_there else None
    with owner.connected(admin_database_url, errors.KeyRefused, autocommit=True) as connection:
        missing = resealing.missing(connection, keys)
    if missing:
        named = ", ".join(missing[:5])
        where = "the encryption keys" if source.file is None else str(source.file)
        raise EncryptionKeysWrong(
            f"secrets are encrypted with the key {named}, which is not in {where}: put it back; if it is lost for "
            f"good, give up its secrets with `kronos up --abandon-key {missing[0]}`, or `kronos secrets "
            f"abandon {missing[0]}`"
        )
    if not is_there and source.file is not None:
        try:
            make_key_file(source.file)
        except KeysInvalid as error:
            raise EncryptionKeysWrong(str(error)) from error


def _read(source: KeySource) -> Keyring | None:
    try:
        return source.read()
    except KeysInvalid as error:
        raise EncryptionKeysWrong(str(error)) from error
