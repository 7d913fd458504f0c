"""The options of a client: timeouts, number of tries, maximum response size."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from kronos.client.errors import ConfigurationError

KeySource = str | Callable[[], str]
"""A key, or a function that returns the key for each request, so that a key can be rotated while a client runs."""


class OptionsGiven(TypedDict, total=False):
    """The options that differ from their defaults."""

    connect_timeout: float
    timeout: float
    deadline: float
    tries: int
    first_pause: float
    max_pause: float
    max_answer_bytes: int
    is_read_from_primary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a client.

    connect_timeout: timeout of a new connection, in seconds. timeout: longest time without a byte of the response, in
    seconds. deadline: seconds for a call, including all repetitions and pauses. tries: maximum number of times a call
    is sent. max_answer_bytes: maximum size of a response. is_read_from_primary: reads see earlier writes even if a
    replica serves reads.
    """

    connect_timeout: float = 5.0
    timeout: float = 30.0
    deadline: float = 90.0
    tries: int = 4
    first_pause: float = 0.25
    max_pause: float = 8.0
    max_answer_bytes: int = 64 * 1024 * 1024
    is_read_from_primary: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            if not field.name.startswith("is_") and not getattr(self, field.name) > 0:
                raise ConfigurationError(f"{field.name} is {getattr(self, field.name)!r}: it must be greater than 0")


def patient(options: Options) -> Options:
    """Return the options for a long operation: retried until the deadline, unless `tries` is 1."""
    return options if options.tries == 1 else replace(options, tries=1_000_000)


def base_url(url: str | None) -> str:
    """Return the address of the API: the given one, or KRONOS_URL. Raises ConfigurationError."""
    given = (url or os.environ.get("KRONOS_URL") or "").strip()
    if not given:
        raise ConfigurationError("no API address is given: pass url=, or set KRONOS_URL")
    try:
        parts = urlsplit(given)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError as error:  # an invalid port, bracket or host name
        raise ConfigurationError("the address of the API is not an http:// or https:// URL") from error
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "the address of the API contains other parts: write it like http://127.0.0.1:8080, and pass the key as key="
        )
    if not is_url:
        raise ConfigurationError("the address of the API is not an http:// or https:// URL")
    return given.rstrip("/")


def key_source(key: KeySource | None, key_file: str | Path | None) -> Callable[[], str]:
    """Return the function that returns the key for each request: `key`, the file's content, or KRONOS_API_KEY.

    A file is read for each request, so a rotated key takes effect immediately. Raises ConfigurationError.
    """
    if key is not None and key_file is not None:
        raise ConfigurationError("both key and key_file are given: omit one of them")
    if callable(key):
        source = key
        return lambda: _checked(source())
    if key_file is not None:
        file = Path(key_file)
        return lambda: _checked(_read(file))
    given = key or os.environ.get("KRONOS_API_KEY")
    if not given:
        raise ConfigurationError("no key is given: pass key= or key_file=, or set KRONOS_API_KEY")
    fixed = _checked(given)
    return lambda: fixed


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the key file {file} cannot be read: {type(error).__name__}") from error


def _checked(key: str) -> str:
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the key is empty, or contains characters that no key has")
    return key
