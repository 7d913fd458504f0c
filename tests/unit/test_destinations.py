"""Which addresses of brokers and mail servers are taken, as what, and what is stored of a message to them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kronos.delivery.destinations import (
    KAFKA_PORTS,
    MAIL_PORTS,
    REDIS_PORTS,
    BrokerError,
    KafkaCluster,
    KafkaTopic,
    Mail,
    MailServer,
    Message,
    RedisServer,
    RedisStream,
    Sasl,
    Tls,
    described,
    kafka_brokers,
    mail_server,
    redis_server,
)
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.refused import Refused

_PUBLIC = EgressPolicy()
_V6 = "2606:4700::1111"


@pytest.mark.parametrize(
    ("url", "host", "port", "db", "is_tls"),
    [
        ("redis://redis.example.com", "redis.example.com", 6379, 0, False),
        ("redis://redis.example.com/", "redis.example.com", 6379, 0, False),
        ("redis://redis.example.com:6380/15", "redis.example.com", 6380, 15, False),
        ("rediss://8.8.8.8:6380", "8.8.8.8", 6380, 0, True),
        ("rediss://redis.example.com/7", "redis.example.com", 6379, 7, True),
        (f"redis://[{_V6}]:6379/1", _V6, 6379, 1, False),
        ("redis://redis.example.com./0", "redis.example.com.", 6379, 0, False),
        ("redis://redis.example.com:10000/99999", "redis.example.com", 10000, 99999, False),
    ],
)
def test_a_redis_url_names_a_server_a_database_and_whether_it_is_tls(
    url: str, host: str, port: int, db: int, is_tls: bool
) -> None:
    expected = RedisServer(host=host, port=port, db=db, tls=Tls() if is_tls else None)
    assert redis_server(url, _PUBLIC) == expected
    assert redis_server(expected.url, _PUBLIC) == expected, "what is shown names the same server"


@pytest.mark.parametrize(
    ("url", "host", "port", "is_first"),
    [
        ("smtp://mail.example.com", "mail.example.com", 587, False),
        ("smtps://mail.example.com", "mail.example.com", 465, True),
        ("smtp://mail.example.com:25/", "mail.example.com", 25, False),
        ("smtps://8.8.8.8:2525", "8.8.8.8", 2525, True),
        (f"smtp://[{_V6}]:465", _V6, 465, False),
    ],
)
def test_a_mail_url_names_a_server_and_when_its_tls_begins(url: str, host: str, port: int, is_first: bool) -> None:
    expected = MailServer(host=host, port=port, is_tls_first=is_first)
    assert mail_server(url, _PUBLIC) == expected
    assert mail_server(expected.url, _PUBLIC) == expected, "what is shown names the same server"


def test_brokers_are_taken_in_their_order() -> None:
    servers = ["b.example.com:9092", f"[{_V6}]:9093", "8.8.8.8:19092"]
    assert kafka_brokers(servers, _PUBLIC) == (("b.example.com", 9092), (_V6, 9093), ("8.8.8.8", 19092))
    assert kafka_brokers([], _PUBLIC) == ()


_USERINFO = ("url_userinfo", "the URL has a user name or password before its host")


@pytest.mark.parametrize(
    ("rest", "code", "message"),
    [
        ("://u:pw@h.example.com", *_USERINFO),
        ("://@h.example.com", *_USERINFO),
        ("://h.example.com/@", *_USERINFO),
        ("://h.example.com:0", "url_malformed", "0 is not a valid port"),
        ("://h.example.com:65536", "url_malformed", "65536 is not a valid port"),
        ("://cache", "url_single_label", "the host 'cache' is a name of the local network only"),
        ("://10.0.0.1", "address_blocked", "deliveries may not go to 10.0.0.1 port {port}: it is a private, local or "
                                           "special address"),
        ("://[::1]", "address_blocked", "deliveries may not go to ::1 port {port}: it is a private, local or special "
                                        "address"),
        ("://h.example.com:5432", "url_port", "deliveries may not go to port 5432"),
        ("://8.8.8.8:9092", "url_port", "deliveries may not go to 8.8.8.8 port 9092"),
        ("://2130706433", "url_numeric_host", "the URL's host is a number, but not a canonical IP address"),
        *((rest, "url_malformed", "this is not the URL of a {kind} server") for rest in (
            "", "://", ":///0", "//h.example.com", "://h.example.com:", "://h.example.com:123456", "://h example.com",
            "://h.example.com/0/1", "://h.example.com/a", "://h.example.com?db=1", "://h.example.com#0",
            "://[h.example.com]", "://[::1", "://h.example.com/0\n", "://h.example.com:٦٣٧٩", "://h.example.com?a=@",
            "+x://h.example.com",
        )),
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["redis", "rediss", "smtp", "smtps"])
def test_a_url_that_names_no_server_is_refused_with_the_form_to_write(
    scheme: str, rest: str, code: str, message: str
) -> None:
    is_redis = scheme.startswith("redis")
    port = 6379 if is_redis else {"smtp": 587, "smtps": 465}[scheme]
    with pytest.raises(Refused) as refused:
        (redis_server if is_redis else mail_server)(scheme + rest, _PUBLIC)
    told = message.format(port=port, kind="Redis" if is_redis else "mail")
    assert (refused.value.code, refused.value.message, refused.value.pointer) == (code, told, "")
    if message.startswith("this is not"):
        assert refused.value.hint.startswith("Write redis://host:6379/0" if is_redis else "Write smtp://host:587")
    elif code == "url_userinfo":
        assert refused.value.hint == "Write user name and password in spec.username and spec.password."
    assert refused.value.hint
    assert "pw" not in f"{refused.value.message}{refused.value.hint}".replace("password", "")


@pytest.mark.parametrize(
    ("server", "message"),
    [
        *((server, "this is not a broker's address") for server in (
            "", "b.example.com", "b.example.com:", ":9092", "kafka://b.example.com:9092", "u@b.example.com:9092",
            "b.example.com:9092/", "b.example.com:123456", "[b.example.com]:9092", "::1:9092", "b.example.com:9092\n",
        )),
        ("b.example.com:0", "0 is not a valid port"),
        ("b.example.com:65536", "65536 is not a valid port"),
        ("b.example.com:6379", "deliveries may not go to port 6379"),
        ("10.0.0.1:9092", "deliveries may not go to 10.0.0.1 port 9092: it is a private, local or special address"),
    ],
)  # fmt: skip
def test_a_broker_that_is_none_is_refused_at_its_place(server: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        kafka_brokers(["b.example.com:9092", server, "b.example.com:6379"], _PUBLIC)
    assert (refused.value.message, refused.value.pointer) == (message, "/1")
    assert refused.value.hint


def test_each_kind_may_use_its_own_ports_and_none_of_the_others() -> None:
    kinds = (
        (REDIS_PORTS, lambda port: redis_server(f"redis://h.example.com:{port}", _PUBLIC)),
        (KAFKA_PORTS, lambda port: kafka_brokers([f"h.example.com:{port}"], _PUBLIC)),
        (MAIL_PORTS - {2525}, lambda port: mail_server(f"smtp://h.example.com:{port}", _PUBLIC)),
    )
    for own, take in kinds:
        for port in frozenset().union(*(ports for ports, _ in kinds)):
            if port in own:
                assert take(port)
            else:
                with pytest.raises(Refused, match=f"port {port}"):
                    take(port)


def test_addresses_that_the_operator_allows_are_taken() -> None:
    allowed = EgressPolicy.parse("10.0.0.0/8")
    assert redis_server("redis://10.0.0.1", allowed).host == "10.0.0.1"
    assert mail_server("smtp://10.0.0.1:25", allowed).port == 25
    assert kafka_brokers(["10.0.0.1:9092"], allowed) == (("10.0.0.1", 9092),)


_MESSAGE = Message(pairs=(("a", b"secret"), ("n" * 200, b"")), key=b"key", value=b"value")
_SERVER = RedisServer(host=_V6, port=6379, db=3, username="user", password="canary")
_MAIL = MailServer(host="mail.example.com", port=465, is_tls_first=True, username="user", password="canary")
_CLUSTER = KafkaCluster(
    bootstrap=(("b.example.com", 9092), (_V6, 9093)),
    tls=Tls(ca_certificate="ca", client_certificate="mine", client_key="canary"),
    sasl=Sasl(mechanism="PLAIN", username="user", password="canary"),
)


@pytest.mark.parametrize(
    ("to", "shown"),
    [
        (
            RedisStream(server=_SERVER, stream="orders"),
            {"type": "REDIS_STREAM", "url": f"redis://[{_V6}]:6379/3", "stream": "orders", "fields": ["a", "n" * 128]},
        ),
        (
            RedisStream(server=replace(_SERVER, tls=Tls()), stream="orders"),
            {"type": "REDIS_STREAM", "url": f"rediss://[{_V6}]:6379/3", "stream": "orders", "fields": ["a", "n" * 128]},
        ),
        (
            Mail(server=_MAIL, sender="kronos@example.com", to=("a@example.com", "b@example.com")),
            {"type": "EMAIL", "url": "smtps://mail.example.com:465", "from": "kronos@example.com",
             "to": ["a@example.com", "b@example.com"], "headers": ["a", "n" * 128]},
        ),
        (
            Mail(server=replace(_MAIL, is_tls_first=False), sender="k@example.com", to=()),
            {"type": "EMAIL", "url": "smtp://mail.example.com:465", "from": "k@example.com", "to": [],
             "headers": ["a", "n" * 128]},
        ),
        (
            KafkaTopic(cluster=_CLUSTER, topic="orders"),
            {"type": "KAFKA", "bootstrap_servers": ["b.example.com:9092", f"[{_V6}]:9093"], "topic": "orders",
             "headers": ["a", "n" * 128]},
        ),
    ],
)  # fmt: skip
def test_a_message_is_stored_with_its_names_and_size_and_without_values_and_credentials(
    to: RedisStream | Mail | KafkaTopic, shown: dict[str, Any]
) -> None:
    stored = described(to, _MESSAGE)
    assert json.loads(stored) == {**shown, "body_bytes": 215}
    for text in (stored, repr(to), repr(_MESSAGE)):
        assert "canary" not in text
        assert "secret" not in text


def test_names_of_an_odd_message_can_be_stored() -> None:
    to = RedisStream(server=_SERVER, stream="orders")
    odd = Message(pairs=(("a\0b\ud800", b""), ("é" * 100, b"")))
    assert json.loads(described(to, odd))["fields"] == ["a\ufffdb\ufffd", "é" * 64]


def test_a_brokers_error_may_be_retried_unless_it_says_otherwise() -> None:
    error = BrokerError("connect", "no connection")
    assert (str(error), error.kind, error.message) == ("no connection", "connect", "no connection")
    assert (error.is_retryable, error.is_unknown) == (True, False)
