"""Who calls: API keys of the form kr_live_<public id>_<secret>, known by the SHA-256 of their secret."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from uuid import UUID

from kronos import errors, keys
from kronos.database import InstanceView, Pool
from kronos.model import Role

_TRUSTED_SECONDS = 10.0
_MAX_TRUSTED = 1024
_NOBODY = bytes(32)
_HINT = "send Authorization: Bearer kr_live_…; `kronos up` prints where the administrator's key is kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key it is, and what it may. `actor` is the key's public id, as it stands in what its holder did.

    `workspace_id` and `workspace`, its slug, which never changes: the only one that there is for it; None: the key is
    the instance's.
    """

    actor: str
    key_id: UUID
    role: Role
    sees_payloads: bool
    workspace_id: UUID | None
    workspace: str | None

    def is_confined_from(self, workspace: str) -> bool:
        """Whether this workspace, by slug or id, is none for the caller."""
        return self.workspace_id is not None and workspace.lower() not in (self.workspace, str(self.workspace_id))


class Keys:
    """Checks keys, and trusts one that was right for 10 s, so that a request costs one round trip to the database."""

    def __init__(self, pool: Pool, *, trusted_seconds: float = _TRUSTED_SECONDS) -> None:
        self._pool = pool
        self._trusted_seconds = trusted_seconds
        self._trusted: dict[bytes, tuple[float, Caller]] = {}  # digest of the whole key -> until when

    async def authenticate(self, authorization: str | None) -> Caller:
        """Whose key stands in an Authorization header. Raises Unauthorized, DatabaseUnavailable."""
        if authorization is None:
            raise errors.Unauthorized(f"this needs an API key: {_HINT}")
        scheme, _, key = authorization.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        digest = hashlib.sha256(key.strip().encode()).digest()
        until, caller = self._trusted.get(digest, (0.0, None))
        if caller is not None and is_bearer and time.monotonic() < until:
            return caller
        found = keys.parse(key.strip())
        if found is None or not is_bearer:
            raise errors.Unauthorized(f"the Authorization header holds no API key: {_HINT}")
        asked_at = time.monotonic()
        caller, valid_seconds = await self._checked(found)
        if len(self._trusted) >= _MAX_TRUSTED:
            self._trusted.clear()
        trusted = self._trusted_seconds if valid_seconds is None else min(self._trusted_seconds, valid_seconds)
        self._trusted[digest] = asked_at + trusted, caller
        return caller

    async def _checked(self, given: keys.GivenKey) -> tuple[Caller, float | None]:
        key = await keys.find(InstanceView(self._pool), given.public_id)
        # Compared for an unknown key too: the time taken does not tell which public ids exist.
        is_right = hmac.compare_digest(given.digest, key.secret_sha256 if key else _NOBODY)
        if key is None or not is_right:
            raise errors.Unauthorized(f"the API key is unknown, revoked or expired: {_HINT}")
        caller = Caller(
            actor=given.public_id,
            key_id=key.key_id,
            role=Role(key.role),
            sees_payloads=key.sees_payloads,
            workspace_id=key.workspace_id,
            workspace=key.workspace,
        )
        return caller, key.valid_seconds
