"""Each failure of a request has a type and a sentence of our own: other texts may contain addresses."""

import errno
import ssl

import pytest

from kronos.delivery.answer import NotHttp
from kronos.delivery.connections import HostUnreachable, NameUnknown
from kronos.delivery.egress import AddressRefused
from kronos.delivery.failures import name_of

_AUTHORITY = "the endpoint's certificate is from an authority that is not trusted here (KRONOS_CA_FILE adds one)"
_CERTIFICATE = "the endpoint's certificate, or its authority's,"


def _unverified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "IP address mismatch, certificate is not valid for '10.0.0.1'")
    error.verify_code = code
    return error


def _reasoned(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "10.0.0.1")
    error.reason = reason
    return error


@pytest.mark.parametrize("is_sent", [False, True])
@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (AddressRefused("10.0.0.1"), "address_blocked",
         "the host's name resolves to an address that deliveries may not reach"),
        (NameUnknown("10.0.0.1"), "dns", "the host's name could not be resolved"),
        (HostUnreachable("10.0.0.1"), "connect", "could not connect to the endpoint"),
        (HostUnreachable(errno.EACCES, "10.0.0.1"), "connect", "could not connect to the endpoint"),
        (HostUnreachable(errno.ECONNREFUSED, "10.0.0.1"), "connect",
         "the endpoint refused the connection: nothing listens on its port"),
        *((HostUnreachable(code, "10.0.0.1"), "connect", "there is no route to the endpoint's host from this worker")
          for code in (errno.ENETUNREACH, errno.EHOSTUNREACH)),
        (HostUnreachable(errno.ETIMEDOUT, "10.0.0.1"), "connect",
         "the endpoint's host did not respond to the connection"),
        (NotHttp("the response is not HTTP"), "bad_response", "the response is not HTTP"),
        (ssl.SSLError(1, "10.0.0.1"), "tls", "the TLS handshake with the endpoint failed"),
        (ssl.SSLEOFError(8, "10.0.0.1"), "tls", "the TLS handshake with the endpoint failed"),
        *((_reasoned(reason), "tls",
           "the endpoint does not speak TLS on this port: is it http:// instead of https://?")
          for reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")),
        (_reasoned("SSLV3_ALERT_HANDSHAKE_FAILURE"), "tls", "the TLS handshake with the endpoint failed"),
        (_unverified(9), "tls", f"{_CERTIFICATE} is not valid yet"),
        (_unverified(10), "tls", f"{_CERTIFICATE} has expired"),
        *((_unverified(code), "tls", _AUTHORITY) for code in (18, 19, 20, 21)),
        (_unverified(62), "tls", "the endpoint's certificate is not valid for its name"),
        (_unverified(64), "tls", "the endpoint's certificate is not valid for its address"),
        (_unverified(23), "tls", "the endpoint's certificate cannot be verified"),
    ],
)  # fmt: skip
def test_what_has_a_cause_of_its_own_is_named_for_it_whether_or_not_the_request_was_sent(
    error: Exception, kind: str, message: str, is_sent: bool
) -> None:
    assert name_of(error, is_sent=is_sent) == (kind, message)


@pytest.mark.parametrize(
    "error", [ConnectionResetError("10.0.0.1"), BrokenPipeError(), TimeoutError(), OSError(113, "")]
)
def test_any_other_end_of_a_connection_says_whether_the_request_was_sent(error: OSError) -> None:
    assert name_of(error, is_sent=True) == (
        "closed_without_answer",
        "the request was sent, then the connection closed without a response",
    )
    assert name_of(error, is_sent=False) == (
        "closed_while_sending",
        "the connection closed before the request was sent",
    )
