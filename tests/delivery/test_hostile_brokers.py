"""Every forbidden address, by every way in which a broker's client can be sent there: no connection is made to any."""

import asyncio
import json

import pytest

from delivery.scripted_broker import ScriptedBroker
from delivery.sending import error_type
from kronos.delivery.destinations import (
    KAFKA_PORTS,
    REDIS_PORTS,
    KafkaCluster,
    KafkaTopic,
    Message,
    RedisServer,
    RedisStream,
    kafka_brokers,
    redis_server,
)
from kronos.delivery.egress import _INFRASTRUCTURE_PORTS, EgressPolicy
from kronos.delivery.outcome import Outcome
from kronos.delivery.refused import Refused
from kronos.delivery.streams import Streams
from unit.test_egress import REFUSED_ADDRESSES

pytestmark = pytest.mark.asyncio(loop_scope="module")
ONLY_2 = EgressPolicy.parse("127.0.0.2")
RECORD = Message(pairs=(("a", b"b"),), value=b"v")
NUMBERS = ["2130706433", "127.1", "0x7f.1", "0177.0.0.1", "0", "localhost", "metadata"]


class Everywhere:
    """A resolver: each name has the address that it contains, or the addresses that the test gives."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    async def resolve(self, host: str) -> list[str]:
        return self.addresses or [host]

    async def close(self) -> None:
        pass


def _redis(host: str, port: int = 6379) -> RedisStream:
    return RedisStream(server=RedisServer(host=host, port=port, db=0), stream="s")


def _kafka(*brokers: tuple[str, int]) -> KafkaTopic:
    return KafkaTopic(cluster=KafkaCluster(bootstrap=brokers), topic="orders")


def _is_refused(outcome: Outcome) -> bool:
    assert not any(address in json.dumps(outcome.error) for address in REFUSED_ADDRESSES if len(address) > 6)
    return (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "address_blocked", False)


async def _is_refused_whole(to: RedisStream | KafkaTopic, *addresses: str) -> bool:
    async with Streams(ONLY_2, resolver=Everywhere(*addresses)) as streams:
        return _is_refused(await streams.deliver(to, RECORD, seconds=20))


async def test_what_is_saved_names_no_such_address() -> None:
    """As a literal, and as a number that some parsers accept as one."""
    for host in [*REFUSED_ADDRESSES, *NUMBERS]:
        shown = f"[{host}]" if ":" in host else host
        with pytest.raises(Refused):
            redis_server(f"redis://{shown}:6379/0", EgressPolicy())
        with pytest.raises(Refused):
            kafka_brokers(["8.8.8.8:9092", f"{shown}:9092"], EgressPolicy())


async def test_another_infrastructures_ports_are_not_a_brokers() -> None:
    for port in [*_INFRASTRUCTURE_PORTS - REDIS_PORTS, 22, 25, 0, 65536, 99999]:
        with pytest.raises(Refused):
            redis_server(f"redis://redis.example.com:{port}/0", EgressPolicy())
    for port in [*_INFRASTRUCTURE_PORTS - KAFKA_PORTS, 22, 25, 0, 65536, 99999]:
        with pytest.raises(Refused):
            kafka_brokers([f"8.8.8.8:{port}"], EgressPolicy())


async def test_no_literal_address_is_connected_to(connected: list[str]) -> None:
    """Past the check on saving: as from a row that was written with SQL."""
    for address in REFUSED_ADDRESSES:
        assert await _is_refused_whole(_redis(address)), address
        assert await _is_refused_whole(_kafka((address, 9092))), address
    assert connected == []


async def test_no_name_leads_there(connected: list[str]) -> None:
    """By itself, and next to an allowed address."""
    for address in REFUSED_ADDRESSES:
        for addresses in ([address], ["127.0.0.2", address]):
            assert await _is_refused_whole(_redis("redis.test"), *addresses), addresses
            assert await _is_refused_whole(_kafka(("kafka.test", 9092)), *addresses), addresses
    assert connected == []


async def test_no_advertised_broker_is_connected_to_there(connected: list[str]) -> None:
    """The cluster's first broker is at an allowed address, and says that the leader is elsewhere."""
    for address in [*REFUSED_ADDRESSES, "rebound.test"]:
        broker = ScriptedBroker(advertises=(address, 9092))
        server = await asyncio.start_server(broker.talk, "127.0.0.2", 0)
        async with server, Streams(ONLY_2, resolver=Everywhere("10.0.0.1")) as streams:
            to = _kafka(("127.0.0.2", server.sockets[0].getsockname()[1]))
            assert _is_refused(await streams.deliver(to, RECORD, seconds=20)), address
    assert set(connected) == {"127.0.0.2"}


async def test_no_advertised_port_is_anothers() -> None:
    """A broker that redirects clients to the databases of public addresses."""
    for port in sorted(_INFRASTRUCTURE_PORTS - KAFKA_PORTS):
        broker = ScriptedBroker(advertises=("8.8.8.8", port))
        server = await asyncio.start_server(broker.talk, "127.0.0.2", 0)
        async with server, Streams(ONLY_2, resolver=Everywhere()) as streams:
            to = _kafka(("127.0.0.2", server.sockets[0].getsockname()[1]))
            assert _is_refused(await streams.deliver(to, RECORD, seconds=20)), port
