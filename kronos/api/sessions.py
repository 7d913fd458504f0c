"""Sessions: callers who signed in at an identity provider or with a key, by a browser cookie.

A browser that reaches us over https gets a cookie that is only sent over https and that no other host can set. Over
http, on this machine or a private network, the cookie has another name, and its secret is marked so that it is not
accepted over https.
"""

import hashlib
import math
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from kronos import errors, people
from kronos.api.fields import WORKSPACE_FORM
from kronos.api.guesses import Guesses
from kronos.api.keys import TRUSTED_SECONDS, Caller, Keys
from kronos.api.rates import Allowance, rate_limited, stands
from kronos.database import InstanceView
from kronos.model import Role
from kronos.pool import Pool
from kronos.records import dataclass

if TYPE_CHECKING:  # it loads Authlib, 3 MB that processes without a provider do not need
    from kronos.api.provider import Provider

# With this prefix, browsers accept a cookie only over https, from this host, for all its paths (RFC 6265bis 4.1.3.2).
SESSION_COOKIE: Final = "__Host-kronos-session"
ATTEMPT_COOKIE: Final = "__Host-kronos-sign-in"
PLAIN_COOKIE: Final = "kronos-session"
"""The session cookie over http."""
_SECRET_BYTES = 32
# Prefixes of the secrets of keys' sessions, over https and http. A person's secret has no dot.
_OF_KEY, _OF_KEY_PLAIN = "key.", "http-key."
_OWN_SITE = ("same-origin", "none", None)
_MAX_KNOWN = 1024
_REASONS = {
    "revoked": "the key {} was revoked",
    "expired": "the key {} has expired or was replaced",
    "deleted": "the workspace of the key {} was deleted",
    "over": "your session with the key {} has ended",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A signed-in person and its permissions per workspace. Of several roles in one, the highest counts."""

    sign_in_id: UUID
    subject: str
    email: str | None
    callers: tuple[Caller, ...]

    def calls(self, workspace: str | None) -> Caller:
        """Return the person's caller for a workspace, by slug or id. None: for requests outside any workspace. Raises
        Forbidden, WorkspaceNotFound."""
        if workspace is None or not WORKSPACE_FORM.fullmatch(workspace):
            if not self.callers:
                raise errors.Forbidden("none of your groups has a role in this instance")
            return max(self.callers, key=lambda each: list(Role).index(each.role))
        for each in self.callers:
            if not each.is_confined_from(workspace):
                return each
        raise errors.WorkspaceNotFound.of(workspace.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownPerson:
    """A checked session, trusted until `until` (time.monotonic), and the requests that its person may make."""

    until: float
    person: Person
    allowance: Allowance


class Sessions:
    """Checks people's sessions, and trusts valid ones for a moment. Keys does the same for keys' sessions."""

    def __init__(self, pool: Pool, keys: Keys, provider: "Provider | None") -> None:
        self.provider = provider
        """None: people can only sign in with a key."""
        self._pool = pool
        self._keys = keys
        self._known: dict[bytes, _KnownPerson] = {}
        self._guesses = Guesses()

    def secret_of(self, request: Request) -> str | None:
        """Return the session secret in the request's cookie."""
        if "cookie" not in request.headers:
            return None
        return request.cookies.get(self._cookie(request)) or None

    def is_of_key(self, secret: str) -> bool:
        """Return whether this is the secret of a key's session, not of a person's."""
        return secret.startswith((_OF_KEY, _OF_KEY_PLAIN))

    async def caller(self, secret: str, request: Request) -> Caller:
        """Return the caller whose key opened the session with this secret, and spend one of its requests. Raises
        Unauthorized, RateLimited, DatabaseUnavailable."""
        self._refuse_plain(secret, request)
        return await self._keys.signed_in(digest_of(secret), request.scope)

    def _refuse_plain(self, secret: str, request: Request) -> None:
        if not secret.startswith(self._prefix(request)):
            raise errors.Unauthorized("you are signed out: a session opened over http is not valid over https")

    async def why_ended(self, secret: str) -> str:
        """Return a sentence that says why the holder of this secret is signed out. Raises DatabaseUnavailable."""
        end = await people.end_of(InstanceView(self._pool), digest_of(secret))
        if end is None:
            return "You are signed out."
        return (
            f"You are signed out: {_REASONS[end.reason].format(end.public_id)}."
            if end.public_id
            else "Your session has ended."
        )

    async def open(self, key: str, request: Request, lasts: timedelta) -> tuple[str, float]:
        """Open a session for the holder of this key. Return its secret and how many seconds it lasts. Raises
        Unauthorized, RateLimited, DatabaseUnavailable."""
        caller = await self._keys.authenticate(f"Bearer {key}", request.scope)
        secret = self._prefix(request) + secrets.token_urlsafe(_SECRET_BYTES)
        view = InstanceView(self._pool)
        seconds = await people.sign_in_with_key(view, digest_of(secret), key_id=caller.key_id, lasts=lasts)
        if seconds is None:
            raise errors.Unauthorized("the API key was revoked or has expired")
        return secret, seconds

    async def end(self, secret: str, host: str) -> None:
        """Sign out, in every process within 2 s. It works without any request left, and is safe to repeat. Raises
        RateLimited for callers that send many invalid secrets, DatabaseUnavailable."""
        digest = digest_of(secret)
        with suppress(errors.Unauthorized), self.guessed(secret, host):
            if not await people.sign_out(InstanceView(self._pool), digest):
                raise errors.Unauthorized("no such session")
        self._known.pop(digest, None)
        self._keys.forget(digest)

    async def calling(self, secret: str, host: str, scope: Scope) -> Person:
        """Return the person signed in with this secret, sent from this host, and spend one of its requests. Raises
        Unauthorized, RateLimited, DatabaseUnavailable."""
        known, now = self._known.get(digest_of(secret)), time.monotonic()
        if known is None or now >= known.until or not known.allowance.spend(now):
            known = await self._admitted(secret, host, scope)
        stands(scope, known.allowance)
        return known.person

    async def _admitted(self, secret: str, host: str, scope: Scope) -> "_KnownPerson":
        while True:
            known, now = self._known.get(digest_of(secret)), time.monotonic()
            if known is None or now >= known.until or not known.allowance.is_used_up(now):
                known = await self._checked(secret, host)  # an answer counts even if its trust has already ended
                now = time.monotonic()
            if known.allowance.spend(now):
                return known
            if known.allowance.is_used_up(now):
                raise rate_limited(_actor(known.person.subject, known.person.email), known.allowance, now, scope)
            # Other waiting requests took all that was granted, or the minute has just ended.

    async def known(self, secret: str, request: Request) -> "Caller | Person":
        """Return the caller or person signed in with this secret, for a request in progress: no request is spent.
        Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        if self.is_of_key(secret):
            self._refuse_plain(secret, request)
            return await self._keys.still_signed_in(digest_of(secret))
        known = self._known.get(digest_of(secret))
        if known is None or time.monotonic() >= known.until:
            known = await self._checked(secret, request.client.host if request.client is not None else "")
        return known.person

    async def _checked(self, secret: str, host: str) -> "_KnownPerson":
        """Check the session in the database. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        digest, asked_at = digest_of(secret), time.monotonic()
        before = self._known.get(digest)
        allowance = before.allowance if before is not None else Allowance()
        with self.guessed(secret, host):
            found = await people.find(InstanceView(self._pool), digest, allowance.wanted(asked_at, 1))
            if found is None:
                self._known.pop(digest, None)
                raise errors.Unauthorized("you are signed out: sign in again")
        allowance.take(found, asked_at)
        if len(self._known) >= _MAX_KNOWN and digest not in self._known:
            self._known.clear()
        until = asked_at + min(TRUSTED_SECONDS, found.valid_seconds)
        known = self._known[digest] = _KnownPerson(until=until, person=_person(found), allowance=allowance)
        return known

    @contextmanager
    def guessed(self, secret: str, host: str) -> Iterator[None]:
        """Wrap a check of a session or a sign-in code: callers that send invalid ones are slowed down, as with keys.
        Raises RateLimited."""
        digest = digest_of(secret)
        guess = self._guesses.begin(host, digest.hex(), digest, time.monotonic())
        if isinstance(guess, float):
            seconds = math.ceil(guess)
            detail = f"too many invalid sessions or sign-ins from this address; retry in {seconds} s"
            raise errors.RateLimited(detail, retry_after_seconds=seconds)
        try:
            yield
        except (errors.Unauthorized, errors.Forbidden):
            self._guesses.was_wrong(guess, time.monotonic())
            raise
        except BaseException:
            self._guesses.is_undecided(guess, time.monotonic())
            raise
        self._guesses.was_right(guess, time.monotonic())

    def origin_of(self, request: Request) -> str:
        """Return our own origin, as browsers name it: that of the provider's redirect URL, or the one that this request
        was sent to."""
        if self.provider is not None:
            return self.provider.origin
        return f"{request.scope['scheme']}://{request.headers.get('host', '')}"

    def require_own_origin(self, request: Request) -> None:
        """Require that a write that sends or receives a cookie comes from one of our pages. Browsers report the origin,
        and pages cannot change it. Raises Forbidden."""
        own, headers = self.origin_of(request), request.headers
        if headers.get("origin") != own or headers.get("sec-fetch-site") not in _OWN_SITE:
            raise errors.Forbidden(
                f"a write with a session must come from {own}, by its header Origin; scripts should use a key. Behind "
                "a TLS proxy, set KRONOS_TRUSTED_PROXIES, and let the proxy pass Host and X-Forwarded-Proto"
            )

    def give(self, response: Response, request: Request, secret: str, *, max_age: int) -> None:
        """Set the session cookie; `max_age` in seconds."""
        set_cookie(response, self._cookie(request), secret, max_age=max_age, is_secure=self.is_secure(request))

    def take(self, response: Response, request: Request) -> None:
        """Clear the session cookie."""
        self.give(response, request, "", max_age=0)

    def is_secure(self, request: Request) -> bool:
        """Return whether the browser reaches us over https."""
        return self.origin_of(request).startswith("https:")

    def _cookie(self, request: Request) -> str:
        return SESSION_COOKIE if self.is_secure(request) else PLAIN_COOKIE

    def _prefix(self, request: Request) -> str:
        return _OF_KEY if self.is_secure(request) else _OF_KEY_PLAIN


def set_cookie(response: Response, name: str, value: str, *, max_age: int, is_secure: bool = True) -> None:
    """Set a cookie that scripts cannot read. `max_age` in seconds; 0 clears it."""
    # Lax, not Strict: a person who follows a link to an execution, or returns from the provider, needs the cookie on
    # the first page. Other sites' writes do not carry it, and are also rejected by their origin.
    attributes = f"Path=/; Max-Age={max_age}; {'Secure; ' if is_secure else ''}HttpOnly; SameSite=Lax"
    response.headers.append("Set-Cookie", f"{name}={value}; {attributes}")


def digest_of(secret: str) -> bytes:
    """Return the digest under which a session is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _person(found: people.SignIn) -> Person:
    most: dict[str, Caller] = {}
    for each in found.grants:
        role = Role(each["role"])
        known = most.get(each["workspace_id"])
        sees = bool(each["sees_payloads"]) or (known is not None and known.sees_payloads)
        if known is not None and known.role.covers(role):
            role = known.role
        most[each["workspace_id"]] = Caller(
            actor=_actor(found.subject, found.email),
            key_id=found.sign_in_id,
            role=role,
            sees_payloads=sees,
            workspace_id=UUID(each["workspace_id"]),
            workspace=each["workspace"],
        )
    callers = tuple(sorted(most.values(), key=lambda each: each.workspace or ""))
    return Person(sign_in_id=found.sign_in_id, subject=found.subject, email=found.email, callers=callers)


def _actor(subject: str, email: str | None) -> str:
    """Return the person's name, as recorded for their actions."""
    return f"oidc:{email or subject}"
