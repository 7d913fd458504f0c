"""The API as the command line speaks to it: where it is, with which key, and its errors as sentences."""

import http.client
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlencode, urlsplit

import click
import orjson

from kronos.cli import environment
from kronos.embedded import running
from kronos.model import Json, JsonObject

_TIMEOUT_SECONDS = 30
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_COPIED_BYTES = 64 * 1024
_MAX_LINE_BYTES = 1024 * 1024
_NO_ADDRESS = "no API is known: pass --url, set KRONOS_URL, or start one with `kronos up`"
_NO_KEY = "no key is known: pass --key-file, or set KRONOS_API_KEY"
_MORE_THAN_AN_ADDRESS = (
    "what was given as the address of an API holds more than that: write it like http://127.0.0.1:8080, and "
    "the key into a --key-file"
)
# What a terminal takes for a command, and what turns the order of the text after it.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class LostError(click.ClickException):
    """The API cannot be reached now, or has no room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of a stream. Without data it only says where the listener is (`id`)."""

    type: str
    data: JsonObject | None
    id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An API and a key to it."""

    url: str
    key: str

    def call(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Mapping[str, str | None] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        fields: Collection[str] = (),
    ) -> Json:
        """The answer to one request, with these `fields`; None where it has no body.

        Raises ClickException: the API's own words, or that it is none of ours.
        """
        parts = urlsplit(self.url)
        target = "/".join([parts.path.rstrip("/"), *(quote(part, safe="") for part in path)])
        given = {name: value for name, value in (query or {}).items() if value is not None}
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
        sent = {"Authorization": f"Bearer {self.key}", "Accept": "application/json", **(headers or {})}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, f"{target}?{urlencode(given)}" if given else target, body=content, headers=sent)
            response = connection.getresponse()
            answer = response.read(_MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise LostError(f"{self.url} cannot be reached: {error or type(error).__name__}") from None
        finally:
            connection.close()
        document = {} if response.status == 204 else _read(self.url, response.status, answer)
        if missing := [field for field in fields if field not in document]:
            raise self.foreign(f"has no {', '.join(missing)}")
        return document or None

    def copy(self, to: BinaryIO, path: Sequence[str], *, query: Mapping[str, str | None]) -> None:
        """Writes the answer to a GET as it comes. Raises ClickException where it is none, or ends before its end."""
        parts = urlsplit(self.url)
        target = "/".join([parts.path.rstrip("/"), *(quote(part, safe="") for part in path)])
        given = {name: value for name, value in query.items() if value is not None}
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", f"{target}?{urlencode(given)}", headers={"Authorization": f"Bearer {self.key}"})
            response = connection.getresponse()
            if response.status != 200:
                _read(self.url, response.status, response.read(_MAX_ANSWER_BYTES))
                raise self.foreign(f"has status {response.status}")
            while some := response.read(_COPIED_BYTES):
                to.write(some)
            to.flush()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise click.ClickException(f"{self.url} cannot be reached: {error or type(error).__name__}") from None
        finally:
            connection.close()

    def listen(self, path: Sequence[str], *, query: Mapping[str, str | None], after: str | None) -> Iterator[Told]:
        """The events of a stream, until it ends. Raises LostError where another try may do, ClickException where the
        API refuses."""
        parts = urlsplit(self.url)
        target = "/".join([parts.path.rstrip("/"), *(quote(part, safe="") for part in path)])
        given = {name: value for name, value in query.items() if value is not None}
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
        sent = {"Authorization": f"Bearer {self.key}"} | ({} if after is None else {"Last-Event-ID": after})
        try:
            connection.request("GET", f"{target}?{urlencode(given)}", headers=sent)
            response = connection.getresponse()
            if response.status != 200:
                answer = response.read(_MAX_ANSWER_BYTES)
                if response.status in (429, 500, 502, 503, 504):
                    raise LostError(f"{self.url} answered {response.status}")
                _read(self.url, response.status, answer)
                raise self.foreign(f"has status {response.status}")
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise self.foreign("is no stream of events")
            yield from _told(response)
        except orjson.JSONDecodeError:
            raise self.foreign("has an event that is no JSON") from None
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise LostError(f"{self.url} cannot be reached: {error or type(error).__name__}") from None
        finally:
            connection.close()

    def foreign(self, what: str) -> click.ClickException:
        """An answer that is none of Kronos's."""
        return click.ClickException(f"the answer of {self.url} {what}: is it Kronos, and of this release?")


def _told(response: http.client.HTTPResponse) -> Iterator[Told]:
    """Events as they come (HTML, 9.2). Raises OSError, HTTPException."""
    fields: dict[str, str] = {}
    while line := response.readline(_MAX_LINE_BYTES):
        name, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif line.strip() == b"" and fields.keys() & {"data", "id"}:
            data: Json = orjson.loads(fields["data"]) if "data" in fields else None
            yield Told(
                type=fields.get("event", "message"), data=data if isinstance(data, dict) else None, id=fields.get("id")
            )
            fields = {}


def _read(url: str, status: int, body: bytes) -> JsonObject:
    try:
        document: Json = orjson.loads(body)  # what it reads, it can write again
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or status < 200 or 300 <= status < 400:
        raise click.ClickException(f"{url} answered {status}, and not what Kronos answers: is it Kronos?")
    if status >= 400:
        raise click.ClickException(_refusal(document))
    return document


def _refusal(document: JsonObject) -> str:
    """A problem document as people read it: what is wrong with which field, and what to write instead."""
    listed = document.get("errors")
    faults = [fault for fault in listed if isinstance(fault, dict)] if isinstance(listed, list) else []
    lines = [str(document.get("detail", document))]
    if len(faults) > 1:
        lines += [f"{fault.get('pointer') or 'body'}: {fault.get('detail')}" for fault in faults]
    lines += list(dict.fromkeys(f"hint: {fault['hint']}" for fault in faults if fault.get("hint")))[:3]
    return "\n".join(map(printable, lines))


def printable(text: str) -> str:
    """One line, in which what is not for terminals stands as Python writes it: the one who made it is not the one who
    reads it."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def connect(url: str | None, key_file: Path | None) -> Client:
    """The API that the options name, else the environment, else the one that `kronos up` runs here. Raises
    ClickException."""
    environment.warn_of_unknown()
    given_url = url or os.environ.get("KRONOS_URL")
    given_key = _key_of(key_file) if key_file is not None else os.environ.get("KRONOS_API_KEY")
    # It must run: only then is its port known to be its own, and gets its key.
    here = None if given_url else running.here()
    address = given_url or (here.url if here else None)
    if not address:
        raise click.ClickException(_NO_ADDRESS)
    if any(character in address for character in "@?#"):
        raise click.ClickException(_MORE_THAN_AN_ADDRESS)
    if not _is_address(address):
        raise click.ClickException(f"{address!r} is no address of an API: write it like http://127.0.0.1:8080")
    key = given_key or (_key_of(here.admin_key_file) if here else None)
    if not key:
        raise click.ClickException(_NO_KEY)
    if not re.fullmatch(r"[\x21-\x7e]{1,256}", key, re.ASCII):
        raise click.ClickException("what was given as a key is none: a key is one word, such as kr_live_…")
    return Client(url=address, key=key)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _key_of(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"no key can be read from {path}: {error}") from None
    if not key:
        raise click.ClickException(f"no key can be read from {path}: there is nothing in it")
    return key
