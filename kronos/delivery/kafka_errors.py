"""What the errors of Kafka's brokers, and of ways to them, mean for a delivery."""

from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError, for_code

from kronos.delivery.destinations import BrokerError
from kronos.delivery.failures import name_of

# https://kafka.apache.org/protocol#protocol_error_codes. Refused records are not kept. Of those in _UNKNOWN the leader
# may have kept the record.
_UNKNOWN = {
    -1: "the broker met an error that it did not foresee",
    7: "the in-sync replicas did not have the record in time",
    20: "the record was kept by fewer in-sync replicas than min.insync.replicas",
}
PASSING = {
    2: "the broker found the record damaged",
    3: "the cluster has no such topic or partition",
    5: "the topic's partition has no leader at the moment",
    6: "the broker is no longer the partition's leader",
    8: "the broker is not available",
    9: "a replica is not available",
    19: "there are fewer in-sync replicas than min.insync.replicas",
    56: "the broker's disk failed",
    74: "the broker knows of an older leader than this side",
    75: "the broker knows of a newer leader than this side",
    89: "the broker throttles",
}
_PERMANENT = {
    10: "the record is larger than the topic takes (max.message.bytes)",
    17: "the topic's name is not valid",
    18: "the record is larger than the broker's segments",
    21: "the broker does not take these acks",
    32: "the broker refuses the record's time",
    35: "the broker does not speak this version of the protocol",
    42: "the broker does not understand the request",
    43: "the topic's format does not take headers",
    44: "a policy of the broker refuses the record",
    87: "the broker refuses the record",
}
OF_ONE_RECORD = frozenset({2, 10, 18, 32, 44, 87})
"""What one record of a batch can be to blame for, or their number; 2 is also said of a record without a key."""
AUTH = {
    29: "the user may not write to this topic",
    31: "the user may not write to this cluster",
    33: "the cluster does not take this SASL mechanism",
    34: "the cluster wants to be logged in to in another way (spec.sasl)",
    53: "the user may not write to this cluster",
    58: "the cluster refuses the user name or the password",
}
STALE = frozenset({3, 5, 6, 8, 9, 56, 74, 75})


def unreached(error: Exception) -> BrokerError:
    """What kept a client from a broker. Texts that are not ours carry addresses, and are never passed on."""
    match error:
        case BrokerError():
            return error
        case SaslAuthenticationFailed():
            return BrokerError("auth", AUTH[58], is_retryable=False)
        case UnsupportedSaslMechanismError():
            return BrokerError("auth", AUTH[33], is_retryable=False)
        case TimeoutError():
            return BrokerError("timeout", "a broker of the cluster did not answer in time")
        case KafkaError():
            code = getattr(error, "errno", None)
            if isinstance(code, int) and (code in AUTH or code in _PERMANENT):
                return refusal(code)
            why = "the broker closed the connection before it could be used; it may want spec.tls or spec.sasl"
            return BrokerError("connect", why)
        case OSError():
            kind, why = name_of(error, is_sent=False)
            if kind == "closed_while_sending":
                kind, why = "connect", "no connection to the broker could be made"
            return BrokerError(kind, why, is_retryable=kind != "address_blocked")
        case _:
            return BrokerError("bad_response", "the server does not speak Kafka's protocol")


def refusal(code: int) -> BrokerError:
    """What an error code that a broker answered means."""
    name = getattr(for_code(code), "message", "") or f"error {code}"
    if code in _UNKNOWN:
        why = f"{_UNKNOWN[code]} ({name}); whether the record is kept is not known"
        return BrokerError("broker", why, is_unknown=True)
    if code in AUTH:
        return BrokerError("auth", f"{AUTH[code]} ({name})", is_retryable=False)
    if code in _PERMANENT:
        return BrokerError("broker", f"{_PERMANENT[code]} ({name})", is_retryable=False)
    return BrokerError("broker", f"{PASSING.get(code, 'the broker refused the record')} ({name})")
