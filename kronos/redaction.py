"""Find and remove texts that look like API keys, for URLs, logs and error documents."""

import re
from urllib.parse import unquote_to_bytes

_MARK = "kr_"
# The form of keys.FORM, and any text with a prefix, an ID and a long secret.
_KEY = re.compile(r"(kr_[a-z]+_[A-Za-z0-9]{1,64})_[A-Za-z0-9_-]{16,}", re.ASCII)
# The token of a heartbeat's ping URL (kronos/beats.py): it belongs in the URL, but never in a log.
_PING_MARK = "hb_"
_PING = re.compile(r"hb_[A-Za-z0-9_-]{16,}", re.ASCII)
_DECODINGS = 3
"""Of a URL: a proxy, and the program that built it, may each have encoded it again."""


def redacted(text: str) -> str:
    """Return the text with *** in place of each key's secret, keeping its public part, and of each ping URL's token."""
    if _PING_MARK in text:
        text = _PING.sub("hb_***", text)
    return _KEY.sub(r"\1_***", text) if _MARK in text else text


def key_in(text: str) -> str | None:
    """Return the first key in a text."""
    found = _KEY.search(text) if _MARK in text else None
    return found[0] if found else None


def key_in_url(raw: bytes) -> str | None:
    """Return the first key in a URL's path and query string, percent-encoded or not."""
    for _ in range(_DECODINGS):
        if (found := key_in(raw.decode("latin-1"))) is not None:
            return found
        if b"%" not in raw:
            return None
        raw = unquote_to_bytes(raw)
    return key_in(raw.decode("latin-1"))


def is_hidden_in_url(raw: bytes) -> bool:
    """Return whether a URL's path contains a percent-encoded secret, encoded in part or more than once."""
    for _ in range(_DECODINGS):
        if b"%" not in raw:
            return False
        raw = unquote_to_bytes(raw)
        if redacted(text := raw.decode("latin-1")) != text:
            return True
    return False
