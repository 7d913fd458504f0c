"""Who calls: API keys of the form kr_live_<public id>_<secret>, known by the SHA-256 of their secret.

A key that was right is trusted for a moment. While it is used, one statement renews this trust for all keys of the
process, beside the requests: these cost one round trip, and what was revoked, has expired or may less now is so within
2 s everywhere.
"""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from kronos import errors, keys
from kronos.database import InstanceView, Pool
from kronos.model import Role

_log = logging.getLogger("kronos.api")
TRUSTED_SECONDS = 1.5
"""How long what the database said of a key is acted on, from before it was asked."""
RENEWED_SECONDS = 0.5
"""How often it is asked anew of those in use: three times, before the trust in one ends."""
_KEPT_SECONDS = 60.0
"""How long after its last use a key is renewed, so that who calls now and then waits for no check either."""
_NOTED_SECONDS = 60.0
"""How often the use of a key is written down."""
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


@dataclass(slots=True, kw_only=True)
class _Trust:
    """What is known of a key. `until`: when it ends; `used_at`: its last use; `noted_at`: when that was last written
    down. By time.monotonic."""

    caller: Caller
    until: float
    used_at: float
    noted_at: float = float("-inf")


class Keys:
    """Checks keys, and trusts those that were right for a moment."""

    def __init__(self, pool: Pool, *, trusted_seconds: float = TRUSTED_SECONDS) -> None:
        self._pool = pool
        self._trusted_seconds = trusted_seconds
        self._trusted: dict[bytes, _Trust] = {}  # by the digest of the whole key
        self._in_use = asyncio.Event()

    async def authenticate(self, authorization: str | None) -> Caller:
        """Whose key stands in an Authorization header. Raises Unauthorized, DatabaseUnavailable."""
        if authorization is None:
            raise errors.Unauthorized(f"this needs an API key: {_HINT}")
        scheme, _, key = authorization.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        digest = hashlib.sha256(key.strip().encode()).digest()
        trust = self._trusted.get(digest)
        now = time.monotonic()
        if trust is not None and is_bearer and now < trust.until:
            trust.used_at = now
            return trust.caller
        found = keys.parse(key.strip())
        if found is None or not is_bearer:
            raise errors.Unauthorized(f"the Authorization header holds no API key: {_HINT}")
        caller, until = await self._checked(found)
        if trust is None and len(self._trusted) >= _MAX_TRUSTED:
            self._trusted.clear()
        noted_at = trust.noted_at if trust is not None else float("-inf")
        self._trusted[digest] = _Trust(caller=caller, until=until, used_at=time.monotonic(), noted_at=noted_at)
        self._in_use.set()
        return caller

    async def run(self) -> None:
        """Renew the trust in the keys that are in use, and write down their use, until cancelled. While PostgreSQL is
        away trust ends by itself."""
        while True:
            await self._in_use.wait()
            try:
                await self.renew()
                await self.note()
            except errors.KronosError as error:
                _log.debug("keys cannot be asked for: %s", error)
            await asyncio.sleep(RENEWED_SECONDS)

    async def renew(self) -> None:
        """Ask what the keys in use may now, and forget those that work no longer, or that nobody uses. Raises
        KronosError."""
        asked_at = time.monotonic()
        in_use = {digest: each for digest, each in self._trusted.items() if asked_at - each.used_at < _KEPT_SECONDS}
        known = await keys.known(InstanceView(self._pool), _key_ids(in_use.values())) if in_use else {}
        for digest, trust in in_use.items():
            if (now := known.get(trust.caller.key_id)) is not None:
                trust.caller = _caller(trust.caller.actor, now)
                trust.until = self._until(asked_at, now)
            elif self._trusted.get(digest) is trust:
                del self._trusted[digest]
        for digest, trust in list(self._trusted.items()):
            if asked_at - trust.used_at >= _KEPT_SECONDS:
                del self._trusted[digest]
        if not self._trusted:
            self._in_use.clear()

    async def note(self) -> None:
        """Write down that keys were used: of each once a minute, whatever the number of requests. Raises
        KronosError."""
        now = time.monotonic()
        due = [
            each
            for each in self._trusted.values()
            if now - each.noted_at >= _NOTED_SECONDS and each.used_at > each.noted_at
        ]
        if due:
            await keys.note_use(InstanceView(self._pool), _key_ids(due))
            for each in due:
                each.noted_at = now

    async def _checked(self, given: keys.GivenKey) -> tuple[Caller, float]:
        """The key's holder, and until when that is to be trusted."""
        asked_at = time.monotonic()
        key = await keys.find(InstanceView(self._pool), given.public_id)
        # Compared for an unknown key too: the time taken does not tell which public ids exist.
        is_right = hmac.compare_digest(given.digest, key.secret_sha256 if key else _NOBODY)
        if key is None or not is_right:
            raise errors.Unauthorized(f"the API key is unknown, revoked or expired: {_HINT}")
        return _caller(given.public_id, key), self._until(asked_at, key)

    def _until(self, asked_at: float, key: keys.KeyNow) -> float:
        """When the trust in what was said of it ends: when it expires, at the latest."""
        if key.valid_seconds is None:
            return asked_at + self._trusted_seconds
        return asked_at + min(self._trusted_seconds, key.valid_seconds)


def _caller(public_id: str, key: keys.KeyNow) -> Caller:
    return Caller(
        actor=public_id,
        key_id=key.key_id,
        role=Role(key.role),
        sees_payloads=key.sees_payloads,
        workspace_id=key.workspace_id,
        workspace=key.workspace,
    )


def _key_ids(trusts: Iterable[_Trust]) -> list[UUID]:
    return [each.caller.key_id for each in trusts]
