"""A call of the API, before it is sent."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from kronos.client.errors import ConfigurationError

Repeat = Literal["always", "keyed", "never"]
"""Whether a call with an unknown outcome is repeated: always (it reads, or sets a state), if it has a key, or never. A
call that is known not to have been done is always repeated."""
Body = Mapping[str, Any]

AUTO: Final = "auto"
"""As `idempotency_key`: generate a key for the call, so that it can be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, and whether it may be repeated. Its repr omits body and headers."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    may_repeat: bool = False

    def with_query(self, more: Mapping[str, str]) -> "Call":
        """Return the same call with more parameters."""
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
        """The call's name in messages."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Terms:
    """Limits of a stream. wait: seconds for its head. silence: seconds without a byte, after which it counts as
    dead. seconds: maximum time to read it."""

    media_type: str
    wait: float
    silence: float
    seconds: float | None = None


def path_of(*parts: object) -> str:
    """Return the path with these segments. Raises ConfigurationError if one is empty, is . or .., or contains a
    slash: servers and proxies may take it for the path of something else."""
    texts = [str(part) for part in parts]
    if any(text in ("", ".", "..") or "/" in text for text in texts):
        raise ConfigurationError("a name or an id is empty, is . or .., or contains a slash")
    try:
        return "/" + "/".join(quote(text, safe=":") for text in texts)
    except UnicodeEncodeError as error:
        raise ConfigurationError("a name or an id contains half a character (a lone surrogate)") from error


def read(path: str, query: Mapping[str, object] | None = None) -> Call:
    """Return a call that changes nothing."""
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
    """Return a call that changes something, or has a body."""
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
            raise ConfigurationError(f"{name} may contain only printable ASCII characters")
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
    """Return the body with a generated idempotency key, unless the caller gave one, or None for no key."""
    return body if body.get("idempotency_key", AUTO) != AUTO else {**body, "idempotency_key": new_key()}


def with_keys(bodies: Sequence[Body]) -> list[Body]:
    """Return the bodies, each with its own key."""
    return [with_key(each) for each in bodies]


def all_keyed(bodies: Sequence[Body]) -> bool:
    """Return whether each has a key, or gets one from `with_keys`, so that the call can be repeated: none has None."""
    return all(each.get("idempotency_key", AUTO) is not None for each in bodies)


def new_key() -> str:
    """Return a new, unique idempotency key."""
    return str(uuid.uuid4())


def _content(body: Body) -> bytes:
    """Return the body as JSON. Raises ConfigurationError if it has no JSON form."""
    try:
        wired = {_wire(name): each for name, each in body.items()}
        return json.dumps(wired, default=_as_json, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:  # its text would repeat the values
        raise ConfigurationError(
            "the body cannot be written as JSON: it contains NaN, an infinity or itself"
        ) from error


def _wire(name: str) -> str:
    """Return a field's name in JSON: `from_` is `from`."""
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
    raise TypeError(f"a {type(value).__name__} has no JSON form: pass text, numbers, lists or dicts")
