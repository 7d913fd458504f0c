"""Verifies deliveries in their receivers: Standard Webhooks (https://www.standardwebhooks.com).

v1 is HMAC-SHA256 with a shared secret, whsec_<base64>. v1a is ed25519 with a public key, whpk_<base64>, and needs
cryptography (the extra ed25519).
"""

import binascii
import hmac
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kronos.client._core.decoding import Json, loads
from kronos.client.errors import ConfigurationError, WebhookInvalid

TOLERANCE = timedelta(minutes=5)
_MOST_SIGNATURES = 32
_SECRET, _PUBLIC, _PRIVATE = "whsec_", "whpk_", "whsk_"
_Check = Callable[[bytes, bytes], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A verified delivery. `execution_id` is the same in every attempt: use it to do nothing twice.

    `attempt` counts from 1; `scheduled_at` is the tick. Only `execution_id`, `sent_at` and `body` are signed. Job,
    attempt and tick come from headers that are not.
    """

    execution_id: str
    sent_at: datetime
    body: bytes = field(repr=False)
    job_id: str | None
    attempt: int | None
    scheduled_at: datetime | None

    def json(self) -> Json:
        """Return the body as JSON. Raises ValueError if it is not JSON."""
        return loads(self.body)


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]],
    secrets: str | Iterable[str],
    *,
    tolerance: timedelta = TOLERANCE,
    clock: Callable[[], float] = time.time,
) -> Webhook:
    """Return the delivery in this request. Raises WebhookInvalid if it is not one: answer with 400.

    `body`: the bytes as received, before they are decoded or parsed. `secrets`: one secret (whsec_…) or public key
    (whpk_…), or several during a rotation: one must match. A request signed longer than `tolerance` ago, or ahead, is
    rejected, so that recorded requests cannot be replayed. Raises ConfigurationError if a secret is invalid.
    """
    if isinstance(body, str):
        raise ConfigurationError("the body is text: pass the bytes as received, before they are decoded or parsed")
    checks = [_check(each) for each in ([secrets] if isinstance(secrets, str) else list(secrets))]
    if not checks:
        raise ConfigurationError("no secret is given: nothing can be verified")
    given = _named(headers)
    message_id, sent = _needed(given, "webhook-id"), _needed(given, "webhook-timestamp")
    signatures = _signatures(_needed(given, "webhook-signature"))
    if not re.fullmatch(r"[0-9]{1,11}", sent):
        raise WebhookInvalid("webhook-timestamp is not a number of seconds", reason="bad_header")
    age = clock() - int(sent)
    if abs(age) > tolerance.total_seconds():
        reason, word = ("too_old", "old") if age > 0 else ("too_new", "new")
        raise WebhookInvalid(f"the request is too {word}: it was signed {age:.0f} s ago", reason=reason)
    try:
        signed = f"{message_id}.{sent}.".encode() + body
    except UnicodeEncodeError:
        raise WebhookInvalid("webhook-id is not text", reason="bad_header") from None
    # Compare every secret with every signature, so that the duration does not reveal which one matches.
    fits = [check(signed, value) for scheme, check in checks for named, value in signatures if named == scheme]
    if not any(fits):
        raise WebhookInvalid(
            "no signature matches: the secret or the body differs from what was signed", reason="no_match"
        )
    return Webhook(
        execution_id=message_id,
        sent_at=datetime.fromtimestamp(int(sent), UTC),
        body=bytes(body),
        job_id=given.get("kronos-job-id"),
        attempt=_number(given.get("kronos-attempt")),
        scheduled_at=_instant(given.get("kronos-scheduled-at")),
    )


def _named(headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]) -> dict[str, str]:
    """Return the headers by lower-case name. Accepts Django's HTTP_WEBHOOK_ID too."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {_text(name).lower().replace("_", "-").removeprefix("http-"): _text(value) for name, value in pairs}


def _text(value: str | bytes) -> str:
    """Return a header as text: in ASGI, headers are bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _needed(headers: Mapping[str, str], name: str) -> str:
    if not (value := headers.get(name, "")):
        raise WebhookInvalid(f"the request has no header {name}", reason="missing_header")
    return value


def _signatures(text: str) -> list[tuple[str, bytes]]:
    """Return the scheme and bytes of each signature. Malformed ones and unknown schemes are ignored."""
    found = []
    for part in text.split(" ")[:_MOST_SIGNATURES]:
        scheme, _, value = part.partition(",")
        try:
            found.append((scheme, b64decode(value, validate=True)))
        except (binascii.Error, ValueError):
            continue  # perhaps a future scheme
    if not found:
        raise WebhookInvalid("webhook-signature contains no signature", reason="bad_header")
    return found


def _check(secret: str) -> tuple[str, _Check]:
    """Return the secret's scheme and its signature check. Raises ConfigurationError, without the secret in its text."""
    if not isinstance(secret, str):
        raise ConfigurationError("a secret must be text that starts with whsec_, or with whpk_ for a public key")
    secret = secret.strip()  # a file may end with a line end
    if secret.startswith(_SECRET):
        key = _decoded(secret.removeprefix(_SECRET), "a signing secret must be base64 after whsec_")
        if len(key) < 16:
            raise ConfigurationError(f"a signing secret must have 24 to 64 bytes, not {len(key)}")
        return "v1", lambda signed, value: hmac.compare_digest(hmac.digest(key, signed, "sha256"), value)
    if secret.startswith(_PUBLIC):
        return "v1a", _public(_decoded(secret.removeprefix(_PUBLIC), "a public key must be base64 after whpk_"))
    if secret.startswith(_PRIVATE):
        raise ConfigurationError("whsk_ is a private key, which only Kronos needs: pass its public key, whpk_")
    raise ConfigurationError("a secret must start with whsec_, a public key with whpk_")


def _decoded(text: str, what: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(what) from None


def _public(raw: bytes) -> _Check:
    try:
        from cryptography.exceptions import InvalidSignature  # optional: most receivers do not need it
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ConfigurationError(
            "a public key (whpk_) needs cryptography: the extra ed25519 of the wheel of kronos-client"
        ) from error
    if len(raw) != 32:
        raise ConfigurationError(f"a public key must have 32 bytes, not {len(raw)}")
    key = Ed25519PublicKey.from_public_bytes(raw)

    def fits(signed: bytes, value: bytes) -> bool:
        try:
            key.verify(value, signed)
        except InvalidSignature:
            return False
        return True

    return fits


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text) else None


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None  # not signed, only informative
