"""What verify_webhook accepts as a delivery, and what it rejects."""

import random
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook as Standard

from kronos.client import ConfigurationError, WebhookInvalid, verify_webhook
from kronos.delivery.signing import signature, signer

BODY = b'{"id":7,"name":"\xc3\xa9"}'
AT = 1_790_000_000


def secret(seed: int) -> str:
    return "whsec_" + b64encode(random.Random(seed).randbytes(32)).decode()


def pair(seed: int) -> tuple[str, str]:
    """A private key as Kronos stores it, and its public key as receivers have it."""
    raw = random.Random(seed).randbytes(32)
    private = "whsk_" + b64encode(raw).decode()
    public = signer(private).public_key
    assert public is not None
    assert Ed25519PrivateKey.from_private_bytes(raw)
    return private, public


def signed(*secrets: str, body: bytes = BODY, at: int = AT) -> dict[str, str]:
    """Headers as Kronos sends them."""
    return {
        "Webhook-Id": "0193d5b0-0000-7000-8000-000000000000",
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": signature(
            [signer(each) for each in secrets],
            message_id="0193d5b0-0000-7000-8000-000000000000",
            timestamp=at,
            body=body,
        ),
        "Kronos-Job-Id": "j",
        "Kronos-Attempt": "2",
        "Kronos-Scheduled-At": "2026-11-01T00:00:00Z",
    }


def test_what_kronos_signs_is_a_delivery() -> None:
    webhook = verify_webhook(BODY, signed(secret(1)), secret(1), clock=lambda: AT)
    assert (webhook.execution_id, webhook.attempt, webhook.job_id) == ("0193d5b0-0000-7000-8000-000000000000", 2, "j")
    assert webhook.json() == {"id": 7, "name": "é"}
    assert webhook.scheduled_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert "name" not in repr(webhook)


def test_what_another_maker_signs_is_one_too() -> None:
    """Signed by the Standard Webhooks library."""
    sent = datetime.fromtimestamp(AT, UTC)
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": str(AT),
        "webhook-signature": Standard(secret(1)).sign("m", sent, BODY.decode()),
    }
    assert verify_webhook(BODY, headers, secret(1), clock=lambda: AT).attempt is None


def test_one_public_key_of_several_suffices() -> None:
    (old, old_public), (new, new_public) = pair(1), pair(2)
    for keys in (new_public, [old_public, new_public], [secret(9), new_public]):
        assert verify_webhook(BODY, signed(new, old), keys, clock=lambda: AT).body == BODY
    with pytest.raises(WebhookInvalid) as caught:
        verify_webhook(BODY, signed(new), old_public, clock=lambda: AT)
    assert caught.value.reason == "no_match"


@pytest.mark.parametrize("known", [(1,), (2,), (1, 2), (2, 3)])
def test_a_secret_in_rotation_is_known_on_either_side_first(known: tuple[int, ...]) -> None:
    headers = signed(secret(1), secret(2))
    assert verify_webhook(BODY, headers, [secret(each) for each in known], clock=lambda: AT).body == BODY


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Webhook-Id": "another"}, "no_match"),
        ({"Webhook-Id": ""}, "missing_header"),
        ({"Webhook-Signature": ""}, "missing_header"),
        ({"Webhook-Signature": "v1"}, "no_match"),
        ({"Webhook-Signature": "v1,%%%"}, "bad_header"),
        ({"Webhook-Signature": "v2,AAAA"}, "no_match"),
        ({"Webhook-Timestamp": "soon"}, "bad_header"),
        ({"Webhook-Timestamp": "-1"}, "bad_header"),
        ({"Webhook-Timestamp": "9" * 400}, "bad_header"),
        ({"Webhook-Timestamp": str(AT + 1)}, "no_match"),
        ({"Webhook-Timestamp": str(AT - 301)}, "too_old"),
        ({"Webhook-Timestamp": str(AT + 302)}, "too_new"),
    ],
)
def test_what_was_changed_on_the_way_is_none(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(WebhookInvalid) as caught:
        verify_webhook(BODY, {**signed(secret(1)), **changed}, secret(1), clock=lambda: AT)
    assert caught.value.reason == reason
    assert caught.value.reason in WebhookInvalid.REASONS
    assert secret(1).removeprefix("whsec_") not in str(caught.value)


def test_each_byte_counts() -> None:
    headers = signed(secret(1))
    for position in range(len(BODY)):
        other = bytearray(BODY)
        other[position] ^= 1
        with pytest.raises(WebhookInvalid):
            verify_webhook(bytes(other), headers, secret(1), clock=lambda: AT)


def test_no_signature_of_one_scheme_passes_as_the_other() -> None:
    """A public key is public: accepted as a shared secret, it would let anyone sign."""
    private, public = pair(1)
    forged = signed("whsec_" + public.removeprefix("whpk_"))
    for keys in (public, [public, secret(1)]):
        with pytest.raises(WebhookInvalid):
            verify_webhook(BODY, forged, keys, clock=lambda: AT)
    relabelled = signed(private)
    relabelled["Webhook-Signature"] = relabelled["Webhook-Signature"].replace("v1a,", "v1,")
    with pytest.raises(WebhookInvalid):
        verify_webhook(BODY, relabelled, public, clock=lambda: AT)


def test_the_tolerance_is_the_receivers() -> None:
    headers = signed(secret(1), at=AT - 3600)
    assert verify_webhook(BODY, headers, secret(1), tolerance=timedelta(hours=2), clock=lambda: AT)
    with pytest.raises(WebhookInvalid):
        verify_webhook(BODY, headers, secret(1), clock=lambda: AT)


@pytest.mark.parametrize("form", ["dict", "pairs", "django", "asgi"])
def test_headers_come_as_frameworks_have_them(form: str) -> None:
    headers = signed(secret(1))
    given: object = {
        "dict": {name.lower(): value for name, value in headers.items()},
        "pairs": list(headers.items()),
        "asgi": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "django": {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()},
    }[form]
    assert verify_webhook(BODY, given, secret(1), clock=lambda: AT).attempt == 2  # type: ignore[arg-type] # each form


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ([], "no secret is given"),
        ("", "must start with whsec_"),
        ("whsec_%%", "base64 after whsec_"),
        ("whsec_AAAA", "24 to 64 bytes"),
        (pair(1)[0], "only Kronos needs"),
        ("whpk_AAAA", "32 bytes"),
        (b"whsec_AAAA", "must be text"),
        ([None], "must be text"),
    ],
)
def test_a_secret_that_is_none_is_the_receivers_mistake(secrets: object, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        verify_webhook(BODY, signed(secret(1)), secrets, clock=lambda: AT)  # type: ignore[arg-type] # of any kind
    assert "%%" not in str(caught.value)


def test_a_body_that_was_decoded_is_the_receivers_mistake() -> None:
    with pytest.raises(ConfigurationError, match="before they are decoded"):
        verify_webhook(BODY.decode(), signed(secret(1)), secret(1))  # type: ignore[arg-type] # that is the mistake


def test_without_the_extra_a_public_key_says_what_to_install() -> None:
    """A shared secret works without the extra."""
    code = (
        "import sys; sys.modules['cryptography'] = None; sys.modules['cryptography.exceptions'] = None\n"
        "from kronos.client import ConfigurationError, verify_webhook, WebhookInvalid\n"
        f"for given in ({secret(1)!r}, {pair(1)[1]!r}):\n"
        "    try: verify_webhook(b'', {}, given)\n"
        "    except (ConfigurationError, WebhookInvalid) as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    first, second = ran.stdout.splitlines()
    assert first == "the request has no header webhook-id"
    assert "the extra ed25519" in second


def test_a_secret_out_of_a_file_may_end_in_a_line() -> None:
    assert verify_webhook(BODY, signed(secret(1)), secret(1) + "\n", clock=lambda: AT).body == BODY


def test_a_header_that_is_no_text_is_no_delivery() -> None:
    """Some servers pass on bytes that are not valid UTF-8."""
    headers = {**signed(secret(1)), "webhook-id": "\udcff"}
    with pytest.raises(WebhookInvalid) as caught:
        verify_webhook(BODY, headers, secret(1), clock=lambda: AT)
    assert caught.value.reason == "bad_header"


def test_a_body_that_is_nested_too_deep_is_no_json() -> None:
    body = b"[" * 200_000
    delivery = verify_webhook(body, signed(secret(1), body=body), secret(1), clock=lambda: AT)
    with pytest.raises(ValueError, match="too deep"):
        delivery.json()
