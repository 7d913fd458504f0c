"""A connection to a broker: aiokafka's protocol over a socket opened by the guard."""

import asyncio
from collections.abc import Callable
from ssl import SSLContext
from typing import Any

from aiokafka.conn import AIOKafkaConnection, AIOKafkaProtocol, CloseReason, ScramAuthenticator

from kronos.delivery.destinations import KafkaCluster
from kronos.delivery.egress import EgressPolicy, Resolver
from kronos.delivery.kafka_errors import unreached
from kronos.delivery.wire import MAX_ANSWER_BYTES, BoundedReader, opened

SILENT_SECONDS = 10.0
"""A connection is closed if its broker is silent for this long, or for the longest timeout of the waiting requests.
Responses come in order, so no later request can be answered first."""
_MOST_AT_FIRST = 16 * 1024
"""Limit of each response to a version lookup or a login, in bytes. Real ones have less than 1 KiB. Parsing 1 MiB of
versions takes aiokafka 0.4 s of the event loop, at each attempt."""
_MOST_ITERATIONS = 1_000_000
"""Maximum SCRAM iterations. Brokers request 4,096 to 16,384; each million takes half a second of a thread."""


class _Scram(ScramAuthenticator):  # type: ignore[misc]  # untyped
    """aiokafka's authenticator, with a limit on the work that a broker can demand."""

    def create_salted_password(self, salt: bytes, iterations: int) -> None:
        """Like the base's. Raises ValueError."""
        if not 0 < iterations <= _MOST_ITERATIONS:
            raise ValueError("the broker requests too many iterations")
        super().create_salted_password(salt, iterations)


class KafkaConnection(AIOKafkaConnection):  # type: ignore[misc]  # untyped
    """aiokafka's connection, over a socket opened by the guard."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        cluster: KafkaCluster,
        policy: EgressPolicy,
        resolver: Resolver,
        context: SSLContext | None,
        on_close: Callable[..., object],
    ) -> None:
        self._policy, self._resolver, self._context = policy, resolver, context
        sasl = cluster.sasl
        security = "SASL_" if sasl is not None else ""
        super().__init__(
            host,
            port,
            client_id="kronos",
            request_timeout_ms=int(SILENT_SECONDS * 1000),
            ssl_context=context,
            security_protocol=f"{security}{'SSL' if cluster.tls is not None else 'PLAINTEXT'}",
            on_close=on_close,
            sasl_mechanism=None if sasl is None else sasl.mechanism,
            sasl_plain_username=None if sasl is None else sasl.username,
            sasl_plain_password=None if sasl is None else sasl.password,
        )

    async def connect(self) -> None:
        """Open the connection, do the TLS handshake and log in. Raises OSError, KafkaError, ValueError; hostile
        responses raise others."""
        loop = asyncio.get_running_loop()
        self._closed_fut = loop.create_future()
        reader = BoundedReader(loop=loop)
        reader.most_bytes = _MOST_AT_FIRST
        protocol = AIOKafkaProtocol(self._closed_fut, reader, loop=loop)
        transport = await opened(
            lambda: protocol,
            policy=self._policy,
            resolver=self._resolver,
            host=self.host.strip("[]"),
            port=self.port,
            context=self._context,
        )
        self._reader, self._protocol = reader, protocol
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._read_task = self._create_reader_task()
        try:
            await self._do_version_lookup()
            if self._sasl_mechanism is not None:
                await self._do_sasl_handshake()
        except BaseException:
            self.close()
            raise
        reader.most_bytes = MAX_ANSWER_BYTES

    def authenticator_scram(self) -> _Scram:
        """Return the authenticator with a limit."""
        return _Scram(
            loop=self._loop,
            sasl_plain_password=self._sasl_plain_password,
            sasl_plain_username=self._sasl_plain_username,
            sasl_mechanism=self._sasl_mechanism,
        )

    async def drained(self) -> None:
        """Wait until the broker has read most of the data sent before, because unread data stays in memory. Raises
        BrokerError."""
        try:
            if self._writer is not None:
                await self._writer.drain()
        except OSError as error:
            raise unreached(error) from error

    def close(self, reason: CloseReason | None = None, exc: BaseException | None = None) -> Any:  # noqa: ANN401
        """Close the connection now and drop unsent data. The base would wait for a broker that does not read."""
        writer = self._writer
        closed = super().close(reason, exc)
        if writer is not None:
            writer.transport.abort()
        return closed
