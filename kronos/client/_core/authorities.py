"""The certificate authorities that clients trust."""

import os
import ssl
from functools import lru_cache

import httpx


def authorities() -> ssl.SSLContext:
    """Return httpx's default TLS context. All clients of a process share it: reading the authorities takes 18 ms of
    CPU, more than a call."""
    return _read(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=1)
def _read(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Return the context for these values of the variables that httpx reads."""
    return httpx.create_ssl_context()
