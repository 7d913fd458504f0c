"""Which keys sign deliveries, and that receivers can verify the signatures with other implementations than ours."""

import base64
import hashlib
import hmac

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from kronos.delivery.signing import Signer, signature, signer, signing_key

_SEED = bytes(range(32))
_PUBLIC = Ed25519PrivateKey.from_private_bytes(_SEED).public_key().public_bytes_raw()


def _written(prefix: str, raw: bytes) -> str:
    return prefix + base64.b64encode(raw).decode()


def _signed(key: Signer, body: bytes = b"{}") -> str:
    return signature([key], message_id="e1", timestamp=17, body=body)


@pytest.mark.parametrize("size", [24, 32, 33, 64])
@pytest.mark.parametrize("body", [b"", b"{}", "é\r\n".encode(), bytes(range(256)), b"x" * 100_000])
def test_a_shared_secret_signs_with_hmac_of_sha_256(size: int, body: bytes) -> None:
    raw = bytes(range(size))
    made = signer(_written("whsec_", raw))
    expected = hmac.new(raw, b"e1.17." + body, hashlib.sha256).digest()
    assert (made.scheme, made.public_key) == ("v1", None)
    assert _signed(made, body) == f"v1,{base64.b64encode(expected).decode()}"
    assert _signed(made, body) == _signed(made, body), "one signature leaves nothing for the next"


def test_the_signature_is_that_of_the_published_standard() -> None:
    key = signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(
        [key], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.lists(st.binary(max_size=200), min_size=1, max_size=3))
@settings(deadline=None)
def test_a_key_signs_each_message_as_if_it_were_the_first(secret: bytes, bodies: list[bytes]) -> None:
    key = signer(_written("whsec_", secret))
    for body in bodies:
        wanted = hmac.digest(secret, b"m.1." + body, "sha256")
        assert signature([key], message_id="m", timestamp=1, body=body) == f"v1,{base64.b64encode(wanted).decode()}"


@pytest.mark.parametrize("raw", [_SEED, _SEED + _PUBLIC], ids=["its 32 bytes", "with the public key, as in libsodium"])
def test_a_private_key_signs_with_ed25519(raw: bytes) -> None:
    made = signer(_written("whsk_", raw))
    assert (made.scheme, made.public_key) == ("v1a", _written("whpk_", _PUBLIC))
    scheme, _, signed = _signed(made).partition(",")
    receiver = Ed25519PublicKey.from_public_bytes(_PUBLIC)
    receiver.verify(base64.b64decode(signed), b"e1.17.{}")
    assert scheme == "v1a"
    with pytest.raises(InvalidSignature):
        receiver.verify(base64.b64decode(signed), b"e1.18.{}")


def test_every_key_signs_in_the_order_of_the_keys() -> None:
    keys = [
        signer(_written("whsec_", b"a" * 24)),
        signer(_written("whsk_", _SEED)),
        signer(_written("whsec_", b"b" * 24)),
    ]
    together = signature(keys, message_id="e1", timestamp=17, body=b"{}")
    assert together.split(" ") == [_signed(key) for key in keys]
    assert [each.partition(",")[0] for each in together.split(" ")] == ["v1", "v1a", "v1"]
    assert signature([], message_id="e1", timestamp=17, body=b"") == ""


def test_the_message_its_id_and_its_time_are_all_signed() -> None:
    key = signer(_written("whsec_", b"a" * 24))
    texts = {
        signature([key], message_id=message_id, timestamp=timestamp, body=body)
        for message_id, timestamp, body in (("e1", 17, b"{}"), ("e2", 17, b"{}"), ("e1", 18, b"{}"), ("e1", 17, b"[]"))
    }
    assert len(texts) == 4


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("", "a signing secret must start with whsec_"),
        ("WHSEC_" + "YWFh" * 8, "a signing secret must start with whsec_"),
        ("hunter2", "a signing secret must start with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a signing secret must start with whsec_"),
        (_written("whpk_", _PUBLIC), "a signing secret must start with whsec_"),
        ("whsec_", "a signing secret must have 24 to 64 bytes, not 0"),
        (_written("whsec_", b"k" * 23), "a signing secret must have 24 to 64 bytes, not 23"),
        (_written("whsec_", b"k" * 65), "a signing secret must have 24 to 64 bytes, not 65"),
        (_written("whsec_", b"k" * 24) + "\n", "a signing secret must be base64 after whsec_"),
        (" ".join(("whsec_" + "YWFh" * 4, "YWFh" * 4)), "a signing secret must be base64 after whsec_"),
        ("whsec_AAAA", "a signing secret must have 24 to 64 bytes, not 3"),
        ("whsec_canary!", "a signing secret must be base64 after whsec_"),
        ("whsec_" + "YWFh" * 8 + "*", "a signing secret must be base64 after whsec_"),
        ("whsec_" + "a-b_" * 8, "a signing secret must be base64 after whsec_"),
        ("whsec_" + "YWFh" * 8 + "Y", "a signing secret must be base64 after whsec_"),
        ("whsec_" + "é" * 32, "a signing secret must be base64 after whsec_"),
        ("whsk_", "a private signing key must have 32 or 64 bytes, not 0"),
        (_written("whsk_", b"k" * 31), "a private signing key must have 32 or 64 bytes, not 31"),
        (_written("whsk_", b"k" * 33), "a private signing key must have 32 or 64 bytes, not 33"),
        (_written("whsk_", b"k" * 65), "a private signing key must have 32 or 64 bytes, not 65"),
        (_written("whsk_", _SEED) + "\n", "a private signing key must be base64 after whsk_"),
        ("whsk_" + "é" * 43 + "=", "a private signing key must be base64 after whsk_"),
        (_written("whsk_", _SEED + _SEED), "the second half of a private signing key is not its public key"),
        (_written("whsk_", _PUBLIC + _PUBLIC), "the second half of a private signing key is not its public key"),
    ],
)
def test_a_secret_that_is_no_key_is_refused_and_not_quoted(secret: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        signer(secret)
    assert str(refused.value) == message
    assert refused.value.__cause__ is None
    if not secret.startswith("whsk_"):
        with pytest.raises(ValueError, match=message):
            signing_key(secret)


def test_the_shared_key_is_what_its_base64_says() -> None:
    assert signing_key(_written("whsec_", bytes(range(64)))) == bytes(range(64))
