"""What looks like an API key, found in any text and taken out of it: for URLs, logs and error documents."""

import re
from urllib.parse import unquote_to_bytes

_MARK = "kr_"
# As keys.FORM has it, and whatever else has a prefix, an id and a long secret.
_KEY = re.compile(r"(kr_[a-z]+_[A-Za-z0-9]{1,64})_[A-Za-z0-9_-]{16,}", re.ASCII)
# The token of a heartbeat's ping URL (kronos/beats.py): in a URL it is where it belongs, and in no log.
_PING_MARK = "hb_"
_PING = re.compile(r"hb_[A-Za-z0-9_-]{16,}", re.ASCII)
_DECODINGS = 3
"""Of a URL: a proxy, and whoever built it, may each have encoded it once more."""


def redacted(text: str) -> str:
    """The text with the public part of each key, and *** for its secret, and for the token of a ping URL."""
    if _PING_MARK in text:
        text = _PING.sub("hb_***", text)
    return _KEY.sub(r"\1_***", text) if _MARK in text else text


def key_in(text: str) -> str | None:
    """The first key in a text."""
    found = _KEY.search(text) if _MARK in text else None
    return found[0] if found else None


def key_in_url(raw: bytes) -> str | None:
    """The first key in a URL's path and query string, percent-encoded or not."""
    for _ in range(_DECODINGS):
        if (found := key_in(raw.decode("latin-1"))) is not None:
            return found
        if b"%" not in raw:
            return None
        raw = unquote_to_bytes(raw)
    return key_in(raw.decode("latin-1"))
