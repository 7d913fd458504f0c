"""Errors between a client and a Kafka broker, and what each means: the delivery is retried, or the endpoint's author
must fix it.
"""

import pytest
from aiokafka.errors import (
    BrokerNotAvailableError,
    InvalidTopicError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from kronos.delivery.destinations import BrokerError
from kronos.delivery.kafka_errors import AUTH, OF_ONE_RECORD, PASSING, STALE, refusal, unreached


@pytest.mark.parametrize(
    ("error", "kind", "is_retryable", "told"),
    [
        (SaslAuthenticationFailed("10.0.0.1 said hunter2"), "auth", False, "rejects the user name or the password"),
        (UnsupportedSaslMechanismError(), "auth", False, "does not support this SASL mechanism"),
        (TopicAuthorizationFailedError(), "auth", False, "may not write to this topic"),
        (InvalidTopicError(), "broker", False, "the topic's name is not valid"),
        (BrokerNotAvailableError(), "connect", True, "it may require spec.tls or spec.sasl"),
        (KafkaConnectionError("10.0.0.1:9092"), "connect", True, "closed the connection before it could be used"),
        (TimeoutError(), "timeout", True, "did not respond in time"),
        (ConnectionRefusedError("10.0.0.1"), "connect", True, ""),
        (ConnectionResetError("10.0.0.1"), "connect", True, "could not connect to the broker"),
        (ValueError("10.0.0.1"), "bad_response", True, "does not speak Kafka's protocol"),
    ],
)
def test_what_kept_a_client_from_a_broker(error: Exception, kind: str, is_retryable: bool, told: str) -> None:
    found = unreached(error)
    assert (found.kind, found.is_retryable, found.is_unknown) == (kind, is_retryable, False)
    assert told in found.message
    assert "10.0.0.1" not in found.message


def test_an_error_that_is_ours_is_passed_on() -> None:
    ours = BrokerError("address_blocked", "no")
    assert unreached(ours) is ours


@pytest.mark.parametrize(
    ("code", "kind", "is_retryable", "is_unknown"),
    [
        (-1, "broker", True, True),
        (7, "broker", True, True),
        (6, "broker", True, False),
        (10, "broker", False, False),
        (29, "auth", False, False),
        (12_345, "broker", True, False),
    ],
)
def test_what_a_broker_answers(code: int, kind: str, is_retryable: bool, is_unknown: bool) -> None:
    found = refusal(code)
    assert (found.kind, found.is_retryable, found.is_unknown) == (kind, is_retryable, is_unknown)


def test_what_says_that_metadata_are_stale_passes_and_what_one_record_is_to_blame_for_is_no_login() -> None:
    assert STALE - set(PASSING) == set()
    assert not OF_ONE_RECORD & set(AUTH)
