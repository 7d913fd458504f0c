"""Signatures of deliveries as Standard Webhooks has them: https://www.standardwebhooks.com, scheme v1."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable

_PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """The key in a secret of the form whsec_<base64>, 24 to 64 bytes. Raises ValueError, which does not name it."""
    if not secret.startswith(_PREFIX):
        raise ValueError("a signing secret starts with whsec_")
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        raise ValueError("a signing secret is base64 after whsec_") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"a signing secret holds 24 to 64 bytes, not {len(key)}")
    return key


def signature(keys: Iterable[bytes], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of webhook-signature: a v1 signature of the exact bytes sent per key, so that keys can rotate."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
