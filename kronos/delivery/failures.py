"""Our names for failures of requests."""

import errno
import ssl

from kronos.delivery.answer import NotHttp
from kronos.delivery.connections import HostUnreachable, NameUnknown
from kronos.delivery.egress import AddressRefused
from kronos.delivery.outcome import ErrorType

_UNKNOWN_AUTHORITY = (
    "the endpoint's certificate is from an authority that is not trusted here (KRONOS_CA_FILE adds one)"
)
# OpenSSL's x509_vfy.h. OpenSSL's own text may contain the address.
_UNTRUSTED = {
    9: "the endpoint's certificate, or its authority's, is not valid yet",
    10: "the endpoint's certificate, or its authority's, has expired",
    18: _UNKNOWN_AUTHORITY,
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: "the endpoint's certificate is not valid for its name",
    64: "the endpoint's certificate is not valid for its address",
}
_NO_ROUTE = "there is no route to the endpoint's host from this worker"
_UNCONNECTED = {
    errno.ECONNREFUSED: "the endpoint refused the connection: nothing listens on its port",
    errno.ENETUNREACH: _NO_ROUTE,
    errno.EHOSTUNREACH: _NO_ROUTE,
    errno.ETIMEDOUT: "the endpoint's host did not respond to the connection",
}
# OpenSSL's reasons for a first answer that is no TLS record: those of 3.0, and of newer ones.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})


def name_of(error: Exception, *, is_sent: bool) -> tuple[ErrorType, str]:
    """Return the error type, and a sentence for people in our words only: other texts may contain addresses."""
    match error:
        case AddressRefused():
            return "address_blocked", "the host's name resolves to an address that deliveries may not reach"
        case NameUnknown():
            return "dns", "the host's name could not be resolved"
        case ssl.SSLCertVerificationError():
            return "tls", _UNTRUSTED.get(error.verify_code, "the endpoint's certificate cannot be verified")
        case ssl.SSLError() if getattr(error, "reason", None) in _NO_TLS:
            return "tls", "the endpoint does not speak TLS on this port: is it http:// instead of https://?"
        case ssl.SSLError():
            return "tls", "the TLS handshake with the endpoint failed"
        case NotHttp():
            return "bad_response", str(error)
        case HostUnreachable():
            return "connect", _UNCONNECTED.get(error.errno or 0, "could not connect to the endpoint")
        case _ if is_sent:
            return "closed_without_answer", "the request was sent, then the connection closed without a response"
        case _:
            return "closed_while_sending", "the connection closed before the request was sent"
