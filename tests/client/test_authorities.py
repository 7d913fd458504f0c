"""The certificate authorities that clients trust: read once per process, in the same way as httpx reads them."""

import ssl
from pathlib import Path

import certifi
import httpx
import pytest

from kronos.client import Kronos
from kronos.client._core.authorities import authorities


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """The contexts that httpx creates."""
    contexts: list[ssl.SSLContext] = []
    make = httpx.create_ssl_context

    def counted() -> ssl.SSLContext:
        contexts.append(make())
        return contexts[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    return contexts


def test_the_clients_of_a_process_read_them_once(made: list[ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent/of-this-test")
    for _ in range(3):
        Kronos("http://127.0.0.1:9", "kr_live_key").close()
    assert made == [authorities()]


def test_they_are_those_that_httpx_trusts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No other certificates are trusted, and the host name is checked."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    trusted = authorities()
    assert (trusted.verify_mode, trusted.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(trusted.get_ca_certs()) > 50
    one = tmp_path / "one.pem"
    first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----")
    one.write_text(first + end)
    monkeypatch.setenv("SSL_CERT_FILE", str(one))
    assert len(authorities().get_ca_certs()) == 1
