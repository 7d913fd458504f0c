"""One call of the API, before it is sent."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from kronos.client.errors import ConfigurationError

Repeat = Literal["always", "keyed", "never"]
"""Whether a call whose outcome is unknown is sent again: always (it reads, or sets a state), where it has a key, or
never. What is known not to have been done is sent again in any case."""
Body = Mapping[str, Any]

AUTO: Final = "auto"
"""As `idempotency_key`: a new one is made for the call, so that the call can be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is sent, and whether it may be sent twice. Its body and its headers are in no repr."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    may_repeat: bool = False

    def with_query(self, more: Mapping[str, str]) -> "Call":
        """The same call with more parameters."""
        return Call(
            method=self.method,
            path=self.path,
            query={**self.query, **more},
            headers=self.headers,
            content=self.content,
            may_repeat=self.may_repeat,
        )

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a stream is to be. wait: seconds for its head; silence: seconds without a byte, after which it is dead;
    seconds: how long it is read at most."""

    media_type: str
    wait: float
    silence: float
    seconds: float | None = None


def path_of(*parts: object) -> str:
    """The path whose parts these are. Raises ConfigurationError where one is empty, or says where to go."""
    texts = [str(part) for part in parts]
    if any(text in ("", ".", "..") for text in texts):
        raise ConfigurationError("a name or an id is empty, or a dot: there is nothing that is called so")
    try:
        return "/" + "/".join(quote(text, safe=":") for text in texts)
    except UnicodeEncodeError as error:
        raise ConfigurationError("a name or an id is no text: it has half of a character") from error


def read(path: str, query: Mapping[str, object] | None = None) -> Call:
    """A call that changes nothing."""
    return Call(method="GET", path=path, query=_parameters(query), may_repeat=True)


def write(
    method: str,
    path: str,
    *,
    body: Body | None = None,
    query: Mapping[str, object] | None = None,
    repeat: Repeat = "never",
    idempotency_key: str | None = None,
    if_match: int | str | None = None,
    only_new: bool = False,
) -> Call:
    """A call that changes something, or takes a body."""
    headers: dict[str, str] = {}
    if idempotency_key == AUTO:
        idempotency_key = new_key()
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    if if_match is not None:
        headers["If-Match"] = f'"{if_match}"' if isinstance(if_match, int) else if_match
    if only_new:
        headers["If-None-Match"] = "*"
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigurationError(f"{name} can hold printable ASCII alone, and what is given is other than that")
    content = None
    if body is not None or method in ("POST", "PUT", "PATCH"):
        headers["Content-Type"] = "application/json"
        content = _content(body or {})
    is_keyed = idempotency_key is not None or (body or {}).get("idempotency_key") is not None
    return Call(
        method=method,
        path=path,
        query=_parameters(query),
        headers=headers,
        content=content,
        may_repeat=repeat == "always" or (repeat == "keyed" and is_keyed),
    )


def with_key(body: Body) -> Body:
    """The body with an idempotency key of its own, where the caller named none; None means none."""
    return body if body.get("idempotency_key", AUTO) != AUTO else {**body, "idempotency_key": new_key()}


def with_keys(bodies: Sequence[Body]) -> list[Body]:
    """Each with a key of its own."""
    return [with_key(each) for each in bodies]


def all_keyed(bodies: Sequence[Body]) -> bool:
    """Whether each has a key, or gets one (`with_keys`), so that all of them can be sent again: none says None."""
    return all(each.get("idempotency_key", AUTO) is not None for each in bodies)


def new_key() -> str:
    """A new idempotency key: nobody else makes the same."""
    return str(uuid.uuid4())


def _content(body: Body) -> bytes:
    """Raises ConfigurationError where it is no JSON."""
    try:
        wired = {_wire(name): each for name, each in body.items()}
        return json.dumps(wired, default=_as_json, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:  # its text would repeat what was to be sent
        raise ConfigurationError("what is to be sent is no JSON: it has NaN or an infinity, or no end") from error


def _wire(name: str) -> str:
    """A field's name in JSON: `from_` is `from`."""
    return name.removesuffix("_")


def _parameters(query: Mapping[str, object] | None) -> dict[str, str]:
    return {name: _text(each) for name, each in (query or {}).items() if each is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return ",".join(_text(each) for each in value)
    return str(value)


def _as_json(value: object) -> object:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no JSON: pass text, numbers, lists or dicts")
