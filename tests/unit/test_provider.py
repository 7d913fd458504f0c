"""Strange answers of an identity provider: odd tokens, odd keys, answers in many pieces or without end."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from kronos import config, errors
from kronos.api.identity import Identity, SignInAttempt
from kronos.api.provider import Provider
from served import served
from told import told

_KEY = ECKey.generate_key("P-256", {"kid": "a"})
_PUBLIC = _KEY.as_dict(private=False)
_SECRET = "client-secret-canary-client-secret-canary"
_CODE = "code-canary"
_ATTEMPT = SignInAttempt(state="state-canary", nonce="nonce-canary", verifier="verifier-canary")
_ADA = Identity(subject="ada", email="ada@example.com", groups=["ops"])
_ES256 = {"alg": "ES256", "kid": "a"}
Tokens = Callable[[str], dict[str, Any]]


def claims(issuer: str, **changed: Any) -> bytes:
    """The claims of an ID token, with changes; ... removes a claim."""
    now = int(time.time())
    who = {"iss": issuer, "aud": "kronos", "sub": "ada", "email": "ada@example.com", "groups": ["ops"]}
    all_of_them = who | {"exp": now + 600, "iat": now, "nonce": _ATTEMPT.nonce} | changed
    return json.dumps({name: each for name, each in all_of_them.items() if each is not ...}).encode()


def tokens(*, key: Any = _KEY, header: dict[str, str] = _ES256, payload: bytes | None = None, **changed: Any) -> Tokens:
    """The answer to the exchange of a code, once the issuer is known."""

    def made(issuer: str) -> dict[str, Any]:
        text = payload or claims(issuer, **changed)
        return {"id_token": jws.serialize_compact(header, text, key, algorithms=[header["alg"]])}

    return made


def identity(
    given: Tokens,
    keys: object = None,
    *,
    configuration: dict[str, object] | None = None,
    heads: list[str] | None = None,
    **settings: object,
) -> Identity:
    """The identity that a provider with these answers reports, over a real connection. `configuration`: what differs in
    it; `heads`: gets the requests."""
    answers: dict[str, object] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if heads is not None:
            heads.append(head)
        lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        body = json.dumps(answers[head.split()[1]]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
        writer.close()

    async def ask() -> Identity:
        server = await asyncio.start_server(served(serve), "127.0.0.1", 0)
        async with server:
            issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            answers["/token"], answers["/keys"] = given(issuer), keys or {"keys": [_PUBLIC]}
            answers["/.well-known/openid-configuration"] = {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/sign-in",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys",
            } | (configuration or {})
            asked = config.load(database_url="postgresql://", **settings)
            back = "https://kronos.example/auth/callback"
            provider = Provider(asked, issuer=issuer, client_id="kronos", redirect_url=back, secret=_SECRET)
            sent = dict(parse_qsl(urlsplit(await provider.sign_in_url(_ATTEMPT)).query))
            assert sent["scope"] == settings.get("oidc_scopes", "openid profile email")
            return await provider.identity(_CODE, _ATTEMPT, issuer=None)

    return asyncio.run(ask())


def test_an_answer_is_read_to_its_end_in_however_many_pieces_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    assert identity(tokens()) == _ADA
    assert identity(tokens(), {"keys": [_PUBLIC], "more": "x" * 900_000}) == _ADA  # more than a socket's buffers hold
    with pytest.raises(errors.ProviderUnavailable, match="its response has more than 1048576 bytes"):
        identity(tokens(), {"keys": [_PUBLIC], "more": "x" * 3_000_000})
    line = told(caplog, "provider.away")
    assert (line["level"], line["message"].endswith("its response has more than 1048576 bytes")) == ("WARNING", True)


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _answer_of(begin: bytes, again: bytes) -> tuple[str, int]:
    """What is said of a provider whose every answer begins so and goes on without end, and how many bytes it sent."""
    sent: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        with suppress(ConnectionError):
            while again and sum(sent) < 64 * 1024 * 1024:
                writer.write(again)
                sent.append(len(again))
                await writer.drain()
        writer.close()

    async def ask() -> str:
        server = await asyncio.start_server(served(serve), "127.0.0.1", 0)
        async with server:
            issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            back = "https://kronos.example/auth/callback"
            asked = config.load(database_url="postgresql://")
            provider = Provider(asked, issuer=issuer, client_id="kronos", redirect_url=back, secret=_SECRET)
            with pytest.raises(errors.ProviderUnavailable) as refused:
                await provider.sign_in_url(_ATTEMPT)
            return str(refused.value).rpartition("unavailable: ")[2]

    return asyncio.run(ask()), sum(sent)


@pytest.mark.parametrize(
    ("begin", "again", "why"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, "it cannot be reached (NotHttp)"),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n" * 1000, "it cannot be reached (NotHttp)"),
        (b"HTTP/1.1 200 ", b"O" * 10_000, "it cannot be reached (NotHttp)"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" " * 10_000, "its response has more than 1048576 bytes"),
        (_CHUNKED, b"1\r\na\r\n" * 1000, "its response is incomplete"),
        (_CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-A: a\r\n" * 1000, "its response is incomplete"),
        (_CHUNKED + b"1;", b"a" * 10_000, "its response is incomplete"),
    ],
)
def test_an_answer_without_end_is_given_up_as_soon_as_it_is_too_long(begin: bytes, again: bytes, why: str) -> None:
    said, sent = _answer_of(begin, again)
    assert said == why
    assert sent < 32 * 1024 * 1024  # it was closed; the system's buffers hold some


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "it cannot be reached (ConnectionResetError)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "its response is incomplete"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n{}", "its response is compressed, which was not asked for"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n{}", "it answered 302"),
        (b"HTTP/1.1 200 OK\r\n\r\n{", "its answer is not JSON"),
        (b"HTTP/1.1 200 OK\r\n\r\n[]", "its answer is not a JSON object"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>no upstream</html>", "it answered 502"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "it cannot be reached (NotHttp)"),
    ],
)
def test_a_response_that_cannot_be_used_is_reported_with_the_reason(answer: bytes, why: str) -> None:
    assert _answer_of(answer, b"")[0] == why


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("url", ["https://[", "https://a:b/", "https://ü.example/", "https://a/\r\nb", "https:///", 7])
def test_a_configuration_whose_urls_are_none_is_not_used(name: str, url: object) -> None:
    """Some of them raised ValueError, others could not be sent to a browser: 500 instead of 503."""
    with pytest.raises(errors.ProviderUnavailable, match="its configuration is not valid for this issuer"):
        identity(tokens(), configuration={name: url})


def test_it_is_told_who_asks() -> None:
    """Firewalls in front of providers refuse requests without a User-Agent."""
    heads: list[str] = []
    assert identity(tokens(), heads=heads) == _ADA
    assert len(heads) == 3
    assert all("\r\nUser-Agent: kronos/" in each for each in heads)


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "z", "pub": "AA"},
        {"kty": "OKP", "crv": "of tomorrow", "x": "AA", "kid": "z"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "z"},
        {"kty": ["EC"]},
        "EC",
        None,
    ],
)
def test_a_key_of_a_kind_that_is_not_known_leaves_the_others_good(other: object) -> None:
    assert identity(tokens(), {"keys": [other, _PUBLIC]}) == _ADA


_REFUSED: dict[str, Tokens] = {
    "another's key": tokens(key=ECKey.generate_key("P-256", {"kid": "a"})),
    "the client's secret as the key": tokens(key=OctKey.import_key(_SECRET), header={"alg": "HS256", "kid": "a"}),
    "the public key as the secret": tokens(key=OctKey.import_key(json.dumps(_PUBLIC)), header={"alg": "HS256"}),
    "no signature": lambda issuer: {"id_token": tokens()(issuer)["id_token"].rpartition(".")[0] + "."},
    "no token": lambda issuer: {"access_token": "x"},
    "a token that is none": lambda issuer: {"id_token": 5},
    "claims that are none": tokens(payload=b"[1]"),
    "claims without end": tokens(payload=b"[" * 100_000),
    "expired": tokens(exp=1),
    "never expires": tokens(exp=...),
    "expires at no time": tokens(exp=float("nan")),
    "of the future": lambda issuer: tokens(iat=int(time.time()) + 3600)(issuer),  # of when it is asked for
    "for another": tokens(aud="another"),
    "for another too": tokens(aud=["another", "kronos"]),
    "asked for by another": tokens(azp="another"),
    "of another": tokens(iss="https://id.example"),
    "another sign-in's": tokens(nonce="another"),
    "no sign-in's": tokens(nonce=...),
    "nobody": tokens(sub=""),
    "a number": tokens(sub=7),
    "what cannot be stored": tokens(sub="a\0"),
    "half a character": tokens(sub="\ud800"),
    "two lines": tokens(sub="ada\nroot"),
    "a long name": tokens(sub="a" * 256),
}


@pytest.mark.parametrize("case", _REFUSED)
def test_a_token_that_does_not_hold_is_refused_and_nothing_secret_is_said(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(errors.Forbidden) as refused:
        identity(_REFUSED[case])
    assert refused.value.detail == "the identity provider's ID token is not valid"
    line = told(caplog, "sign_in.refused")
    assert (line["level"], line["message"].startswith("an ID token of http://127.0.0.1:")) == ("WARNING", True)
    assert "canary" not in caplog.text + str(refused.value)


def test_scopes_and_the_claim_of_groups_are_as_set() -> None:
    """Some providers send groups only for a scope, or in another claim."""
    given: dict[str, Any] = {"groups": ["not these"], "roles": ["ops"], "https://acme.example/groups": ["others"]}
    made = tokens(**given)
    assert identity(made, oidc_scopes="openid groups", oidc_groups_claim="roles").groups == ["ops"]
    assert identity(made, oidc_groups_claim="https://acme.example/groups").groups == ["others"]
    assert identity(made, oidc_groups_claim="absent").groups == []


@pytest.mark.parametrize(
    ("given", "groups"),
    [
        ("ops", ["ops"]),
        (["ops", "o\0ps", "\ud800", "", "x" * 256, 7, None, True, ["ops"], {"ops": 1}], ["ops"]),
        ({"ops": True}, []),
        (7, []),
        (None, []),
        ([f"g{number}" for number in range(5000)], [f"g{number}" for number in range(500)]),
    ],
)
def test_groups_are_texts_that_can_be_stored(given: object, groups: list[str]) -> None:
    assert identity(tokens(groups=given)).groups == groups


@pytest.mark.parametrize(
    "given",
    [{"email": "boss@example.com", "email_verified": False}, {"email": "a\r\nroot"}, {"email": ["a"]}, {"email": ""}],
)
def test_an_email_that_the_provider_does_not_vouch_for_names_nobody(given: dict[str, Any]) -> None:
    assert identity(tokens(**given)) == Identity(subject="ada", email=None, groups=["ops"])
