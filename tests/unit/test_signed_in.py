"""People who signed in: which cookie they have, whose pages may use it, and what their groups let them do."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import Response

from kronos import errors, people
from kronos.api.auth import own_path
from kronos.api.keys import TRUSTED_SECONDS
from kronos.api.rates import RateStanding
from kronos.api.sessions import PLAIN_COOKIE, SESSION_COOKIE, Person, Sessions, digest_of
from kronos.model import Role
from kronos.people import SignIn, SignInEnd

ACME, BETA = UUID(int=1), UUID(int=2)
PROVIDER = SimpleNamespace(origin="https://kronos.example")


def request(*, scheme: str = "https", host: str = "kronos.example", cookie: str = "", **headers: str) -> Request:
    sent = {"host": host, **headers, **({"cookie": cookie} if cookie else {})}
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
    scope = {"type": "http", "method": "POST", "scheme": scheme, "path": "/", "headers": named, "client": ("h", 1)}
    return Request({**scope, "kronos.standing": RateStanding()})


def sessions(provider: Any = None, keys: Any = None) -> Sessions:
    return Sessions(cast(Any, None), keys, provider)


@pytest.mark.parametrize(
    ("scheme", "provider", "cookie", "secret"),
    [
        ("https", None, f"{SESSION_COOKIE}=a", "a"),
        ("https", None, f"x=1; {SESSION_COOKIE}=a; {PLAIN_COOKIE}=b", "a"),
        ("http", None, f"{SESSION_COOKIE}=a; {PLAIN_COOKIE}=b", "b"),
        ("http", PROVIDER, f"{SESSION_COOKIE}=a; {PLAIN_COOKIE}=b", "a"),
        ("https", None, f"{PLAIN_COOKIE}=b", None),
        ("http", None, f"{SESSION_COOKIE}=a", None),
        ("https", None, f"{SESSION_COOKIE}=", None),
        ("https", None, "", None),
    ],
)
def test_a_cookie_of_http_is_none_over_https(scheme: str, provider: Any, cookie: str, secret: str | None) -> None:
    """A provider's redirect URL says how browsers reach us, whatever a proxy in between speaks."""
    assert sessions(provider).secret_of(request(scheme=scheme, cookie=cookie)) == secret


@pytest.mark.parametrize(
    ("scheme", "cookie"),
    [
        ("https", f"{SESSION_COOKIE}=secret; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"),
        ("http", f"{PLAIN_COOKIE}=secret; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"),
    ],
)
def test_no_script_reads_a_cookie_and_over_https_it_stays_there(scheme: str, cookie: str) -> None:
    response = Response()
    sessions().give(response, request(scheme=scheme), "secret", max_age=60)
    sessions().take(response, request(scheme=scheme))
    given = [value.decode() for name, value in response.raw_headers if name == b"set-cookie"]
    assert given == [cookie, cookie.replace("=secret", "=").replace("Max-Age=60", "Max-Age=0")]


OWN = "https://kronos.example"


@pytest.mark.parametrize("site", ["same-origin", "none", None])
@pytest.mark.parametrize("provider", [None, PROVIDER])
def test_a_page_of_ours_may_write_with_the_cookie(site: str | None, provider: Any) -> None:
    more = {} if site is None else {"sec_fetch_site": site}
    sessions(provider).require_own_origin(request(origin=OWN, **more))


@pytest.mark.parametrize(
    ("scheme", "host", "headers"),
    [
        ("https", "kronos.example", {}),
        ("https", "kronos.example", {"origin": "null"}),
        ("https", "kronos.example", {"origin": "https://evil.example"}),
        ("https", "kronos.example", {"origin": "http://kronos.example"}),
        ("https", "kronos.example", {"origin": f"{OWN}:8443"}),
        ("http", "kronos.example", {"origin": OWN}),
        ("https", "other.example", {"origin": OWN}),
        ("https", "kronos.example", {"origin": OWN, "sec_fetch_site": "cross-site"}),
        ("https", "kronos.example", {"origin": OWN, "sec_fetch_site": "same-site"}),
        ("https", "kronos.example", {"sec_fetch_site": "same-origin"}),
    ],
)
def test_no_other_page_may(scheme: str, host: str, headers: dict[str, str]) -> None:
    with pytest.raises(errors.Forbidden) as caught:
        sessions().require_own_origin(request(scheme=scheme, host=host, **headers))
    assert f"must come from {scheme}://{host}, by its header Origin" in caught.value.detail


@pytest.mark.parametrize(
    "path", ["/", "/w", "/w/acme/jobs?status=ACTIVE&q=a%20b", "/a//b", "/w/a.b~c!$'()*+,;=:@", "/w#x", "/" + "x" * 999]
)
def test_who_signs_in_goes_back_to_a_page_of_ours(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None, "", "w", "//evil.example", "/\\evil.example", "/w\\x", "https://evil.example", "/\t/evil.example",
        "/w\n", "/w x", "/é", "/w\x7f", "/" + "x" * 1000, "javascript:alert(1)",
    ],
)  # fmt: skip
def test_no_browser_is_sent_anywhere_else(path: str | None) -> None:
    assert own_path(path) == "/w"


def grant(workspace: str, workspace_id: UUID, role: str, *, sees: bool = False) -> dict[str, object]:
    return {"workspace": workspace, "workspace_id": str(workspace_id), "role": role, "sees_payloads": sees}


async def signed_in(
    monkeypatch: pytest.MonkeyPatch, *grants: dict[str, object], email: str | None = "ada@example.com"
) -> Person:
    """The person whose groups have these roles."""

    async def find(view: object, digest: bytes, wanted: int) -> SignIn:
        return SignIn(
            sign_in_id=UUID(int=9), subject="ada", email=email, valid_seconds=100, grants=list(grants), quota=100,
            granted=10, left_over=0, window_at=datetime(2026, 1, 1, tzinfo=UTC), seconds=60,
        )  # fmt: skip

    monkeypatch.setattr(people, "find", find)
    return await sessions().calling("a", "127.0.0.1", request().scope)


async def test_of_several_roles_in_a_workspace_the_highest_counts_and_payloads_are_seen_with_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = await signed_in(
        monkeypatch,
        grant("beta", BETA, "viewer"),
        grant("acme", ACME, "operator", sees=True),
        grant("acme", ACME, "admin"),
        grant("acme", ACME, "viewer"),
        grant("gamma", UUID(int=3), "viewer"),
        grant("gamma", UUID(int=3), "viewer"),
    )
    found = [(each.workspace, each.role, each.sees_payloads) for each in person.callers]
    assert found == [
        ("acme", Role.ADMIN, True), ("beta", Role.VIEWER, False), ("gamma", Role.VIEWER, False),
    ]  # fmt: skip
    assert {each.actor for each in person.callers} == {"oidc:ada@example.com"}
    assert {each.key_id for each in person.callers} == {UUID(int=9)}
    assert (await signed_in(monkeypatch, grant("acme", ACME, "viewer"), email=None)).callers[0].actor == "oidc:ada"


async def test_a_person_calls_a_workspace_by_slug_or_id_and_sees_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    person = await signed_in(monkeypatch, grant("acme", ACME, "viewer"), grant("beta", BETA, "operator"))
    for named in ("acme", str(ACME), str(ACME).upper()):
        assert person.calls(named).workspace_id == ACME
    assert person.calls("beta").role == Role.OPERATOR
    for named in ("other", str(UUID(int=3))):
        with pytest.raises(errors.WorkspaceNotFound, match=f"no workspace '{named}'"):
            person.calls(named)


async def test_outside_a_workspace_the_highest_role_of_all_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    person = await signed_in(monkeypatch, grant("acme", ACME, "viewer"), grant("beta", BETA, "operator"))
    assert person.calls(None).role == person.calls("not a name!").role == Role.OPERATOR
    nobody = await signed_in(monkeypatch)
    with pytest.raises(errors.Forbidden, match="none of your groups has a role in this instance"):
        nobody.calls(None)
    with pytest.raises(errors.WorkspaceNotFound):
        nobody.calls("acme")


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (None, "You are signed out."),
        (SignInEnd(public_id="k1", reason="revoked"), "You are signed out: the key k1 was revoked."),
        (SignInEnd(public_id="k1", reason="expired"), "You are signed out: the key k1 has expired or was replaced."),
        (SignInEnd(public_id="k1", reason="deleted"), "You are signed out: the workspace of the key k1 was deleted."),
        (SignInEnd(public_id="k1", reason="over"), "You are signed out: your session with the key k1 has ended."),
        (SignInEnd(public_id=None, reason="over"), "Your session has ended."),
    ],
)
async def test_who_is_signed_out_is_told_why(monkeypatch: pytest.MonkeyPatch, end: SignInEnd | None, said: str) -> None:
    async def end_of(view: object, digest: bytes) -> SignInEnd | None:
        assert digest == digest_of("secret")
        return end

    monkeypatch.setattr(people, "end_of", end_of)
    assert await sessions().why_ended("secret") == said


@pytest.mark.parametrize(
    ("secret", "is_of_key", "over_https", "over_http"),
    [("key.abc", True, True, False), ("http-key.abc", True, False, True), ("abc", False, False, False)],
)
async def test_a_session_of_a_key_counts_only_over_what_it_was_opened(
    secret: str, is_of_key: bool, over_https: bool, over_http: bool
) -> None:
    class Known:
        async def signed_in(self, digest: bytes, scope: object) -> str:
            assert digest == digest_of(secret)
            return "its caller"

        async def still_signed_in(self, digest: bytes) -> str:
            return await self.signed_in(digest, None)

    held = sessions(keys=Known())
    assert held.is_of_key(secret) is is_of_key
    for scheme, counts in (("https", over_https), ("http", over_http)):
        if counts:
            found: object = await held.caller(secret, request(scheme=scheme))
            assert found == "its caller"
            again: object = await held.known(secret, request(scheme=scheme))
            assert again == "its caller"
        else:
            with pytest.raises(errors.Unauthorized, match="a session opened over http is not valid over https"):
                await held.caller(secret, request(scheme=scheme))


async def test_a_session_is_opened_for_as_long_as_its_key_works(monkeypatch: pytest.MonkeyPatch) -> None:
    class Known:
        async def authenticate(self, authorization: str, scope: object) -> object:
            assert authorization == "Bearer kr_live_x"
            return SimpleNamespace(key_id=UUID(int=5))

    lasts: float | None = 7.5
    stored: list[bytes] = []

    async def sign_in_with_key(view: object, digest: bytes, **asked: object) -> float | None:
        assert asked == {"key_id": UUID(int=5), "lasts": 60}
        stored.append(digest)
        return lasts

    monkeypatch.setattr(people, "sign_in_with_key", sign_in_with_key)
    held = sessions(keys=Known())
    for scheme, prefix in (("https", "key."), ("http", "http-key.")):
        secret, seconds = await held.open("kr_live_x", request(scheme=scheme), cast(Any, 60))
        assert (secret.startswith(prefix), seconds, digest_of(secret)) == (True, 7.5, stored[-1])
        assert len(secret) > 40
    lasts = None
    with pytest.raises(errors.Unauthorized, match="the API key was revoked or has expired"):
        await held.open("kr_live_x", request(), cast(Any, 60))


async def test_signing_out_is_safe_to_repeat_and_guesses_are_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[bytes] = []
    held = sessions(keys=SimpleNamespace(forget=forgotten.append))
    was_open = True

    async def sign_out(view: object, digest: bytes) -> bool:
        return was_open

    monkeypatch.setattr(people, "sign_out", sign_out)
    await held.end("a", "192.0.2.1")
    was_open = False
    await held.end("a", "192.0.2.1")
    assert forgotten == [digest_of("a")] * 2
    for number in range(19):
        await held.end(f"guess {number}", "192.0.2.1")
    with pytest.raises(errors.RateLimited) as caught:
        await held.end("another guess", "192.0.2.1")
    assert caught.value.detail == (
        f"too many invalid sessions or sign-ins from this address; retry in {caught.value.retry_after_seconds} s"
    )
    await held.end("from elsewhere", "192.0.2.2")


class Asked:
    """The database of sessions, at a time that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, valid_seconds: float = 100.0) -> None:
        self.now, self.times, self.is_open = 1000.0, 0, True
        self._valid_seconds = valid_seconds
        monkeypatch.setattr("kronos.api.sessions.time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(people, "find", self._find)
        self.sessions = sessions()

    async def _find(self, view: object, digest: bytes, wanted: int) -> SignIn | None:
        self.times += 1
        return None if not self.is_open else SignIn(
            sign_in_id=UUID(int=9), subject="ada", email=None, valid_seconds=self._valid_seconds,
            grants=[grant("acme", ACME, "viewer")], quota=100, granted=2, left_over=0,
            window_at=datetime(2026, 1, 1, tzinfo=UTC), seconds=60,
        )  # fmt: skip

    async def calls(self, secret: str = "a") -> str:
        return (await self.sessions.calling(secret, "192.0.2.1", request().scope)).subject


async def test_a_session_is_trusted_for_a_moment_and_then_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    assert (await asked.calls(), await asked.calls(), asked.times) == ("ada", "ada", 1)
    assert (await asked.calls(), asked.times) == ("ada", 2), "what was granted is spent"
    asked.now += TRUSTED_SECONDS - 0.1
    assert (await asked.calls(), asked.times) == ("ada", 2)
    asked.now += 0.1
    asked.is_open = False
    with pytest.raises(errors.Unauthorized, match="you are signed out: sign in again"):
        await asked.calls()
    asked.is_open = True
    assert (await asked.calls(), asked.times) == ("ada", 4)


async def test_a_session_is_not_trusted_for_longer_than_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, valid_seconds=0.5)
    assert (await asked.calls(), asked.times) == ("ada", 1)
    asked.now += 0.5
    assert (await asked.calls(), asked.times) == ("ada", 2)


async def test_a_request_in_progress_is_checked_like_a_new_one_and_spends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked(monkeypatch)

    async def known() -> str:
        found = await asked.sessions.known("a", request())
        assert isinstance(found, Person)
        return found.subject

    assert [await known() for _ in range(9)] == ["ada"] * 9
    assert (await asked.calls(), asked.times) == ("ada", 1)
    asked.now += TRUSTED_SECONDS
    asked.is_open = False
    with pytest.raises(errors.Unauthorized):
        await known()


async def test_who_signs_out_is_signed_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    asked.sessions = sessions(keys=SimpleNamespace(forget=lambda digest: None))

    async def sign_out(view: object, digest: bytes) -> bool:
        asked.is_open = False
        return True

    monkeypatch.setattr(people, "sign_out", sign_out)
    await asked.calls()
    await asked.sessions.end("a", "192.0.2.1")
    with pytest.raises(errors.Unauthorized):
        await asked.calls()
