"""Make untrusted text and JSON storable as PostgreSQL jsonb, and limit its size.

jsonb rejects NUL and lone surrogates (SQLSTATE 22P05); one such value must not fail the batch it is finalized in.
"""

import json
import re
from math import isfinite

import orjson

from kronos.model import Json

MAX_DEPTH = 64
_MAX_ENCODED_DEPTH = 250  # orjson's own limit is 254
_REPLACEMENT = "\ufffd"
_CONTINUATIONS = bytes(range(0x80, 0xC0))
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable_text(text: str, *, max_bytes: int | None = None) -> str:
    """Return the text with NUL and lone surrogates replaced by U+FFFD, cut at a character boundary to at most
    `max_bytes` of UTF-8."""
    if max_bytes is not None:
        text = text[:max_bytes]
    if text.isascii() and "\0" not in text:
        return text
    text = _UNSTORABLE.sub(_REPLACEMENT, text)
    if max_bytes is None or len(text) * 4 <= max_bytes:
        return text
    return text.encode()[:max_bytes].decode(errors="ignore")


def storable_body(body: bytes | bytearray, *, max_bytes: int) -> tuple[str, bool]:
    """Return the beginning of bytes of unknown content as storable text, and whether anything was cut off.

    Invalid UTF-8 becomes U+FFFD, which has three bytes: a text may have to be cut although its bytes would fit.
    """
    text = storable_text(body[: max_bytes + 1].decode(errors="replace"))
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text, len(body) > max_bytes
    return encoded[:max_bytes].decode(errors="ignore"), True


def storable_tail(body: bytes, *, max_bytes: int) -> tuple[str, bool]:
    """Like storable_body, but return the end."""
    tail = body[-max_bytes:]
    if len(body) > max_bytes:
        tail = tail[:3].lstrip(_CONTINUATIONS) + tail[3:]  # the rest of a character that was cut
    text = storable_text(tail.decode(errors="replace"))
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text, len(body) > max_bytes
    return encoded[-max_bytes:].decode(errors="ignore"), True


def storable(value: Json, *, max_bytes: int | None = None) -> Json:
    """Return the JSON in a form that jsonb accepts: strings as by storable_text, NaN and infinities as null, and parts
    nested too deep as a note.

    A value of more than `max_bytes` becomes {"truncated": true, "bytes": n, "preview": the first max_bytes as text}.
    """
    clean = _clean(value, MAX_DEPTH)
    if max_bytes is None:
        return clean
    text = json_bytes(clean)
    if len(text) <= max_bytes:
        return clean
    preview, _ = storable_body(text, max_bytes=max_bytes)
    return {"truncated": True, "bytes": len(text), "preview": preview}


def json_bytes(value: Json) -> bytes:
    """Return the value as compact UTF-8 JSON: the exact bytes that are signed, sent and measured."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson rejects integers beyond 64 bits and lone surrogates; jsonb's numeric can hold such integers.
        return json.dumps(_clean(value, _MAX_ENCODED_DEPTH), ensure_ascii=False, separators=(",", ":")).encode()


def _clean(value: Json, levels: int) -> Json:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, list | dict) and levels == 0:
        return "(nested too deep)"
    if isinstance(value, list):
        return [_clean(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {storable_text(key): _clean(item, levels - 1) for key, item in value.items()}
    return value
