"""Add entries to Redis streams, using redis-py's connections. Nothing is sent twice."""

import asyncio
import re
import select
import time
from dataclasses import replace
from typing import Any

from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from kronos.delivery.destinations import REDIS_PORTS, BrokerError, Message, RedisServer, RedisStream
from kronos.delivery.egress import EgressPolicy, Resolver
from kronos.delivery.failures import name_of
from kronos.delivery.progress import Progress
from kronos.delivery.trust import Trust
from kronos.delivery.wire import AnswerReader, context_of, opened
from kronos.model import JsonObject

_IDLE_SECONDS = 30.0
_SWEEP_SECONDS = 5.0
_MOST_IDLE = 512
_MOST_ANSWER_BYTES = 16 * 1024
"""Limit for the response to a login or an entry. An entry's id has 20 bytes, an error one line; a hostile server could
send an array of any length."""
_ENTRY_ID = re.compile(rb"[0-9]{1,20}-[0-9]{1,20}")
_CLUSTER = (
    "the server is a Redis Cluster node and redirects this stream; an endpoint delivers to one server, so set the URL "
    "of the node that has the stream's slot, or of a server outside a cluster"
)
# https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors: the first word is the error's kind.
# Rejected commands have no effect. These kinds need the server's operator, or the server recovers by itself.
_PASSING = {
    "OOM": "the Redis server is out of memory (maxmemory) and accepts no entries",
    "LOADING": "the Redis server is loading its data",
    "READONLY": "the Redis server is a replica and accepts no entries",
    "MASTERDOWN": "the Redis server is a replica that has lost its master",
    "BUSY": "the Redis server is busy with a script",
    "MISCONF": "the Redis server cannot save its data to disk and accepts no entries",
    "NOREPLICAS": "the Redis server has too few replicas (min-replicas-to-write) and accepts no entries",
    "MAXCLIENTS": "the Redis server has reached its maximum number of clients",
    "CLUSTERDOWN": "the Redis Cluster is down",
    "TRYAGAIN": "the Redis Cluster is moving the stream's slot",
}
_AUTH = {
    "NOAUTH": "the Redis server requires a password (spec.password)",
    "WRONGPASS": "the Redis server rejects the user name or the password",
    "NOPERM": "the user may not add to this stream (an ACL of the Redis server)",
    "DENIED": "the Redis server is in protected mode and requires a password",
}
_NODES = frozenset({"MOVED", "ASK", "CROSSSLOT"})
_WRONGTYPE = "the stream's key holds a value that is not a stream"


class _RedisConnection(Connection):
    """redis-py's connection over a stream opened by the guard; it opens none itself."""

    def __init__(
        self, reader: AnswerReader, writer: asyncio.StreamWriter, server: RedisServer, trusted: object
    ) -> None:
        """`trusted`: what `_trusted` returned when it was opened."""
        self._given = reader, writer
        self.trusted = trusted
        self.idle_since = 0.0
        super().__init__(
            host=server.host,
            port=server.port,
            db=server.db,
            username=server.username,
            password=server.password,
            protocol=2,  # no push messages: one of them redirects clients to another address
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,  # the delivery has its own deadline
            socket_connect_timeout=None,
            maint_notifications_config=None,
        )
        self._readable = select.poll()
        self._readable.register(writer.get_extra_info("socket").fileno(), select.POLLIN)

    async def _connect(self) -> None:
        self._reader, self._writer = self._given

    def begin_answer(self) -> None:
        """Begin a new response: its size is counted from here."""
        self._given[0].begin()

    @property
    def is_reusable(self) -> bool:
        """Whether the server has neither closed the connection nor sent anything."""
        reader, _ = self._given
        return self.is_connected and reader.is_empty and not reader.at_eof() and not self._readable.poll(0)

    async def abort(self) -> None:
        """Close the connection now and drop unsent data."""
        self._given[1].transport.abort()
        await self.disconnect(nowait=True)


class RedisTransport:
    """Kept and new connections of one worker; each carries one delivery at a time."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver) -> None:
        self._policy = replace(policy, ports=REDIS_PORTS)
        self._resolver = resolver
        self._idle: dict[RedisServer, list[_RedisConnection]] = {}
        self._idle_count = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def deliver(self, to: RedisStream, message: Message, progress: Progress, trust: Trust | None) -> JsonObject:
        """Add one entry, and return its stream and id. Raises BrokerError; TimeoutError and CancelledError close the
        connection."""
        connection = await self._take(to, progress, trust)
        try:
            entry_id = await _add(connection, to, message, progress)
        except BaseException:
            await connection.abort()  # also after a rejection: a server that became a replica may have been replaced
            raise
        self._keep(to.server, connection)
        return {"stream": to.stream, "entry_id": entry_id}

    async def close(self) -> None:
        """Close all kept connections."""
        if self._sweep is not None:
            self._sweep.cancel()
        for kept in self._idle.values():
            for connection in kept:
                await connection.abort()
        self._idle.clear()
        if self._closing:
            await asyncio.wait(self._closing)

    async def _take(self, to: RedisStream, progress: Progress, trust: Trust | None) -> _RedisConnection:
        kept = self._idle.get(to.server, [])
        while kept:
            connection = kept.pop()
            self._idle_count -= 1
            if connection.trusted is _trusted(trust) and connection.is_reusable:
                progress.is_connected = True
                return connection
            await connection.abort()
        try:
            async with asyncio.timeout(to.connect_seconds):
                return await self._open(to.server, progress, trust)
        except TimeoutError as error:
            why = f"no connection to the Redis server within {to.connect_seconds:g} s"
            raise BrokerError("timeout", why) from error

    async def _open(self, server: RedisServer, progress: Progress, trust: Trust | None) -> _RedisConnection:
        context = context_of(server.tls, trust) if trust is not None else None
        trusted = _trusted(trust)
        loop = asyncio.get_running_loop()
        reader = AnswerReader(_MOST_ANSWER_BYTES, loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport = await opened(
                lambda: protocol,
                policy=self._policy,
                resolver=self._resolver,
                host=server.host,
                port=server.port,
                context=context,
            )
        except OSError as error:
            kind, why = name_of(error, is_sent=False)
            raise BrokerError(kind, why, is_retryable=kind != "address_blocked") from error
        progress.is_connected = True
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        connection = _RedisConnection(reader, writer, server, trusted)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # logs in, and selects the database
        except BaseException as error:
            await connection.abort()
            if isinstance(error, RedisError | OSError | ValueError | RecursionError):
                raise _named(error) from error
            raise
        return connection

    def _keep(self, server: RedisServer, connection: _RedisConnection) -> None:
        connection.idle_since = time.monotonic()
        self._idle.setdefault(server, []).append(connection)
        self._idle_count += 1
        if self._idle_count > _MOST_IDLE:
            self._close_idle(min(kept[0].idle_since for kept in self._idle.values() if kept))
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_old)

    def _close_old(self) -> None:
        self._close_idle(time.monotonic() - _IDLE_SECONDS)
        again = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_old) if self._idle else None
        self._sweep = again

    def _close_idle(self, until: float) -> None:
        """Close connections idle since before `until`; each list is in order of time."""
        for server, kept in list(self._idle.items()):
            while kept and kept[0].idle_since <= until:
                task = asyncio.create_task(kept.pop(0).abort())
                self._idle_count -= 1
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            if not kept:
                del self._idle[server]


def _trusted(trust: Trust | None) -> object:
    """Return an object that is another one after the trusted authorities have changed; without TLS None."""
    return None if trust is None else trust.context


async def _add(connection: _RedisConnection, to: RedisStream, message: Message, progress: Progress) -> str:
    length: tuple[Any, ...] = ()
    if to.max_len is not None:
        length = ("MAXLEN", "~" if to.is_approximate else "=", to.max_len)
    fields = [part for pair in message.pairs for part in pair]
    command = connection.pack_command("XADD", to.stream, *length, "*", *fields)
    connection.begin_answer()
    progress.is_sent = True
    try:
        await connection.send_packed_command(command)
        answer = await connection.read_response()
    except (RedisError, OSError, ValueError, RecursionError) as error:
        if _is_refusal(error):
            raise _refusal(error) from error
        why = "the entry was sent, then the connection closed without a response; whether it is stored is not known"
        raise BrokerError("closed_without_answer", why, is_unknown=True) from error
    if not (isinstance(answer, bytes) and _ENTRY_ID.fullmatch(answer)):
        why = "the server's response is not an entry's id: it is not a Redis server"
        raise BrokerError("bad_response", why, is_unknown=True)
    return answer.decode("ascii")


def _named(error: Exception) -> BrokerError:
    """Return why a connection could not log in."""
    if _is_refusal(error):
        return _refusal(error)
    if isinstance(error, RedisConnectionError | OSError):
        return BrokerError("connect", "the Redis server closed the connection before it could be used")
    return BrokerError("bad_response", "the server does not speak Redis's protocol")


def _refusal(error: Exception) -> BrokerError:
    """Return the error for the server's error response. Only the first word of the server's text is passed on."""
    code = _code_of(error) or "ERR"
    if code in _NODES:
        return BrokerError("redirect", _CLUSTER, is_retryable=False)
    if code in _AUTH:
        return BrokerError("auth", _AUTH[code], is_retryable=False)
    if code in _PASSING:
        return BrokerError("broker", f"{_PASSING[code]} ({code})")
    if code == "WRONGTYPE":
        return BrokerError("broker", f"{_WRONGTYPE} (WRONGTYPE)", is_retryable=False)
    return BrokerError("broker", f"the Redis server rejected the entry ({code})", is_retryable=code != "ERR")


def _is_refusal(error: Exception) -> bool:
    """Whether it is an error response of the server, and not a failure of the connection."""
    return isinstance(error, ResponseError) or bool(getattr(error, "status_code", None))


def _code_of(error: Exception) -> str | None:
    if "max number of clients" in str(error):
        return "MAXCLIENTS"
    if "unauthenticated" in str(error):  # without login, a command may have ten words, and our entries have more
        return "NOAUTH"
    text = str(getattr(error, "status_code", None) or str(error).partition(" ")[0])
    return text if text.isascii() and text.isupper() and len(text) <= 32 else None
