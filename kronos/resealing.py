"""Compare the encryption keys with the instance's secrets, to find missing keys, and re-encrypt all secrets with the
first key (decision 0052)."""

from collections.abc import Callable
from uuid import UUID

from kronos import errors, owner, session
from kronos.encryption import Keyring, Place, Sealed, Unopened
from kronos.records import dataclass
from kronos.sql import statement

_AT_ONCE = 200
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedKey:
    """A key that secrets are encrypted with."""

    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecret:
    """A secret as it is stored."""

    secret_id: UUID
    workspace_id: UUID
    name: str
    version: int
    key_id: str
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSecret:
    """A secret that a statement changed."""

    secret_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The number of secrets."""

    secrets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSecret:
    """A secret by the names that its operator knows."""

    workspace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherKey:
    """A key that is not the first, and its secrets: their number, and the names of a few."""

    key_id: str
    is_known: bool
    secrets: int
    named: tuple[str, ...]

    @property
    def described(self) -> str:
        """Return the secrets in words."""
        more = f" and {self.secrets - len(self.named)} more" if self.secrets > len(self.named) else ""
        return f"{', '.join(self.named)}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """The result of a rotation: secrets re-encrypted with the first key, those that failed, and all that are left."""

    resealed: int
    failed: tuple[str, ...]
    left: int


_KEYS = statement("encryption.list_keys", UsedKey)
_OUTDATED = statement("encryption.list_outdated", StoredSecret)
_RESEAL = statement("encryption.reseal_secrets", ChangedSecret)
_COUNT = statement("encryption.count_under", Total)
_ABANDON = statement("encryption.abandon_secrets", ChangedSecret)
_UNDER = statement("encryption.list_under", NamedSecret)


def missing(connection: session.Connection, keys: Keyring | None) -> list[str]:
    """Return the keys that secrets are encrypted with and that are not available. Raises psycopg.Error."""
    known: tuple[str, ...] = keys.ids if keys is not None else ()
    return [each.key_id for each in session.rows(connection, _KEYS, {}) if each.key_id not in known]


def fault(unknown: list[str], keys: Keyring | None) -> str | None:
    """Return what is wrong if these keys are missing, and what to do; None if none is missing."""
    if not unknown:
        return None
    shown = ", ".join(unknown[:_NAMED])
    how = (
        "put it back into the encryption keys"
        if keys is not None
        else "set KRONOS_ENCRYPTION_KEY_FILE or KRONOS_ENCRYPTION_KEY_COMMAND"
    )
    lost = f"if it is lost for good, run `kronos secrets abandon {unknown[0]}` to give up its secrets"
    return f"secrets are encrypted with the key {shown}, which is not available: {how}; {lost}"


def other_keys(connection: session.Connection, keys: Keyring | None) -> list[OtherKey]:
    """Return the keys that secrets are encrypted with, except the first, with the unknown ones first. Raises
    psycopg.Error."""
    first, known = (keys.ids[0], keys.ids) if keys is not None else (None, ())
    found = [
        OtherKey(
            key_id=each.key_id,
            is_known=each.key_id in known,
            secrets=session.rows(connection, _COUNT, {"key_id": each.key_id})[0].secrets,
            named=tuple(
                f"{under.workspace}/{under.name}"
                for under in session.rows(connection, _UNDER, {"key_id": each.key_id, "limit": _NAMED})
            ),
        )
        for each in session.rows(connection, _KEYS, {})
        if each.key_id != first
    ]
    return sorted(found, key=lambda other: other.is_known)


def rotate(admin_database_url: str, keys: Keyring, report: Callable[[int, int], None]) -> Rotated:
    """Re-encrypt all secrets with the first key, in transactions of 200: finished ones stay if it is killed, and the
    next run continues. `report` is called with the number of secrets processed, and their total.

    Raises KeyRefused, DatabaseUnavailable.
    """
    with owner.connected(admin_database_url, errors.KeyRefused, autocommit=True) as connection:
        others = other_keys(connection, keys)
        total, looked_at, resealed, failed = sum(each.secrets for each in others), 0, 0, list[str]()
        for other in others:
            after = UUID(int=0)
            while found := session.rows(
                connection, _OUTDATED, {"old_key_id": other.key_id, "after": after, "limit": _AT_ONCE}
            ):
                after, looked_at = found[-1].secret_id, looked_at + len(found)
                resealed += _reseal(connection, keys, found, failed)
                report(looked_at, max(total, looked_at))
        left = sum(each.secrets for each in other_keys(connection, keys))
    return Rotated(resealed=resealed, failed=tuple(failed), left=left)


def _reseal(connection: session.Connection, keys: Keyring, found: list[StoredSecret], failed: list[str]) -> int:
    """Return how many of these now use the first key; those that cannot be decrypted are added to `failed`."""
    resealed: list[tuple[StoredSecret, Sealed]] = []
    for each in found:
        place = Place(workspace_id=each.workspace_id, name=each.name, version=each.version)
        try:
            value = keys.open(place, Sealed(key_id=each.key_id, nonce=each.nonce, ciphertext=each.ciphertext))
        except Unopened as error:
            failed.append(f"{each.name} of workspace {each.workspace_id}: {error}")
            continue
        resealed.append((each, keys.seal(place, value)))
    if not resealed:
        return 0
    changed = session.rows(
        connection,
        _RESEAL,
        {
            "key_id": keys.ids[0],
            "ids": [each.secret_id for each, _ in resealed],
            "versions": [each.version for each, _ in resealed],
            "key_ids": [each.key_id for each, _ in resealed],
            "nonces": [sealed.nonce for _, sealed in resealed],
            "ciphertexts": [sealed.ciphertext for _, sealed in resealed],
        },
    )
    return len(changed)


def abandon(admin_database_url: str, key_id: str) -> int:
    """Give up the secrets under a lost key: they have no value until they are set again. Returns their number. Safe to
    repeat. Raises KeyRefused, DatabaseUnavailable."""
    abandoned = 0
    with owner.connected(admin_database_url, errors.KeyRefused, autocommit=True) as connection:
        while changed := session.rows(connection, _ABANDON, {"key_id": key_id, "limit": _AT_ONCE}):
            abandoned += len(changed)
    return abandoned
