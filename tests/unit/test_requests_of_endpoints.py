"""What a request for an endpoint asks for, and which of its fields contradict each other or give a secret away."""

from typing import Any

import pytest
from pydantic import BaseModel

from kronos import errors
from kronos.api.endpoint_schemas import (
    EmailEndpointPut,
    HttpEndpointPut,
    KafkaEndpointPut,
    RateBody,
    RedisStreamEndpointPut,
)
from kronos.api.requests import burst_of, new_endpoint, secrets_named
from kronos.delivery import drivers
from kronos.delivery.egress import EgressPolicy
from kronos.endpoints import KeyLimit, NewEndpoint, Rate

POLICY = EgressPolicy.parse("")
SPECS: dict[str, dict[str, Any]] = {
    "HTTP": {"url": "https://example.com/hook"},
    "REDIS_STREAM": {"redis_url": "redis://redis.example.com:6379/0", "stream": "s"},
    "KAFKA": {"bootstrap_servers": ["kafka.example.com:9092"], "topic": "t"},
    "EMAIL": {"smtp_url": "smtp://mail.example.com:587", "sender": "a@example.com", "to": ["b@example.com"]},
}
BODIES: dict[str, type[BaseModel]] = {
    "HTTP": HttpEndpointPut, "REDIS_STREAM": RedisStreamEndpointPut, "KAFKA": KafkaEndpointPut,
    "EMAIL": EmailEndpointPut,
}  # fmt: skip


def body_of(kind: str = "HTTP", *, spec: dict[str, Any] | None = None, **more: Any) -> Any:
    return BODIES[kind].model_validate({"type": kind, "spec": {**SPECS[kind], **(spec or {})}, **more})


def asked(kind: str = "HTTP", *, spec: dict[str, Any] | None = None, **more: Any) -> NewEndpoint:
    return new_endpoint("sink", body_of(kind, spec=spec, **more), POLICY)


def faults(kind: str = "HTTP", *, spec: dict[str, Any] | None = None, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(errors.Unprocessable) as caught:
        asked(kind, spec=spec, **more)
    assert all(fault.hint for fault in caught.value.faults)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


@pytest.mark.parametrize("kind", SPECS)
def test_each_kind_of_endpoint_is_made_with_its_defaults(kind: str) -> None:
    made = asked(kind)
    assert (made.name, made.type, made.secrets, made.signing_secrets, made.rate, made.key_limit) == (
        "sink", kind, (), (), None, None,
    )  # fmt: skip
    assert made.timeout_ms == made.spec["timeout_ms"]
    assert {name: made.spec[name] for name in SPECS[kind]} == SPECS[kind]
    assert (made.retry_policy.max_attempts, made.max_in_flight, made.group, made.title) == (5, None, None, None)


def test_every_field_of_a_request_arrives() -> None:
    made = asked(
        title="Sink", group="private-net", on_disabled="SKIP", max_in_flight=7, payload_spec="orders", config="prod",
        signing_secrets=["b", "a"], retry_policy={"max_attempts": 2, "delays_ms": [5]},
        spec={"timeout_ms": 1234, "headers": {"Authorization": "Bearer {{secret.token}}"}},
        limits={"rate": {"count": 100, "per_seconds": 60, "burst": 3}, "concurrency_key": "{{input.customer}}",
                "max_concurrency_per_key": 4},
    )  # fmt: skip
    assert (made.title, made.group, made.on_disabled, made.max_in_flight) == ("Sink", "private-net", "SKIP", 7)
    assert (made.payload_spec, made.config, made.signing_secrets) == ("orders", "prod", ("b", "a"))
    assert (made.secrets, made.timeout_ms) == (("a", "b", "token"), 1234)
    assert (made.retry_policy.max_attempts, made.retry_policy.delays_ms) == (2, [5])
    assert made.rate == Rate(count=100, per_seconds=60, burst=3)
    assert made.key_limit is not None
    assert (made.key_limit.template, made.key_limit.max_concurrency) == ("{{input.customer}}", 4)


@pytest.mark.parametrize(
    ("count", "per_seconds", "burst"),
    [(1, 1, 1), (20, 1, 1), (21, 1, 2), (100, 1, 5), (100, 60, 1), (1_000_000, 1, 50_000), (1201, 60, 2)],
)
def test_a_rate_without_a_burst_lets_through_together_what_it_allows_in_50_ms(
    count: int, per_seconds: int, burst: int
) -> None:
    assert burst_of(RateBody(count=count, per_seconds=per_seconds)) == burst
    assert burst_of(RateBody(count=count, per_seconds=per_seconds, burst=9)) == 9


def test_a_limit_per_key_is_one_unless_it_is_given() -> None:
    key_limit = asked(limits={"concurrency_key": "{{input.customer}}"}).key_limit
    assert isinstance(key_limit, KeyLimit)
    assert key_limit.max_concurrency == 1
    assert key_limit.parts


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"limits": {"max_concurrency_per_key": 2}},
            [(
                "/limits/max_concurrency_per_key",
                "it limits deliveries with the same concurrency_key, which is missing",
            )],
        ),
        (
            {"max_in_flight": 3, "limits": {"max_in_flight": 4}},
            [("/limits/max_in_flight", "4 differs from max_in_flight, 3")],
        ),
        (
            {"max_in_flight": 3, "limits": {"max_in_flight": None}},
            [("/limits/max_in_flight", "null differs from max_in_flight, 3")],
        ),
        (
            {"max_in_flight": None, "limits": {"max_in_flight": 3}},
            [("/limits/max_in_flight", "3 differs from max_in_flight, null")],
        ),
        (
            {"retry_policy": {"initial_delay_ms": 500, "max_delay_ms": 499}},
            [("/retry_policy/max_delay_ms", "499 is less than initial_delay_ms (500)")],
        ),
        (
            {"retry_policy": {"retryable_status_codes": [503, 500, 409], "permanent_status_codes": [501, 500, 409]}},
            [("/retry_policy/permanent_status_codes", "409 is also in retryable_status_codes")],
        ),
        ({"signing_secrets": ["a", "a"]}, [("/signing_secrets", "a secret is named twice")]),
    ],
)  # fmt: skip
def test_fields_that_contradict_each_other_are_named(more: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert faults(**more) == expected


@pytest.mark.parametrize(
    ("more", "limit"),
    [
        ({"max_in_flight": 3, "limits": {"max_in_flight": 3}}, 3),
        ({"limits": {"max_in_flight": 4}}, 4),
        ({"max_in_flight": 5}, 5),
        ({"max_in_flight": 5, "limits": {}}, 5),
        ({"max_in_flight": None, "limits": {"max_in_flight": None}}, None),
    ],
)
def test_the_limit_of_deliveries_may_be_given_in_either_place(more: dict[str, Any], limit: int | None) -> None:
    assert asked(**more).max_in_flight == limit


@pytest.mark.parametrize("key", ["customer", "{{config.region}}", "{{input.customer"])
def test_a_key_of_a_limit_is_a_template_over_the_input(key: str) -> None:
    assert [pointer for pointer, _ in faults(limits={"concurrency_key": key})] == ["/limits/concurrency_key"]


def test_a_hint_says_what_to_write_instead() -> None:
    def hint(**more: Any) -> str | None:
        with pytest.raises(errors.Unprocessable) as caught:
            asked("EMAIL", **more)
        return caught.value.faults[0].hint

    assert hint(spec={"password": "hunter2"}) == "Store it as a secret and write {{secret.NAME}}."
    assert hint(spec={"tls": {"client_certificate": "c"}}) == "Give both or neither."


def test_the_longest_delay_may_be_the_first_one() -> None:
    retry = asked(retry_policy={"initial_delay_ms": 500, "max_delay_ms": 500}).retry_policy
    assert (retry.initial_delay_ms, retry.max_delay_ms) == (500, 500)


@pytest.mark.parametrize("name", ["retryable_status_codes", "permanent_status_codes", "slow_down_status_codes"])
def test_status_codes_are_for_http_only_but_what_get_returned_may_come_back(name: str) -> None:
    assert faults("KAFKA", retry_policy={name: [418]}) == [
        (f"/retry_policy/{name}", "only HTTP responses have status codes")
    ]
    defaults = {"retryable_status_codes": None, "permanent_status_codes": [], "slow_down_status_codes": [429, 503]}
    assert asked("KAFKA", retry_policy={name: defaults[name]})
    assert asked("HTTP", retry_policy={name: [418]})


def test_only_http_requests_are_signed() -> None:
    assert faults("REDIS_STREAM", signing_secrets=["a"]) == [("/signing_secrets", "only HTTP requests are signed")]


def test_a_delivery_may_use_thirty_two_secrets() -> None:
    def headers(number: int) -> dict[str, str]:
        return {f"X-{each}": f"{{{{secret.s{each}}}}}" for each in range(number)}

    assert len(asked(spec={"headers": headers(32)}).secrets) == 32
    assert faults(spec={"headers": headers(31)}, signing_secrets=["x", "y"]) == [
        ("/spec", "33 secrets are named; a delivery may use at most 32")
    ]
    assert len(asked(spec={"headers": headers(31)}, signing_secrets=["x", "s0"]).secrets) == 32


def test_secrets_are_named_wherever_a_template_may_stand() -> None:
    named = body_of(
        "KAFKA",
        spec={
            "key_template": "{{secret.k}}", "value_template": {"a": ["{{secret.v}}"]}, "headers": {"h": "{{secret.h}}"},
            "sasl": {"mechanism": "PLAIN", "username": "{{secret.u}}", "password": "{{secret.p}}"},
            "tls": {"ca_certificate": "{{secret.ca}}", "client_certificate": "{{secret.c}}",
                    "client_key": "{{secret.ck}}"},
        },
    )  # fmt: skip
    assert secrets_named(named) == ("c", "ca", "ck", "h", "k", "p", "u", "v")


PLAIN = "a password or key would be readable in the endpoint"
HALF = "client certificate and key must be given together"


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("HTTP", {"url": "ftp://example.com"}, "/spec/url"),
        ("HTTP", {"headers": {"Host": "x"}}, "/spec/headers/Host"),
        ("HTTP", {"body_template": {"a": "{{nothing"}}, "/spec/body_template/a"),
        ("REDIS_STREAM", {"redis_url": "http://example.com"}, "/spec/redis_url"),
        ("REDIS_STREAM", {"fields_template": {"a": "{{nothing"}}, "/spec/fields_template/a"),
        ("REDIS_STREAM", {"username": "{{nothing"}, "/spec/username"),
        ("REDIS_STREAM", {"password": "{{nothing"}, "/spec/password"),
        ("EMAIL", {"smtp_url": "http://example.com"}, "/spec/smtp_url"),
        ("EMAIL", {"subject_template": "{{nothing"}, "/spec/subject_template"),
        ("EMAIL", {"text_template": "{{nothing"}, "/spec/text_template"),
        ("EMAIL", {"username": "{{nothing"}, "/spec/username"),
        ("EMAIL", {"password": "{{nothing"}, "/spec/password"),
        ("KAFKA", {"bootstrap_servers": ["kafka.example.com"]}, "/spec/bootstrap_servers/0"),
        ("KAFKA", {"key_template": "{{nothing"}, "/spec/key_template"),
        ("KAFKA", {"value_template": ["{{nothing"]}, "/spec/value_template/0"),
        ("KAFKA", {"headers": {"a": "{{nothing"}}, "/spec/headers/a"),
        (
            "KAFKA", {"sasl": {"mechanism": "PLAIN", "username": "{{nothing", "password": "{{secret.p}}"}},
            "/spec/sasl/username",
        ),
        ("KAFKA", {"tls": {"ca_certificate": "{{nothing"}}, "/spec/tls/ca_certificate"),
        (
            "KAFKA", {"tls": {"client_certificate": "{{nothing", "client_key": "{{secret.k}}"}},
            "/spec/tls/client_certificate",
        ),
    ],
)  # fmt: skip
def test_each_part_of_a_spec_is_checked_when_it_is_stored(kind: str, spec: dict[str, Any], expected: str) -> None:
    assert [pointer for pointer, _ in faults(kind, spec=spec)] == [expected]


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("REDIS_STREAM", {"password": "hunter2"}, [("/spec/password", PLAIN)]),
        ("EMAIL", {"username": "u", "password": "hunter2"}, [("/spec/password", PLAIN)]),
        (
            "KAFKA", {"sasl": {"mechanism": "PLAIN", "username": "u", "password": "hunter2"}},
            [("/spec/sasl/password", PLAIN)],
        ),
        (
            "KAFKA", {"tls": {"client_certificate": "c", "client_key": "-----BEGIN PRIVATE KEY-----"}},
            [("/spec/tls/client_key", PLAIN)],
        ),
        ("KAFKA", {"tls": {"client_certificate": "c"}}, [("/spec/tls", HALF)]),
        ("EMAIL", {"tls": {"client_key": "{{secret.k}}"}}, [("/spec/tls", HALF)]),
        ("REDIS_STREAM", {"tls": {}}, [("/spec/tls", "tls requires a rediss:// URL")]),
    ],
)  # fmt: skip
def test_a_password_is_a_secret_and_tls_is_whole(
    kind: str, spec: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(kind, spec=spec) == expected


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("REDIS_STREAM", {"redis_url": "rediss://redis.example.com", "tls": {"ca_certificate": "x"}}),
        ("REDIS_STREAM", {"password": "{{secret.p}}"}),
        ("KAFKA", {"tls": {"client_certificate": "c", "client_key": "{{secret.k}}"}}),
        ("KAFKA", {"tls": {}}),
        ("EMAIL", {"username": "u", "password": "{{secret.p}}", "tls": {"ca_certificate": "x"}}),
    ],
)
def test_what_is_whole_and_secret_is_stored(kind: str, spec: dict[str, Any]) -> None:
    assert asked(kind, spec=spec).type == kind


def test_a_kind_without_its_driver_is_refused_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "is_missing", lambda kind: True)
    assert faults("KAFKA") == [("/type", "this server has no driver for endpoints of type KAFKA")]
    assert asked("HTTP").type == "HTTP"
