"""Who calls with a session: who has signed in at an identity provider or with a key, by the cookie of the browser.

A browser that reaches us over https has a cookie that goes over https alone and that no other host can set. Over http,
on this machine or a private network, it has another one, of another name; its secret says so, and opens nothing over
https.
"""

import hashlib
import math
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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

if TYPE_CHECKING:  # it loads aiohttp and more, 13 MB that a process without a provider does not need
    from kronos.api.provider import Provider

# With this prefix a browser takes them over https alone, from this host, for all of it (RFC 6265bis 4.1.3.2).
SESSION_COOKIE: Final = "__Host-kronos-session"
ATTEMPT_COOKIE: Final = "__Host-kronos-sign-in"
PLAIN_COOKIE: Final = "kronos-session"
"""Over http."""
_SECRET_BYTES = 32
# What the secrets of keys' sessions begin with, over https and http; a person's has no dot.
_OF_KEY, _OF_KEY_PLAIN = "key.", "http-key."
_OWN_SITE = ("same-origin", "none", None)
_MAX_KNOWN = 1024
_REASONS = {
    "revoked": "the key {} was revoked",
    "expired": "the key {} has expired, or another has taken its place",
    "deleted": "the workspace of the key {} was deleted",
    "over": "your session with the key {} is over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is signed in, with what it may in which workspaces: of several roles in one the most."""

    sign_in_id: UUID
    subject: str
    email: str | None
    callers: tuple[Caller, ...]

    def calls(self, workspace: str | None) -> Caller:
        """The caller that it is for a workspace, by slug or id; None: for what is of no workspace. Raises Forbidden,
        WorkspaceNotFound."""
        if workspace is None or not WORKSPACE_FORM.fullmatch(workspace):
            if not self.callers:
                raise errors.Forbidden("none of your groups has a role here")
            return max(self.callers, key=lambda each: list(Role).index(each.role))
        for each in self.callers:
            if not each.is_confined_from(workspace):
                return each
        raise errors.WorkspaceNotFound.of(workspace.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownPerson:
    """What is known of a session, until when by time.monotonic; and the requests that its person may make."""

    until: float
    person: Person
    allowance: Allowance


class Sessions:
    """Checks sessions, and trusts those that were right for a moment, as Keys, which does it for those of keys."""

    def __init__(self, pool: Pool, keys: Keys, provider: "Provider | None") -> None:
        self.provider = provider
        """None: nobody signs in but with a key."""
        self._pool = pool
        self._keys = keys
        self._known: dict[bytes, _KnownPerson] = {}
        self._guesses = Guesses()

    def secret_of(self, request: Request) -> str | None:
        """The secret of the session that the request has a cookie of."""
        if "cookie" not in request.headers:
            return None
        return request.cookies.get(self._cookie(request)) or None

    def is_of_key(self, secret: str) -> bool:
        """Whether this is the secret of a key's session, and of no person's."""
        return secret.startswith((_OF_KEY, _OF_KEY_PLAIN))

    async def caller(self, secret: str, request: Request) -> Caller:
        """Whose key the session was opened with that has this secret, with one of its requests spent. Raises
        Unauthorized, RateLimited, DatabaseUnavailable."""
        self._refuse_plain(secret, request)
        return await self._keys.signed_in(digest_of(secret), request.scope)

    def _refuse_plain(self, secret: str, request: Request) -> None:
        if not secret.startswith(self._prefix(request)):
            raise errors.Unauthorized("you are signed out: a session that was opened over http is none over https")

    async def why_ended(self, secret: str) -> str:
        """Why who has this secret is signed out, as a sentence. Raises DatabaseUnavailable."""
        end = await people.end_of(InstanceView(self._pool), digest_of(secret))
        if end is None:
            return "You are signed out."
        return (
            f"You are signed out: {_REASONS[end.reason].format(end.public_id)}."
            if end.public_id
            else "Your session is over."
        )

    async def open(self, key: str, request: Request, lasts: timedelta) -> tuple[str, float]:
        """A session of who holds this key: its secret, and how many seconds it lasts. Raises Unauthorized, RateLimited,
        DatabaseUnavailable."""
        caller = await self._keys.authenticate(f"Bearer {key}", request.scope)
        secret = self._prefix(request) + secrets.token_urlsafe(_SECRET_BYTES)
        view = InstanceView(self._pool)
        seconds = await people.sign_in_with_key(view, digest_of(secret), key_id=caller.key_id, lasts=lasts)
        if seconds is None:
            raise errors.Unauthorized("the API key was revoked or has expired")
        return secret, seconds

    async def end(self, secret: str, host: str) -> None:
        """Sign out, in every process within 2 s; who has no request left may, too. Safe to repeat. Raises RateLimited
        for who sends many that are none, DatabaseUnavailable."""
        digest = digest_of(secret)
        with suppress(errors.Unauthorized), self.guessed(secret, host):
            if not await people.sign_out(InstanceView(self._pool), digest):
                raise errors.Unauthorized("there is no such session")
        self._known.pop(digest, None)
        self._keys.forget(digest)

    async def calling(self, secret: str, host: str, scope: Scope) -> Person:
        """Who is signed in with this cookie, which came from there, with one of its requests spent, as with keys.
        Raises Unauthorized, RateLimited, DatabaseUnavailable."""
        known, now = self._known.get(digest_of(secret)), time.monotonic()
        if known is None or now >= known.until or not known.allowance.spend(now):
            known = await self._admitted(secret, host, scope)
        stands(scope, known.allowance)
        return known.person

    async def _admitted(self, secret: str, host: str, scope: Scope) -> "_KnownPerson":
        while True:
            known, now = self._known.get(digest_of(secret)), time.monotonic()
            if known is None or now >= known.until or not known.allowance.is_used_up(now):
                known = await self._checked(secret, host)  # however late it comes, it is the answer
                now = time.monotonic()
            if known.allowance.spend(now):
                return known
            if known.allowance.is_used_up(now):
                raise rate_limited(_actor(known.person.subject, known.person.email), known.allowance, now, scope)
            # What was taken went to others who waited, or its minute has just ended.

    async def known(self, secret: str, request: Request) -> "Caller | Person":
        """Who is signed in with this secret, for a request that goes on: none is spent. Raises Unauthorized,
        RateLimited, DatabaseUnavailable."""
        if self.is_of_key(secret):
            self._refuse_plain(secret, request)
            return await self._keys.still_signed_in(digest_of(secret))
        known = self._known.get(digest_of(secret))
        if known is None or time.monotonic() >= known.until:
            known = await self._checked(secret, request.client.host if request.client is not None else "")
        return known.person

    async def _checked(self, secret: str, host: str) -> "_KnownPerson":
        """The session as the database has it now. Raises Unauthorized, RateLimited, DatabaseUnavailable."""
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
        """Around what finds out whether a session or a code is one: who sends what is none is slowed, as with keys.
        Raises RateLimited."""
        digest = digest_of(secret)
        guess = self._guesses.begin(host, digest.hex(), digest, time.monotonic())
        if isinstance(guess, float):
            seconds = math.ceil(guess)
            detail = f"too much came from this address that was no session, and no sign-in: wait {seconds} s"
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
        """Our own origin, as browsers name it: that of the provider's redirect URL, or the one that this request came
        to."""
        if self.provider is not None:
            return self.provider.origin
        return f"{request.scope['scheme']}://{request.headers.get('host', '')}"

    def require_own_origin(self, request: Request) -> None:
        """That a write with a cookie, or one that gives a cookie, comes from a page of ours: a browser says where from,
        and no page can change it. Raises Forbidden."""
        own, headers = self.origin_of(request), request.headers
        if headers.get("origin") != own or headers.get("sec-fetch-site") not in _OWN_SITE:
            raise errors.Forbidden(
                f"a write with a session has to come from {own}, as the header Origin says; scripts use a key. Behind "
                "a proxy with TLS: KRONOS_TRUSTED_PROXIES, and the proxy passes Host and X-Forwarded-Proto"
            )

    def give(self, response: Response, request: Request, secret: str, *, max_age: int) -> None:
        """Let the browser keep a session; `max_age` in seconds."""
        set_cookie(response, self._cookie(request), secret, max_age=max_age, is_secure=self.is_secure(request))

    def take(self, response: Response, request: Request) -> None:
        """Let the browser forget it."""
        self.give(response, request, "", max_age=0)

    def is_secure(self, request: Request) -> bool:
        """Whether the browser reaches us over https."""
        return self.origin_of(request).startswith("https:")

    def _cookie(self, request: Request) -> str:
        return SESSION_COOKIE if self.is_secure(request) else PLAIN_COOKIE

    def _prefix(self, request: Request) -> str:
        return _OF_KEY if self.is_secure(request) else _OF_KEY_PLAIN


def set_cookie(response: Response, name: str, value: str, *, max_age: int, is_secure: bool = True) -> None:
    """A cookie that no script reads; `max_age` in seconds, 0: it is to be forgotten."""
    # Lax, not Strict: who follows a link to an execution, or comes from the provider, is to have it with the first
    # page. It goes with no write of another site's, and those are refused by their origin besides.
    attributes = f"Path=/; Max-Age={max_age}; {'Secure; ' if is_secure else ''}HttpOnly; SameSite=Lax"
    response.headers.append("Set-Cookie", f"{name}={value}; {attributes}")


def digest_of(secret: str) -> bytes:
    """What a session is found by."""
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
    """As it stands in what somebody did."""
    return f"oidc:{email or subject}"
