"""Who calls: API keys of the form kr_live_<public id>_<secret>, known by the SHA-256 of their secret."""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass

from kronos import errors, system
from kronos.database import InstanceView, Pool
from kronos.model import Role

_KEY = re.compile(r"kr_live_(?P<public_id>[A-Za-z0-9]{1,64})_(?P<secret>[A-Za-z0-9_-]{16,128})", re.ASCII)
_TRUSTED_SECONDS = 10.0
_MAX_TRUSTED = 1024
_NOBODY = bytes(32)
_HINT = "send Authorization: Bearer kr_live_…; `kronos up` prints where the administrator's key is kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key it is: `actor` is the key's public id, as it stands in what its holder did."""

    actor: str
    role: Role


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
        found = _KEY.fullmatch(key.strip())
        if scheme.lower() != "bearer" or found is None:
            raise errors.Unauthorized(f"the Authorization header holds no API key: {_HINT}")
        digest = hashlib.sha256(found[0].encode("ascii")).digest()
        until, caller = self._trusted.get(digest, (0.0, None))
        if caller is not None and time.monotonic() < until:
            return caller
        caller = await self._checked(found["public_id"], found["secret"])
        if len(self._trusted) >= _MAX_TRUSTED:
            self._trusted.clear()
        self._trusted[digest] = time.monotonic() + self._trusted_seconds, caller
        return caller

    async def _checked(self, public_id: str, secret: str) -> Caller:
        key = await system.find_key(InstanceView(self._pool), public_id)
        given = hashlib.sha256(secret.encode("ascii")).digest()
        # Compared for an unknown key too: the time taken does not tell which public ids exist.
        is_right = hmac.compare_digest(given, key.secret_sha256 if key else _NOBODY)
        if key is None or not is_right:
            raise errors.Unauthorized(f"the API key is unknown or revoked: {_HINT}")
        return Caller(actor=public_id, role=key.role)
