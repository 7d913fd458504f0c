"""Authentication by API keys of the form kr_live_<public id>_<secret>, which are stored as the SHA-256 of their secret.

A valid key is trusted for a moment. While keys are in use, one statement renews the trust in all keys of the process,
in the background, so that requests cost a single round trip. A key that was revoked, expired or lost a role is rejected
within 2 s everywhere. The statement that checks a key also takes the requests that this process will serve for it
(kronos/api/rates.py). Requests that wait for the same key share one check.

A person who signed in with a key calls with a session cookie and acts as the key. Such a session is trusted for the
same moment, and then checked again.
"""

import asyncio
import hashlib
import hmac
import math
import time
from collections.abc import Iterable
from uuid import UUID

from starlette.types import Scope

from kronos import errors, keys, people
from kronos.api.guesses import Guess, Guesses
from kronos.api.rates import Allowance, rate_limited, stands
from kronos.database import InstanceView
from kronos.lines import Log
from kronos.model import Role
from kronos.pool import Pool
from kronos.records import dataclass

_log = Log("kronos.api")
TRUSTED_SECONDS = 1.5
"""How long the database's answer about a key is trusted, counted from before the query."""
RENEWED_SECONDS = 0.5
"""How often the trust in keys in use is renewed: three times before the trust in one ends."""
_KEPT_SECONDS = 60.0
"""How long after its last use a key is still renewed, so that occasional callers need not wait for a check either."""
_NOTED_SECONDS = 60.0
"""How often the use of a key is recorded."""
_MAX_TRUSTED = 1024
_NOBODY = bytes(32)
_REMEDY = "send Authorization: Bearer kr_live_…; `kronos up` prints where the administrator's key is stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A caller and its permissions. `actor` is the key's public id, as recorded for the caller's actions.

    `workspace_id` and `workspace`, its slug, which never changes, name the only workspace that the caller can see. None
    for keys of the instance.
    """

    actor: str
    key_id: UUID
    role: Role
    sees_payloads: bool
    workspace_id: UUID | None
    workspace: str | None

    def is_confined_from(self, workspace: str) -> bool:
        """Return whether the caller must not see this workspace, given by slug or id."""
        return self.workspace_id is not None and workspace.lower() not in (self.workspace, str(self.workspace_id))


@dataclass(slots=True, kw_only=True)
class _Trust:
    """What is known about a key or its session. By time.monotonic: `until`, when the trust ends; `used_at`, its last
    use; `noted_at`, when its use was last recorded. `allowance`: the requests that it may make."""

    caller: Caller
    allowance: Allowance
    until: float
    used_at: float
    is_session: bool
    noted_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class _OfKey:
    """A key to check. `name`: what wrong keys are counted under, in addition to their address."""

    given: keys.GivenKey
    is_session = False
    refusal = f"the API key is unknown, revoked or expired: {_REMEDY}"

    @property
    def name(self) -> str:
        return self.given.public_id

    async def find(self, view: InstanceView, wanted: int) -> tuple[str, keys.AdmittedKey] | None:
        """Return the key's public id and permissions. Raises DatabaseUnavailable."""
        key = await keys.find(view, self.given, wanted)
        # Compared for unknown keys too: response times must not reveal which public ids exist.
        is_right = hmac.compare_digest(self.given.digest, key.secret_sha256 if key else _NOBODY)
        return (self.given.public_id, key) if key is not None and is_right else None


@dataclass(frozen=True, slots=True)
class _OfSession:
    """A key's session to check, by the digest of its secret."""

    digest: bytes
    is_session = True
    refusal = "you are signed out: sign in again"

    @property
    def name(self) -> str:
        return self.digest.hex()

    async def find(self, view: InstanceView, wanted: int) -> tuple[str, keys.AdmittedKey] | None:
        """Return the key's public id and permissions. Raises DatabaseUnavailable."""
        found = await people.find_of_key(view, self.digest, wanted)
        return None if found is None else (found.public_id, found)


class Keys:
    """Checks keys, and trusts valid ones for a moment."""

    def __init__(self, pool: Pool, *, trusted_seconds: float = TRUSTED_SECONDS) -> None:
        self._pool = pool
        self._trusted_seconds = trusted_seconds
        self._trusted: dict[bytes, _Trust] = {}  # by the digest of the whole key; sessions by _key_of
        self._checks: dict[bytes, asyncio.Task[_Trust | None]] = {}
        self._waiting: dict[bytes, int] = {}
        self._guesses = Guesses()
        self._in_use = asyncio.Event()

    async def authenticate(self, authorization: str | None, scope: Scope | None = None) -> Caller:
        """Return the caller of an Authorization header, and spend one of its requests. Its allowance is put into the
        request's scope. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        if authorization is None:
            raise errors.Unauthorized(f"an API key is required: {_REMEDY}")
        scheme, _, key = authorization.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        digest = hashlib.sha256(key.strip().encode()).digest()
        trust, now = self._trusted.get(digest), time.monotonic()
        if trust is None or not is_bearer or now >= trust.until or not trust.allowance.spend(now):
            given = keys.parse(key.strip())
            if given is None or not is_bearer:
                raise errors.Unauthorized(f"the Authorization header contains no API key: {_REMEDY}")
            trust = await self._admitted(_OfKey(given), digest, scope)
        trust.used_at = now
        stands(scope, trust.allowance)
        return trust.caller

    async def signed_in(self, session: bytes, scope: Scope | None = None) -> Caller:
        """Return the caller whose key opened the session with this secret's digest. Otherwise like `authenticate`."""
        digest = _key_of(session)
        trust, now = self._trusted.get(digest), time.monotonic()
        if trust is None or now >= trust.until or not trust.allowance.spend(now):
            trust = await self._admitted(_OfSession(session), digest, scope)
        trust.used_at = now
        stands(scope, trust.allowance)
        return trust.caller

    def forget(self, session: bytes) -> None:
        """Check this session again at its next use."""
        self._trusted.pop(_key_of(session), None)

    async def known(self, authorization: str) -> Caller:
        """Like `authenticate`, for a request in progress: no request is spent. Raises Unauthorized, RateLimited,
        DatabaseUnavailable."""
        key = authorization.partition(" ")[2].strip()
        if (given := keys.parse(key)) is None:
            raise errors.Unauthorized(f"the Authorization header contains no API key: {_REMEDY}")
        return await self._known(_OfKey(given), hashlib.sha256(key.encode()).digest())

    async def still_signed_in(self, session: bytes) -> Caller:
        """Like `signed_in`, but no request is spent."""
        return await self._known(_OfSession(session), _key_of(session))

    async def _known(self, asked: _OfKey | _OfSession, digest: bytes) -> Caller:
        trust, now = self._trusted.get(digest), time.monotonic()
        if trust is None or now >= trust.until:
            trust = await self._checked(asked, digest, None)
        trust.used_at = now
        return trust.caller

    async def run(self) -> None:
        """Renew the trust in keys in use and record their use, until cancelled. While PostgreSQL is unavailable, trust
        simply ends."""
        while True:
            await self._in_use.wait()
            try:
                await self.renew()
                await self.note()
            except errors.KronosError as error:
                _log.debug("api.read_failed", "keys cannot be queried: %s", error)
            await asyncio.sleep(RENEWED_SECONDS)

    async def renew(self) -> None:
        """Query what the keys in use may do now, and drop those that no longer work or are no longer used. Raises
        KronosError."""
        asked_at = time.monotonic()
        in_use = {
            digest: each
            for digest, each in self._trusted.items()
            if asked_at - each.used_at < _KEPT_SECONDS and not each.is_session
        }
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
        """Record that keys were used: each once a minute, however many requests it made. Raises KronosError."""
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

    async def note_burnt(self, text: str, scope: Scope) -> None:
        """Log that a URL contained a key, and record it in the key's row, if it is one. The caller cannot learn from
        this whether the key exists."""
        given = keys.parse(text)
        if given is None:
            return
        _log.warning(
            "key.burnt", "a URL contained the key %s. Anything that logs URLs has it now: replace it", given.public_id
        )
        digest, now = hashlib.sha256(text.encode()).digest(), time.monotonic()
        guess = self._guesses.begin(_host(scope), given.public_id, digest, now)
        if isinstance(guess, float):
            return
        try:
            await keys.note_burnt(InstanceView(self._pool), given)
        except errors.KronosError as error:
            _log.warning(
                "key.burnt_not_noted",
                "could not record that a URL contained the key %s: %s",
                given.public_id,
                error.said,
            )

    async def _admitted(self, asked: _OfKey | _OfSession, digest: bytes, scope: Scope | None) -> _Trust:
        self._waiting[digest] = self._waiting.get(digest, 0) + 1
        try:
            while True:
                trust, now = self._trusted.get(digest), time.monotonic()
                if trust is None or now >= trust.until or not trust.allowance.is_used_up(now):
                    trust = await self._checked(asked, digest, scope)
                    now = time.monotonic()
                if trust.allowance.spend(now):
                    return trust
                if trust.allowance.is_used_up(now):
                    raise rate_limited(f"the key {trust.caller.actor}", trust.allowance, now, scope)
                # Other waiting requests took all that was granted, or the minute has just ended.
        finally:
            self._waiting[digest] -= 1
            if not self._waiting[digest]:
                del self._waiting[digest]

    async def _checked(self, asked: _OfKey | _OfSession, digest: bytes, scope: Scope | None) -> _Trust:
        """Check the key in the database. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        check = self._checks.get(digest)
        # A finished check that is still here was made for earlier requests. Waiting for it would not even yield to
        # other tasks, and what it left would never change.
        if check is None or check.done():
            guess = self._guesses.begin(_host(scope), asked.name, digest, time.monotonic())
            if isinstance(guess, float):
                seconds = math.ceil(guess)
                detail = f"too many wrong keys from this address or with this id; retry in {seconds} s"
                raise errors.RateLimited(detail, retry_after_seconds=seconds)
            check = self._checks[digest] = asyncio.create_task(self._check(asked, digest, guess))
            check.add_done_callback(lambda done: self._ended(digest, done))
        # It continues when the request that began it is cut off: others wait for it.
        if (trust := await asyncio.shield(check)) is None:
            raise errors.Unauthorized(asked.refusal)
        return trust

    def _ended(self, digest: bytes, check: asyncio.Task[_Trust | None]) -> None:
        if self._checks.get(digest) is check:
            del self._checks[digest]
        if not check.cancelled():
            check.exception()  # retrieved: waiting requests raise it, but there may be none

    async def _check(self, asked: _OfKey | _OfSession, digest: bytes, guess: Guess) -> _Trust | None:
        trust, now = self._trusted.get(digest), time.monotonic()
        allowance = trust.allowance if trust is not None else Allowance()
        wanted = allowance.wanted(now, self._waiting.get(digest, 1))
        try:
            found = await asked.find(InstanceView(self._pool), wanted)
        except BaseException:
            self._guesses.is_undecided(guess, time.monotonic())
            raise
        if found is None:
            self._guesses.was_wrong(guess, time.monotonic())
            self._trusted.pop(digest, None)
            return None
        public_id, key = found
        self._guesses.was_right(guess, time.monotonic())
        allowance.take(key, now)
        if len(self._trusted) >= _MAX_TRUSTED and digest not in self._trusted:
            del self._trusted[next(iter(self._trusted))]
        noted_at = trust.noted_at if trust is not None else float("-inf")
        self._trusted[digest] = trust = _Trust(
            caller=_caller(public_id, key),
            allowance=allowance,
            until=self._until(now, key),
            used_at=now,
            is_session=asked.is_session,
            noted_at=noted_at,
        )
        self._in_use.set()
        return trust

    def _until(self, asked_at: float, key: keys.KeyNow) -> float:
        """Return when the trust in an answer about the key ends: at its expiry at the latest."""
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


def _key_of(session: bytes) -> bytes:
    """Return the name of a session in the cache. No digest of an Authorization header looks like this."""
    return b"session:" + session


def _key_ids(trusts: Iterable[_Trust]) -> list[UUID]:
    return [each.caller.key_id for each in trusts]


def _host(scope: Scope | None) -> str:
    """Return the caller's address, from the connection or from a trusted proxy."""
    client = scope.get("client") if scope is not None else None
    return str(client[0]) if client else ""
