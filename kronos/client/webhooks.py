"""Deliveries of Kronos, verified by who receives them: Standard Webhooks (https://www.standardwebhooks.com).

v1 is HMAC-SHA256 under a secret that both sides have, whsec_<base64>; v1a is ed25519, whose public key,
whpk_<base64>, is for everybody and needs cryptography (the extra ed25519).
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
    """A delivery that is Kronos's. `execution_id` is the same in every attempt: do nothing twice for it.

    `attempt` counts from 1; `scheduled_at` is the tick. Job, attempt and tick are what the headers say: of what is
    signed are `execution_id`, `sent_at` and `body` alone.
    """

    execution_id: str
    sent_at: datetime
    body: bytes = field(repr=False)
    job_id: str | None
    attempt: int | None
    scheduled_at: datetime | None

    def json(self) -> Json:
        """The body as JSON. Raises ValueError where it is none."""
        return loads(self.body)


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]],
    secrets: str | Iterable[str],
    *,
    tolerance: timedelta = TOLERANCE,
    clock: Callable[[], float] = time.time,
) -> Webhook:
    """The delivery that this request is. Raises WebhookInvalid where it is none; answer that with 400.

    `body` is what came, byte for byte, before anything has parsed it. `secrets`: one secret (whsec_…) or public key
    (whpk_…), or several while they are rotated: one that fits suffices. A signature older or newer than `tolerance`
    is refused, so that nobody sends again what was overheard. Raises ConfigurationError where a secret is none.
    """
    if isinstance(body, str):
        raise ConfigurationError("the body is text: pass the bytes that came, before they are decoded or parsed")
    checks = [_check(each) for each in ([secrets] if isinstance(secrets, str) else list(secrets))]
    if not checks:
        raise ConfigurationError("no secret is given: nothing could be verified")
    given = _named(headers)
    message_id, sent = _needed(given, "webhook-id"), _needed(given, "webhook-timestamp")
    signatures = _signatures(_needed(given, "webhook-signature"))
    if not re.fullmatch(r"[0-9]{1,11}", sent):
        raise WebhookInvalid("webhook-timestamp is no number of seconds", reason="bad_header")
    age = clock() - int(sent)
    if abs(age) > tolerance.total_seconds():
        reason, word = ("too_old", "old") if age > 0 else ("too_new", "new")
        raise WebhookInvalid(f"the request is too {word}: it was signed {age:.0f} s ago", reason=reason)
    try:
        signed = f"{message_id}.{sent}.".encode() + body
    except UnicodeEncodeError:
        raise WebhookInvalid("webhook-id is no text", reason="bad_header") from None
    # Every secret against every signature, so that how long it takes says nothing of which one fits.
    fits = [check(signed, value) for scheme, check in checks for named, value in signatures if named == scheme]
    if not any(fits):
        raise WebhookInvalid("no signature fits: another secret, or another body than was signed", reason="no_match")
    return Webhook(
        execution_id=message_id,
        sent_at=datetime.fromtimestamp(int(sent), UTC),
        body=bytes(body),
        job_id=given.get("kronos-job-id"),
        attempt=_number(given.get("kronos-attempt")),
        scheduled_at=_instant(given.get("kronos-scheduled-at")),
    )


def _named(headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]) -> dict[str, str]:
    """Headers by their names in lower case; Django's HTTP_WEBHOOK_ID too."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {_text(name).lower().replace("_", "-").removeprefix("http-"): _text(value) for name, value in pairs}


def _text(value: str | bytes) -> str:
    """As ASGI has them, headers are bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _needed(headers: Mapping[str, str], name: str) -> str:
    if not (value := headers.get(name, "")):
        raise WebhookInvalid(f"the request has no header {name}", reason="missing_header")
    return value


def _signatures(text: str) -> list[tuple[str, bytes]]:
    """Scheme and bytes of each signature; what is no signature is passed over, as one of another scheme is."""
    found = []
    for part in text.split(" ")[:_MOST_SIGNATURES]:
        scheme, _, value = part.partition(",")
        try:
            found.append((scheme, b64decode(value, validate=True)))
        except (binascii.Error, ValueError):
            continue  # perhaps a scheme to come
    if not found:
        raise WebhookInvalid("webhook-signature has no signature in it", reason="bad_header")
    return found


def _check(secret: str) -> tuple[str, _Check]:
    """The scheme that a secret is of, and what checks a signature by it. Raises ConfigurationError, without it."""
    if not isinstance(secret, str):
        raise ConfigurationError("a secret is text, which starts with whsec_, or a public key's with whpk_")
    secret = secret.strip()  # a file's last line has an end
    if secret.startswith(_SECRET):
        key = _decoded(secret.removeprefix(_SECRET), "a signing secret is base64 after whsec_")
        if len(key) < 16:
            raise ConfigurationError(f"a signing secret holds 24 to 64 bytes, not {len(key)}")
        return "v1", lambda signed, value: hmac.compare_digest(hmac.digest(key, signed, "sha256"), value)
    if secret.startswith(_PUBLIC):
        return "v1a", _public(_decoded(secret.removeprefix(_PUBLIC), "a public key is base64 after whpk_"))
    if secret.startswith(_PRIVATE):
        raise ConfigurationError("whsk_ is the private key, which stays with Kronos: pass its public key, whpk_")
    raise ConfigurationError("a secret starts with whsec_, a public key with whpk_")


def _decoded(text: str, what: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(what) from None


def _public(raw: bytes) -> _Check:
    try:
        from cryptography.exceptions import InvalidSignature  # an extra: most receivers need it not
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ConfigurationError(
            "a public key (whpk_) needs cryptography: the extra ed25519 of the wheel of kronos-client"
        ) from error
    if len(raw) != 32:
        raise ConfigurationError(f"a public key holds 32 bytes, not {len(raw)}")
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
        return None  # it is not signed, and only informs
