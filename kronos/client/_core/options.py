"""How a client calls: its times, how often it tries, and what it holds of an answer."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from kronos.client.errors import ConfigurationError

KeySource = str | Callable[[], str]
"""A key, or what is asked for it at each request: so that a key can be rotated under a client that lives on."""


class OptionsGiven(TypedDict, total=False):
    """Options by their names, those that are not the default."""

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
    """How a client calls.

    connect_timeout: seconds for a new connection. timeout: seconds without a byte of the answer. deadline: seconds
    for a whole call, with its repetitions and the pauses between them. tries: how often a call is sent at most.
    max_answer_bytes: more of an answer is refused. is_read_from_primary: reads see what was written just before, also
    where the API answers them from a replica.
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
                raise ConfigurationError(f"{field.name} is {getattr(self, field.name)!r}: it has to be more than 0")


def patient(options: Options) -> Options:
    """The same, for what goes on for long: tried until the deadline, however often; but not where `tries` is 1."""
    return options if options.tries == 1 else replace(options, tries=1_000_000)


def base_url(url: str | None) -> str:
    """Where the API is: what was given, else KRONOS_URL. Raises ConfigurationError."""
    given = (url or os.environ.get("KRONOS_URL") or "").strip()
    if not given:
        raise ConfigurationError("no API is known: pass url=, or set KRONOS_URL")
    try:
        parts = urlsplit(given)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError as error:  # a port, a bracket, a name that no host has
        raise ConfigurationError("the address of the API is no http:// or https:// URL") from error
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "the address of the API holds more than that: write it like http://127.0.0.1:8080, and pass the key as key="
        )
    if not is_url:
        raise ConfigurationError("the address of the API is no http:// or https:// URL")
    return given.rstrip("/")


def key_source(key: KeySource | None, key_file: str | Path | None) -> Callable[[], str]:
    """What is asked for the key at each request: `key`, else the file's content, else KRONOS_API_KEY.

    A file is read anew each time, so a rotated key is taken up at once. Raises ConfigurationError.
    """
    if key is not None and key_file is not None:
        raise ConfigurationError("both key and key_file are given: leave one of them out")
    if callable(key):
        source = key
        return lambda: _checked(source())
    if key_file is not None:
        file = Path(key_file)
        return lambda: _checked(_read(file))
    given = key or os.environ.get("KRONOS_API_KEY")
    if not given:
        raise ConfigurationError("no key is known: pass key= or key_file=, or set KRONOS_API_KEY")
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
        raise ConfigurationError("the key is empty, or holds what no key has")
    return key
