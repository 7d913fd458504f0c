"""Operations on a workspace's secrets: their values are stored encrypted, and never returned (decision 0052)."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos import errors
from kronos.database import WorkspaceView
from kronos.delivery import signing
from kronos.encryption import CurrentKeys, KeysInvalid, Place
from kronos.errors import Fault
from kronos.model import ListedSecret, Secret
from kronos.records import dataclass
from kronos.sql import statement

MAX_VALUE_BYTES = 64 * 1024
MIN_VALUE_CHARACTERS = 4
# Another call may store the same secret between the read of its version and the write.
_TRIES = 3
_NO_KEY = (
    "this API has no encryption key, so no secret can be stored: its operator must set KRONOS_ENCRYPTION_KEY_FILE or "
    "KRONOS_ENCRYPTION_KEY_COMMAND for the API and the workers"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlace:
    """The place that the next value of a secret is encrypted for."""

    workspace_id: UUID
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Whether a value was stored. `signs_for`: it was not, because this endpoint signs with it and it is not a key."""

    is_stored: bool
    signs_for: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretDeletion:
    """The result of deleting a secret."""

    is_deleted: bool
    version: int | None
    used_by: list[str] | None
    uses: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that signs an endpoint's deliveries. Receivers verify v1a signatures with `public_key`."""

    secret: str
    scheme: Literal["v1", "v1a"] | None
    public_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """The keys that sign an endpoint's deliveries, the newest first."""

    data: list[SigningKey]


_PLACE = statement("secrets.get_place", SecretPlace)
_SET = statement("secrets.set_secret", Stored)
_GET = statement("secrets.get_secret", Secret)
_LIST = statement("secrets.list_secrets", ListedSecret)
_DELETE = statement("secrets.delete_secret", SecretDeletion)
_SIGNING_KEYS = statement("secrets.list_signing_keys", SigningKey)


async def create(view: WorkspaceView, keys_at_hand: CurrentKeys, name: str, value: str) -> Secret:
    """Create a secret. Raises Conflict if the name is taken, EncryptionKeyMissing, OutcomeUnknown."""
    secret = await _store(view, keys_at_hand, name, value, await _place(view, name), version=1)
    if secret is None:
        hint = "Choose another name, or give that secret a new value."
        fault = Fault(pointer="/name", detail="a secret has this name", hint=hint)
        raise errors.Conflict(f"the secret {name!r} already exists", faults=(fault,))
    return secret


async def replace(
    view: WorkspaceView,
    keys_at_hand: CurrentKeys,
    name: str,
    value: str,
    *,
    if_match: Collection[int] | None = None,
    if_none_match: Collection[int] | None = (),
    must_exist: bool = False,
) -> tuple[Secret, bool]:
    """Store this value as the secret's next version, or its first; return the secret, and whether it is new. It
    replaces one of the versions `if_match` (None: any) and none of `if_none_match` (None: any that exists).

    Raises PreconditionFailed, Conflict if an endpoint signs with it and the value is not a signing key,
    EncryptionKeyMissing, OutcomeUnknown.
    """
    for _ in range(_TRIES):
        place = await _place(view, name)
        _require(name, place.version, if_match, if_none_match, must_exist=must_exist)
        version = (place.version or 0) + 1
        if (secret := await _store(view, keys_at_hand, name, value, place, version=version)) is not None:
            return secret, version == 1
    raise errors.Overtaken(f"other calls keep storing the secret {name!r} at the same time: try again")


async def get(view: WorkspaceView, name: str) -> Secret:
    """Return the secret, without its value. Raises SecretNotFound."""
    if (secret := await view.one_or_none(_GET, {"name": name})) is None:
        raise _not_found(view, name)
    return secret


async def list_page(view: WorkspaceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedSecret]:
    """Return up to `limit` secrets and one more, newest first, after the position `before`."""
    created_at, secret_id = before or (None, None)
    return await view.rows(_LIST, {"limit": limit, "before_created_at": created_at, "before_id": secret_id})


async def delete(view: WorkspaceView, name: str, *, if_match: Collection[int] | None = None) -> None:
    """Delete a secret that no delivery needs. Raises SecretNotFound, Conflict (secret_in_use), PreconditionFailed."""
    params = {"name": name, "if_match": None if if_match is None else list(if_match)}
    (deletion,) = await view.rows(_DELETE, params)
    if deletion.is_deleted:
        return
    if deletion.version is None:
        raise _not_found(view, name)
    if deletion.used_by is None or not deletion.uses:
        raise _excluded(name, deletion.version)
    more = f" and {deletion.uses - len(deletion.used_by)} more" if deletion.uses > len(deletion.used_by) else ""
    raise errors.Conflict(
        f"deliveries need the secret {name!r}, to these endpoints: {', '.join(deletion.used_by)}{more}. Change the "
        "endpoints so that they do not need it, and wait until their earlier executions have ended",
        code="secret_in_use",
    )


async def signing_keys(view: WorkspaceView, endpoint: str) -> list[SigningKey]:
    """Return the keys that sign an endpoint's deliveries, the newest first; empty if there is no such endpoint."""
    return await view.rows(_SIGNING_KEYS, {"endpoint": endpoint})


async def _place(view: WorkspaceView, name: str) -> SecretPlace:
    (place,) = await view.rows(_PLACE, {"name": name})
    return place


async def _store(
    view: WorkspaceView, keys_at_hand: CurrentKeys, name: str, value: str, place: SecretPlace, *, version: int
) -> Secret | None:
    """Return the secret at this version; None if it is at another version, or does not exist, or exists already."""
    try:
        # Read each time, so that a new first key encrypts without a restart.
        keys = await asyncio.to_thread(keys_at_hand.read)
    except KeysInvalid as error:
        raise errors.EncryptionKeyMissing(
            "this API's encryption keys can no longer be read, so no secret can be stored: see the API's log"
        ) from error
    if keys is None:
        raise errors.EncryptionKeyMissing(_NO_KEY)
    sealed = keys.seal(Place(workspace_id=place.workspace_id, name=name, version=version), value)
    signer = _signer(value)
    params = {
        "name": name,
        "version": version,
        "key_id": sealed.key_id,
        "nonce": sealed.nonce,
        "ciphertext": sealed.ciphertext,
        "signs": signer and signer.scheme,
        "public_key": signer and signer.public_key,
    }
    (stored,), secrets = await view.write_then_read(_SET, params, _GET, {"name": name})
    if stored.signs_for is not None:
        detail = "it is not a signing key: whsec_ with 24 to 64 bytes in base64, or whsk_ with 32 bytes"
        raise errors.Conflict(
            f"the secret {name!r} signs deliveries to the endpoint {stored.signs_for!r}, but the new value is no key",
            faults=(Fault(pointer="/value", detail=detail, hint="Store it under another name."),),
        )
    return secrets[0] if stored.is_stored else None


def _signer(value: str) -> signing.Signer | None:
    try:
        return signing.signer(value)
    except ValueError:
        return None


def _require(
    name: str,
    version: int | None,
    if_match: Collection[int] | None,
    if_none_match: Collection[int] | None,
    *,
    must_exist: bool,
) -> None:
    if version is None:
        if must_exist:
            raise errors.PreconditionFailed(f"the secret {name!r} does not exist, so If-Match cannot match")
    elif if_none_match is None or version in if_none_match or (if_match is not None and version not in if_match):
        raise _excluded(name, version)


def _excluded(name: str, version: int) -> errors.PreconditionFailed:
    return errors.PreconditionFailed(
        f"the secret {name!r} is already at version {version}, which the precondition excludes"
    )


def _not_found(view: WorkspaceView, name: str) -> errors.SecretNotFound:
    return errors.SecretNotFound(f"no secret {name!r} in workspace {view.workspace}")
