"""Connections to brokers: opened through the egress guard, with limited responses, and closed without sending the
rest."""

import asyncio
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kronos.delivery.connections import HostUnreachable, connected_socket
from kronos.delivery.destinations import BrokerError, Tls
from kronos.delivery.egress import EgressPolicy, Resolver
from kronos.delivery.trust import Trust
from kronos.kept import Cache

MAX_ANSWER_BYTES = 1024 * 1024
"""Limit for one piece of a response. An entry's id has 20 bytes; a cluster's brokers and a topic's partitions 50 kB."""


# A context with the system's authorities takes as long to create as a hundred deliveries, and this much memory.
_CONTEXT_BYTES = 512 * 1024
_contexts: Cache[tuple[Tls, str | None], ssl.SSLContext] = Cache(budget=16 * _CONTEXT_BYTES, each=2 * _CONTEXT_BYTES)


class AnswerTooLarge(OSError):
    """A broker announced a response that is too large to wait for."""


class BoundedReader(asyncio.StreamReader):
    """A reader with a limit: libraries would read as many bytes as a hostile broker announces."""

    most_bytes = MAX_ANSWER_BYTES

    async def readexactly(self, n: int) -> bytes:
        """Like the base's. Raises AnswerTooLarge."""
        if not 0 <= n <= self.most_bytes:
            raise AnswerTooLarge(f"a response of {n} bytes was announced")
        return await super().readexactly(n)


class AnswerReader(BoundedReader):
    """A reader that also limits the total size of a response, which may have any number of pieces."""

    def __init__(self, most: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._most = self._left = most
        self._unread = 0

    @property
    def is_empty(self) -> bool:
        """Whether everything received was read."""
        return self._unread == 0

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # protocols receive bytes
        """Like the base's."""
        self._unread += len(data)
        super().feed_data(data)

    def begin(self) -> None:
        """Begin a new response."""
        self._left = self._most

    async def read(self, n: int = -1) -> bytes:
        """Like the base's. Raises AnswerTooLarge."""
        return self._counted(await super().read(n))

    async def readline(self) -> bytes:
        """Like the base's. Raises AnswerTooLarge."""
        return self._counted(await super().readline())

    async def readexactly(self, n: int) -> bytes:
        """Like the base's. Raises AnswerTooLarge."""
        if n > self._left:
            raise AnswerTooLarge(f"a response of more than {self._most} bytes")
        return self._counted(await super().readexactly(n))

    def _counted(self, read: bytes) -> bytes:
        self._unread -= len(read)
        self._left -= len(read)
        if self._left < 0:
            raise AnswerTooLarge(f"a response of more than {self._most} bytes")
        return read


async def opened(
    protocol: Callable[[], asyncio.Protocol],
    *,
    policy: EgressPolicy,
    resolver: Resolver,
    host: str,
    port: int,
    context: ssl.SSLContext | None,
) -> asyncio.Transport:
    """Open a connection, with the TLS handshake done. Raises AddressRefused, NameUnknown, HostUnreachable,
    ssl.SSLError."""
    connected = await connected_socket(policy, resolver, host, port)
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(
            protocol, sock=connected, ssl=context, server_hostname=host.removesuffix(".") if context else None
        )
    except BaseException as error:
        # The event loop may or may not close the socket. It must not be left to its finalizer.
        connected.close()
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            raise HostUnreachable("the connection ended before it could be used") from error
        raise
    return transport


def context_of(tls: Tls | None, trust: Trust) -> ssl.SSLContext | None:
    """Return the TLS context of a connection, or None without TLS. Raises BrokerError."""
    if tls is None:
        return None
    if tls == Tls():
        return trust.context
    try:
        return _own_context(tls, trust.ca_certificates)
    except (ssl.SSLError, ValueError, OSError) as error:
        message = "the certificates or the key in spec.tls cannot be read: they are not PEM, or do not belong together"
        raise BrokerError("tls", message, is_retryable=False) from error


def _own_context(tls: Tls, ca_certificates: str | None) -> ssl.SSLContext:
    if (kept := _contexts.get((tls, ca_certificates))) is not None:
        return kept
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for text in (ca_certificates, tls.ca_certificate):
        if text:
            # Comments may have any letters. Python takes ASCII only, and raises a TypeError otherwise.
            context.load_verify_locations(cadata=text.encode("ascii", "replace").decode())
    if tls.client_certificate:
        # Both in one file, which OpenSSL accepts.
        with _as_file(f"{tls.client_certificate}\n{tls.client_key or ''}\n") as path:
            context.load_cert_chain(path, password=_no_password)
    given = (ca_certificates, tls.ca_certificate, tls.client_certificate, tls.client_key)
    _contexts.put((tls, ca_certificates), context, _CONTEXT_BYTES + sum(len(text or "") for text in given))
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")  # OpenSSL would ask the terminal for its password


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Provide a text as a file, because OpenSSL reads keys only from files. On Linux the file is in memory."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            os.write(file, text.encode())
            yield f"/proc/self/fd/{file}"
        finally:
            os.close(file)
        return
    with tempfile.TemporaryDirectory() as folder:  # 0700
        path = Path(folder) / "certificate.pem"
        path.write_text(text)
        yield str(path)
