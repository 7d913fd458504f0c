"""The meaning of errors from Kafka brokers and their connections for a delivery."""

from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError, for_code

from kronos.delivery.destinations import BrokerError
from kronos.delivery.failures import name_of

# https://kafka.apache.org/protocol#protocol_error_codes. Rejected records are not stored. For the codes in _UNKNOWN,
# the leader may have stored the record.
_UNKNOWN = {
    -1: "the broker had an unexpected error",
    7: "the in-sync replicas did not have the record in time",
    20: "the record was stored by fewer in-sync replicas than min.insync.replicas",
}
PASSING = {
    2: "the broker found the record damaged",
    3: "the cluster has no such topic or partition",
    5: "the topic's partition currently has no leader",
    6: "the broker is no longer the partition's leader",
    8: "the broker is not available",
    9: "a replica is not available",
    19: "there are fewer in-sync replicas than min.insync.replicas",
    56: "the broker's disk failed",
    74: "the broker knows of an older leader than this side",
    75: "the broker knows of a newer leader than this side",
    89: "the broker throttles this client",
}
_PERMANENT = {
    10: "the record is larger than the topic allows (max.message.bytes)",
    17: "the topic's name is not valid",
    18: "the record is larger than the broker's segments",
    21: "the broker does not accept these acks",
    32: "the broker rejects the record's timestamp",
    35: "the broker does not support this protocol version",
    42: "the broker does not understand the request",
    43: "the topic's format does not support headers",
    44: "a policy of the broker rejects the record",
    87: "the broker rejects the record",
}
OF_ONE_RECORD = frozenset({2, 10, 18, 32, 44, 87})
"""Errors that a single record of a batch, or the number of records, can cause. 2 also means a record without a key."""
AUTH = {
    29: "the user may not write to this topic",
    31: "the user may not write to this cluster",
    33: "the cluster does not support this SASL mechanism",
    34: "the cluster requires another way to log in (spec.sasl)",
    53: "the user may not write to this cluster",
    58: "the cluster rejects the user name or the password",
}
STALE = frozenset({3, 5, 6, 8, 9, 56, 74, 75})


def unreached(error: Exception) -> BrokerError:
    """Return why a client could not use a broker. Other libraries' texts contain addresses and are never passed on."""
    match error:
        case BrokerError():
            return error
        case SaslAuthenticationFailed():
            return BrokerError("auth", AUTH[58], is_retryable=False)
        case UnsupportedSaslMechanismError():
            return BrokerError("auth", AUTH[33], is_retryable=False)
        case TimeoutError():
            return BrokerError("timeout", "a broker of the cluster did not respond in time")
        case KafkaError():
            code = getattr(error, "errno", None)
            if isinstance(code, int) and (code in AUTH or code in _PERMANENT):
                return refusal(code)
            why = "the broker closed the connection before it could be used; it may require spec.tls or spec.sasl"
            return BrokerError("connect", why)
        case OSError():
            kind, why = name_of(error, is_sent=False)
            if kind == "closed_while_sending":
                kind, why = "connect", "could not connect to the broker"
            return BrokerError(kind, why, is_retryable=kind != "address_blocked")
        case _:
            return BrokerError("bad_response", "the server does not speak Kafka's protocol")


def refusal(code: int) -> BrokerError:
    """Return the error for a code in a broker's response."""
    name = getattr(for_code(code), "message", "") or f"error {code}"
    if code in _UNKNOWN:
        why = f"{_UNKNOWN[code]} ({name}); whether the record is stored is not known"
        return BrokerError("broker", why, is_unknown=True)
    if code in AUTH:
        return BrokerError("auth", f"{AUTH[code]} ({name})", is_retryable=False)
    if code in _PERMANENT:
        return BrokerError("broker", f"{_PERMANENT[code]} ({name})", is_retryable=False)
    return BrokerError("broker", f"{PASSING.get(code, 'the broker rejected the record')} ({name})")
