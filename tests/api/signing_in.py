"""A browser that signs in at an identity provider, an API whose people do, and the proof of RFC 7636 in front of it."""

import base64
import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import psycopg

from conftest import PLAIN, Api, running_api

SECRET = "correct-horse-battery-staple"
REDIRECT = "https://kronos.example/auth/callback"
ORIGIN = "https://kronos.example"


@dataclass
class Pkce:
    """A WSGI application in front of the provider's. It stores the challenge of each code and checks the proof when the
    code is exchanged.
    """

    provider: Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
    refused: list[str] = field(default_factory=list)
    challenges: dict[str, str] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked = dict(parse_qsl(environ["QUERY_STRING"]))
        if environ["PATH_INFO"] == "/oauth2/token":
            length = int(environ["CONTENT_LENGTH"])
            body = environ["wsgi.input"].read(length)
            environ["wsgi.input"] = __import__("io").BytesIO(body)
            given = dict(parse_qsl(body.decode()))
            proof = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=")
            if self.challenges.pop(given["code"], None) != proof.decode():
                self.refused.append(given["code"])
                start("400 Bad Request", [("Content-Type", "application/json")])
                return [b'{"error": "invalid_grant"}']

        def noting(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            location = dict(headers).get("Location", "")
            if code := parse_qs(urlsplit(location).query).get("code"):
                assert asked["code_challenge_method"] == "S256"
                self.challenges[code[0]] = asked["code_challenge"]
            return start(status, headers, *more)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(self.provider(environ, noting))


@contextmanager
def signing_in(issuer: str, url: str, directory: Path, **more: object) -> Iterator[Api]:
    """An API whose users sign in at the provider, with `more` settings."""
    secret = directory / "client.secret"
    secret.write_text(SECRET + "\n")
    directory.joinpath("api").mkdir(exist_ok=True)
    with running_api(
        url,
        directory / "api",
        oidc_issuer=issuer,
        oidc_client_id="kronos",
        oidc_client_secret_file=secret,
        oidc_redirect_url=REDIRECT,
        **more,
    ) as api:
        yield api


@dataclass
class Browser:
    """A browser, as far as Kronos relies on one: it stores cookies and sends them back, and names the origin of a
    write.
    """

    api: httpx.Client
    cookies: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, set[str]] = field(default_factory=dict)

    def request(self, method: str, path: str, *, origin: str | None = ORIGIN, **more: Any) -> httpx.Response:
        headers = {"Authorization": None, "Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items())}
        if method not in ("GET", "HEAD") and origin is not None:
            headers["Origin"] = origin
        request = self.api.build_request(method, path, **more)
        del request.headers["authorization"]
        request.headers.update({name: each for name, each in headers.items() if each is not None})
        answer = self.api.send(request)
        self.api.cookies.clear()  # this browser stores its own cookies; the client is shared
        for line in answer.headers.get_list("set-cookie"):
            pair, *attributes = line.split("; ")
            name, _, given = pair.partition("=")
            self.attributes[name] = set(attributes)
            self.cookies[name] = given
            if "Max-Age=0" in attributes:
                del self.cookies[name]
        return answer

    def go(self, path: str = "/auth/login") -> dict[str, str]:
        """Go to the provider. Return the parameters of the request to it."""
        sent = self.request("GET", path)
        assert sent.status_code == 303, sent.text
        self.url = sent.headers["location"]
        return dict(parse_qsl(urlsplit(self.url).query))

    def come_back(self, who: str, **changed: str) -> httpx.Response:
        """Enter a name at the provider, and return with its answer."""
        told = httpx.post(self.url, data={"sub": who}, verify=PLAIN, timeout=60)
        assert told.status_code == 302, told.text
        back = urlsplit(told.headers["location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == REDIRECT
        return self.request("GET", "/auth/callback?" + urlencode(dict(parse_qsl(back.query)) | changed))

    def sign_in(self, who: str) -> httpx.Response:
        self.go()
        return self.come_back(who)


def map_group(client: httpx.Client, workspace: str, group: str, role: str) -> str:
    made = client.post(f"/v1/workspaces/{workspace}/role-mappings", json={"group": group, "role": role})
    assert made.status_code == 201, made.text
    return str(made.json()["mapping_id"])


def session_lengths(database_url: str) -> list[int]:
    """How long each session lasts, in seconds, as its row says."""
    lengths = "select extract(epoch from expires_at - created_at)::int from kronos.sign_ins"
    with psycopg.connect(database_url) as superuser:
        return [length for (length,) in superuser.execute(lengths)]
