"""The identity provider (OpenID Connect 1.0): authorization code flow with PKCE, state and nonce.

A sign-in makes up to three requests to it: its configuration (cached for ten minutes), the exchange of a code, its
keys. Other callers never wait for them. Authlib validates the claims and builds the requests; joserfc verifies
signatures.
"""

import asyncio
import base64
import contextlib
import re
import time
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from kronos import errors
from kronos.api.identity import Identity, SignInAttempt
from kronos.api.provider_calls import NoAnswer, ask
from kronos.config import Settings
from kronos.delivery.headers import USER_AGENT
from kronos.lines import Log
from kronos.model import JsonObject

_log = Log("kronos.api")
_KEPT_SECONDS = 600.0
_FAILED_SECONDS = 2.0
# Only signatures by the provider's keys: with HS256 the client secret could forge tokens, and with none anyone could.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_MOST_GROUPS = 500
_MOST_CHARACTERS = 255
_URL = re.compile("[!-~]+")  # without spaces, controls and characters that a header cannot hold
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Provider:
    """An identity provider, with this instance as its client."""

    def __init__(self, settings: Settings, *, issuer: str, client_id: str, redirect_url: str, secret: str) -> None:
        self.redirect_url = redirect_url
        parts = urlsplit(redirect_url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        """The origin that browsers send with writes."""
        self._settings = settings
        self._issuer = issuer
        self._client_id = client_id
        self._secret = secret
        self._configuration: tuple[float, JsonObject | errors.ProviderUnavailable] | None = None
        self._reading = asyncio.Lock()

    @classmethod
    def of(cls, settings: Settings) -> "Provider":
        """Return the provider in the settings. Raises ValueError if they are incomplete."""
        if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.oidc_redirect_url is None:
            raise ValueError("KRONOS_OIDC_ISSUER also needs KRONOS_OIDC_CLIENT_ID and KRONOS_OIDC_REDIRECT_URL")
        for name, url in (("ISSUER", settings.oidc_issuer), ("REDIRECT_URL", settings.oidc_redirect_url)):
            if not _is_safe(url):
                raise ValueError(f"KRONOS_OIDC_{name} must be an https URL: http can be read in transit")
        file = settings.oidc_client_secret_file
        try:
            secret = "" if file is None else file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"KRONOS_OIDC_CLIENT_SECRET_FILE: {file} cannot be read") from error
        return cls(
            settings,
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            redirect_url=settings.oidc_redirect_url,
            secret=secret,
        )

    async def sign_in_url(self, attempt: SignInAttempt) -> str:
        """Return the URL to send a browser to. Raises ProviderUnavailable."""
        configuration = await self._configured()
        url: str = prepare_grant_uri(
            configuration["authorization_endpoint"],
            client_id=self._client_id,
            response_type="code",
            redirect_uri=self.redirect_url,
            scope=self._settings.oidc_scopes,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),  # type: ignore[no-untyped-call]  # untyped in its stubs
            code_challenge_method="S256",
        )
        return url

    async def identity(self, code: str, attempt: SignInAttempt, *, issuer: str | None) -> Identity:
        """Return the identity of the person who came back with this code. `issuer`: as named in the response (RFC
        9207). Raises ProviderUnavailable, Forbidden."""
        if issuer is not None and issuer != self._issuer:
            raise errors.Forbidden("the response is from another identity provider")
        configuration = await self._configured()
        body: str = prepare_token_request(
            "authorization_code",
            redirect_uri=self.redirect_url,
            code=code,
            code_verifier=attempt.verifier,
            client_id=self._client_id,
        )
        tokens = await self._asked("POST", configuration["token_endpoint"], body)
        keys = await self._asked("GET", configuration["jwks_uri"])
        return self._judged(tokens, keys, attempt)

    def _judged(self, tokens: JsonObject, keys: JsonObject, attempt: SignInAttempt) -> Identity:
        """Return the identity in a valid ID token. Raises Forbidden."""
        options = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        try:
            token = jwt.decode(tokens["id_token"], KeySet(_understood(keys)), algorithms=_ALGORITHMS)
            params = {
                "nonce": attempt.nonce,
                "client_id": self._client_id,
                "access_token": tokens.get("access_token"),
            }
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(leeway=60)
        except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
            _log.warning("sign_in.refused", "an ID token of %s was rejected: %s", self._issuer, type(error).__name__)
            raise errors.Forbidden("the identity provider's ID token is not valid") from None
        except Exception as error:
            if not type(error).__module__.startswith("authlib."):
                raise
            _log.warning("sign_in.refused", "an ID token of %s was rejected: %s", self._issuer, error)
            raise errors.Forbidden("the identity provider's ID token is not valid") from None
        if (subject := _text(claims["sub"])) is None:
            _log.warning("sign_in.refused", "an ID token of %s was rejected: its subject is not valid", self._issuer)
            raise errors.Forbidden("the identity provider's ID token is not valid")
        return Identity(
            subject=subject,
            # An unverified email may be another person's.
            email=None if claims.get("email_verified") is False else _text(claims.get("email")),
            groups=self._groups(claims.get(self._settings.oidc_groups_claim)),
        )

    def _groups(self, claim: object) -> list[str]:
        named = [claim] if isinstance(claim, str) else claim
        if not isinstance(named, list):
            return []
        groups = [each for each in named if isinstance(each, str) and _is_storable(each)]
        return groups[:_MOST_GROUPS]

    async def _configured(self) -> JsonObject:
        """Return the provider's configuration. Raises ProviderUnavailable."""
        async with self._reading:  # one request for all waiting callers
            now = time.monotonic()
            if self._configuration is None or now >= self._configuration[0]:
                try:
                    found = await self._read_configuration()
                    self._configuration = now + _KEPT_SECONDS, found
                except errors.ProviderUnavailable as error:
                    self._configuration = now + _FAILED_SECONDS, error.with_traceback(None)
            known = self._configuration[1]
        if isinstance(known, errors.ProviderUnavailable):
            raise errors.ProviderUnavailable(known.detail)
        return known

    async def _read_configuration(self) -> JsonObject:
        found = await self._asked("GET", get_well_known_url(self._issuer, external=True))
        endpoints = [found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if found.get("issuer") != self._issuer or not all(
            isinstance(each, str) and _is_safe(each) for each in endpoints
        ):
            raise self._unavailable("its configuration is not valid for this issuer")
        return found

    async def _asked(self, method: str, url: str, body: str | None = None) -> JsonObject:
        """Return the provider's response. Raises ProviderUnavailable; Forbidden if it rejects the code."""
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            if self._secret:  # RFC 6749 2.3.1
                pair = f"{quote(self._client_id, safe='')}:{quote(self._secret, safe='')}"
                headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            answer = await ask(method, url, headers=headers, body=(body or "").encode())
        except NoAnswer as error:
            raise self._unavailable(str(error)) from None
        if method == "POST" and answer.status in (400, 401, 403):
            _log.warning("sign_in.refused", "%s rejected a code: %s", self._issuer, answer.status)
            raise errors.Forbidden("the identity provider rejected this sign-in: start again at /auth/login")
        if answer.status != 200:
            raise self._unavailable(f"it answered {answer.status}")
        try:
            document: Any = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise self._unavailable("its answer is not JSON") from None
        if not isinstance(document, dict):
            raise self._unavailable("its answer is not a JSON object")
        return document

    def _unavailable(self, why: str) -> errors.ProviderUnavailable:
        _log.warning("provider.away", "the identity provider %s: %s", self._issuer, why)
        return errors.ProviderUnavailable(f"signing in is not possible now: identity provider unavailable: {why}")


def _is_safe(url: str) -> bool:
    """Return whether it is a URL (RFC 3986), and cannot be read in transit."""
    try:
        parts = urlsplit(url)
        is_url = bool(parts.hostname) and (parts.port or 443) > 0 and _URL.fullmatch(url) is not None
    except ValueError:
        return False
    is_local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    return is_url and (parts.scheme == "https" or is_local)


def _understood(found: JsonObject) -> list[Key]:
    """Return the keys of a set, without those of unknown kinds (RFC 7517, 5)."""
    given = found.get("keys")
    keys: list[Key] = []
    for each in given if isinstance(given, list) else ():
        with contextlib.suppress(JoseError, ValueError, KeyError, TypeError):
            keys.append(JWKRegistry.import_key(each))
    return keys


def _is_storable(text: str) -> bool:
    return 0 < len(text) <= _MOST_CHARACTERS and not _UNSTORABLE.search(text)


def _text(value: object) -> str | None:
    """Return a name for rows, logs and the audit: one printable line; None for anything else."""
    return value if isinstance(value, str) and _is_storable(value) and value.isprintable() else None
