"""What a version of an endpoint says is what is delivered: to which server, with whose credentials, within which time;
and what cannot be read is a failure of its own deliveries, without its secrets."""

import json
from typing import Any

import pytest

from delivery.sending import LOCAL
from kronos.delivery.destinations import KafkaTopic, Mail, RedisStream, Sasl, Tls
from kronos.delivery.refused import Refused
from kronos.delivery.template_text import TemplateError
from kronos.worker import streaming, targets
from kronos.worker.claims import EndpointVersion
from kronos.worker.streaming import StreamTarget
from kronos.worker.targets import HttpTarget, Unusable
from worker.scripted import ENDPOINT, JOB, WORKSPACE, claim, execution

_CONTEXT: dict[str, Any] = {"input": {"a": 1}, "secret": {"user": "u-1", "password": "canary", "number": 7}}
_REDIS = {"redis_url": "redis://127.0.0.1:6379/3", "stream": "orders"}
_KAFKA = {"bootstrap_servers": ["127.0.0.1:9092", "127.0.0.2:9092"], "topic": "orders"}
_MAIL = {"smtp_url": "smtp://127.0.0.1:587", "sender": "a@example.com", "to": ["b@example.com", "c@example.com"]}
_SPECS: dict[str, dict[str, Any]] = {"REDIS_STREAM": _REDIS, "KAFKA": _KAFKA, "EMAIL": _MAIL}


def version(type: str, spec: object, **changes: Any) -> EndpointVersion:
    made = EndpointVersion(
        ENDPOINT, 1, type, spec if isinstance(spec, str) else json.dumps(spec), "{}", WORKSPACE, [], []
    )
    return made._replace(**changes)


def of(type: str, **spec: Any) -> StreamTarget:
    """The target of a version with this spec added to one that is valid."""
    made = targets.target(version(type, {**_SPECS[type], **spec}))
    assert isinstance(made, StreamTarget)
    return made


def destination(type: str, *, timeout_ms: int = 60_000, **spec: Any) -> Any:
    """Where a delivery goes."""
    return streaming.rendered(claim(timeout_ms=timeout_ms), of(type, **spec), _CONTEXT, LOCAL)[0]


def test_a_redis_stream_is_the_one_that_its_spec_names() -> None:
    plain = destination("REDIS_STREAM")
    assert isinstance(plain, RedisStream)
    assert (plain.stream, plain.max_len, plain.is_approximate) == ("orders", None, True)
    assert (plain.server.host, plain.server.port, plain.server.db) == ("127.0.0.1", 6379, 3)
    assert (plain.server.tls, plain.server.username, plain.server.password) == (None, None, None)
    trimmed = destination("REDIS_STREAM", max_len=5, approximate_trimming=False)
    assert (trimmed.max_len, trimmed.is_approximate) == (5, False)
    assert destination("REDIS_STREAM", approximate_trimming=None).is_approximate


def test_a_kafka_topic_is_the_one_that_its_spec_names() -> None:
    plain = destination("KAFKA")
    assert isinstance(plain, KafkaTopic)
    assert (plain.topic, plain.needs_all, plain.cluster.tls, plain.cluster.sasl) == ("orders", True, None, None)
    assert plain.cluster.bootstrap == (("127.0.0.1", 9092), ("127.0.0.2", 9092))
    assert [destination("KAFKA", acks=acks).needs_all for acks in ("all", "leader")] == [True, False]


def test_a_mail_goes_to_all_its_recipients_with_tls_unless_its_spec_says_otherwise() -> None:
    plain = destination("EMAIL")
    assert isinstance(plain, Mail)
    assert (plain.sender, plain.to) == ("a@example.com", ("b@example.com", "c@example.com"))
    assert (plain.server.tls, plain.server.is_tls_first) == (Tls(), False)
    assert destination("EMAIL", starttls=False).server.tls is None
    assert destination("EMAIL", starttls=None).server.tls == Tls()
    first = destination("EMAIL", smtp_url="smtps://127.0.0.1", starttls=False).server
    assert (first.port, first.tls) == (465, Tls()), "starttls is no matter where TLS comes first"


@pytest.mark.parametrize("type", ["REDIS_STREAM", "EMAIL"])
def test_user_and_password_are_filled_from_secrets(type: str) -> None:
    given: dict[str, Any] = {"username": "{{secret.user}}", "password": "p-{{secret.password}}"}
    server = destination(type, **given).server
    assert (server.username, server.password) == ("u-1", "p-canary")
    assert "canary" not in repr(server)


def test_sasl_is_filled_from_secrets_and_what_is_not_given_is_empty() -> None:
    given = {"mechanism": "PLAIN", "username": "{{secret.user}}", "password": "{{secret.password}}"}
    assert destination("KAFKA", sasl=given).cluster.sasl == Sasl(mechanism="PLAIN", username="u-1", password="canary")
    assert destination("KAFKA", sasl={"mechanism": "PLAIN"}).cluster.sasl == Sasl(
        mechanism="PLAIN", username="", password=""
    )


def test_tls_with_own_certificates_is_used_where_there_is_tls() -> None:
    given = {"ca_certificate": "CA", "client_certificate": "C", "client_key": "{{secret.password}}"}
    own = Tls(ca_certificate="CA", client_certificate="C", client_key="canary")
    assert destination("KAFKA", tls=given).cluster.tls == own
    assert destination("KAFKA", tls={}).cluster.tls == Tls()
    assert destination("REDIS_STREAM", redis_url="rediss://127.0.0.1:6380", tls=given).server.tls == own
    assert destination("REDIS_STREAM", redis_url="rediss://127.0.0.1:6380").server.tls == Tls()
    assert destination("REDIS_STREAM", tls=given).server.tls is None, "redis:// is without TLS"
    assert destination("EMAIL", tls=given).server.tls == own


@pytest.mark.parametrize("type", list(_SPECS))
@pytest.mark.parametrize(
    ("timeout_ms", "connect_timeout_ms", "seconds"),
    [(60_000, None, 10.0), (3_000, None, 3.0), (60_000, 30_000, 30.0), (60_000, 250, 0.25), (1_000, 2_000, 1.0)],
)
def test_the_time_for_a_connection_is_the_specs_or_ten_seconds_and_never_more_than_the_deliverys(
    type: str, timeout_ms: int, connect_timeout_ms: int | None, seconds: float
) -> None:
    found = destination(type, timeout_ms=timeout_ms, connect_timeout_ms=connect_timeout_ms)
    assert found.connect_seconds == seconds


@pytest.mark.parametrize("type", list(_SPECS))
def test_a_message_says_which_execution_it_is_after_what_its_author_set(type: str) -> None:
    _, made = streaming.rendered(claim(7, attempt_count=3), of(type), _CONTEXT, LOCAL, "00-a-b-01")
    names = {name: value for name, value in made.pairs}
    assert names["Kronos-Execution-Id"] == names["Idempotency-Key"] == execution(7).encode()
    assert (names["Kronos-Job-Id"], names["Kronos-Attempt"], names["traceparent"]) == (JOB.encode(), b"3", b"00-a-b-01")
    untraced = streaming.rendered(claim(7), of(type), _CONTEXT, LOCAL)[1]
    begins = f"00-{execution(7).replace('-', '')}-".encode()
    assert dict(untraced.pairs)["traceparent"].startswith(begins), "the execution's id is the trace's"


@pytest.mark.parametrize(
    ("type", "part"),
    [
        ("REDIS_STREAM", {"password": "{{secret.password}}"}),
        ("REDIS_STREAM", {"username": "{{secret.user}}"}),
        ("KAFKA", {"sasl": {"mechanism": "PLAIN", "password": "{{secret.password}}"}}),
        ("KAFKA", {"tls": {"client_key": "{{secret.password}}"}}),
    ],
)
def test_a_destination_without_secrets_is_made_once_and_one_with_them_for_each_delivery(
    type: str, part: dict[str, Any]
) -> None:
    """A rotated password must not be used any longer."""
    fixed, varying = of(type), of(type, **part)
    for to in (fixed, varying):
        streaming.rendered(claim(), to, _CONTEXT, LOCAL)
    assert (fixed.destination is None, varying.destination) == (False, None)
    first = fixed.destination
    assert streaming.rendered(claim(), fixed, _CONTEXT, LOCAL)[0] is first
    rotated = {**_CONTEXT, "secret": {"user": "u-2", "password": "new", "number": 7}}
    assert (
        streaming.rendered(claim(), varying, rotated, LOCAL)[0]
        != streaming.rendered(claim(), varying, _CONTEXT, LOCAL)[0]
    )


@pytest.mark.parametrize(
    ("type", "part", "said"),
    [
        ("REDIS_STREAM", {"stream": None}, "spec.stream is not a string"),
        ("REDIS_STREAM", {"stream": ""}, "spec.stream is not a string"),
        ("REDIS_STREAM", {"redis_url": 5}, "spec.redis_url is not a string"),
        ("REDIS_STREAM", {"password": "{{secret.number}}"}, "the value of spec.password is not a string"),
        ("KAFKA", {"topic": None}, "spec.topic is not a string"),
        ("KAFKA", {"bootstrap_servers": []}, "spec.bootstrap_servers is empty"),
        ("KAFKA", {"bootstrap_servers": None}, "spec.bootstrap_servers is empty"),
        ("KAFKA", {"sasl": {}}, "spec.sasl.mechanism is not a string"),
        ("KAFKA", {"sasl": {"mechanism": "PLAIN", "password": "{{secret.number}}"}}, "spec.sasl.password is not"),
        ("KAFKA", {"tls": {"client_key": "{{secret.number}}"}}, "spec.tls.client_key is not a string"),
        ("EMAIL", {"sender": None}, "spec.sender is not a string"),
        ("EMAIL", {"to": ["b@example.com", ""]}, "spec.to is not a string"),
        ("EMAIL", {"to": []}, "spec.to is empty"),
        ("EMAIL", {"to": None}, "spec.to is empty"),
        ("EMAIL", {"to": "b@example.com"}, "spec.to is empty"),
    ],
)
def test_what_a_spec_lacks_is_named_without_its_values(type: str, part: dict[str, Any], said: str) -> None:
    with pytest.raises(TemplateError) as refused:
        destination(type, **part)
    assert said in refused.value.message
    assert "canary" not in refused.value.message


@pytest.mark.parametrize(
    ("type", "part", "code"),
    [
        ("REDIS_STREAM", {"redis_url": "redis://10.0.0.1:6379"}, "address_blocked"),
        ("REDIS_STREAM", {"fields_template": {"Kronos-Attempt": "x"}}, "pair_reserved"),
        ("KAFKA", {"headers": {"Kronos-Attempt": "x"}}, "pair_reserved"),
        ("KAFKA", {"bootstrap_servers": ["127.0.0.1"]}, "url_malformed"),
    ],
)
def test_a_spec_that_this_release_would_refuse_is_refused_at_each_delivery(
    type: str, part: dict[str, Any], code: str
) -> None:
    """It may have been stored by an earlier one, or by SQL; the guard's rules may have changed since."""
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            destination(type, **part)
        assert refused.value.code == code


@pytest.mark.parametrize("type", [*_SPECS, "HTTP"])
def test_a_target_knows_its_size_its_configuration_and_which_values_its_templates_name(type: str) -> None:
    spec = {**_SPECS.get(type, {"url": "http://127.0.0.1/"}), "headers": {"x": "{{config.x}} {{job.name}}"}}
    given = version(type, spec, config='{"x": "y"}', secrets=["token"], signing_secrets=[])
    made = targets.target(given)
    assert isinstance(made, HttpTarget | StreamTarget)
    assert made.spec_bytes == len(given.spec) + len('{"x": "y"}')
    assert made.config == {"x": "y"}
    assert {"config", "job"} <= made.roots
    assert made.needs_facts
    assert made.needs is not None
    assert made.needs.names == ("token",)
    bare = targets.target(version(type, _SPECS.get(type, {"url": "http://127.0.0.1/"})))
    assert isinstance(bare, HttpTarget | StreamTarget)
    assert (bare.needs, bare.needs_facts, bare.config) == (None, False, {})


@pytest.mark.parametrize(
    ("spec", "connect", "idle"),
    [
        ({}, None, None),
        ({"connect_timeout_ms": 250}, 0.25, None),
        ({"idle_timeout_ms": 1500}, None, 1.5),
        ({"connect_timeout_ms": 0, "idle_timeout_ms": 1}, 0.0, 0.001),
    ],
)
def test_an_http_targets_time_limits_are_its_specs(
    spec: dict[str, Any], connect: float | None, idle: float | None
) -> None:
    made = targets.target(version("HTTP", {"url": "http://127.0.0.1/", **spec}))
    assert isinstance(made, HttpTarget)
    assert (made.limits.connect_seconds, made.limits.idle_seconds) == (connect, idle)


@pytest.mark.parametrize(
    ("url", "headers", "is_fixed"),
    [
        ("http://x/", {}, True),
        ("http://x/{{secret.token}}", {"A": "{{ secret.token }}"}, True),
        ("http://x/{{input.a}}", {}, False),
        ("http://x/", {"A": "b", "C": "{{execution.id}}"}, False),
        ("http://x/{{secret.token}}/{{job.id}}", {}, False),
    ],
)
def test_url_and_headers_are_the_same_for_all_deliveries_if_only_secrets_are_filled_in(
    url: str, headers: dict[str, str], is_fixed: bool
) -> None:
    made = targets.target(version("HTTP", {"url": url, "headers": headers}))
    assert isinstance(made, HttpTarget)
    assert made.is_fixed is is_fixed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (version("FAX", {}), "this worker cannot deliver to endpoints of type FAX"),
        (version("HTTP", "[]"), "spec is not an object"),
        (version("KAFKA", "[]"), "spec is not an object"),
        (version("HTTP", {}), "spec.url is not a string"),
        (version("HTTP", {"url": "http://x/", "method": 5}), "spec.method is not a string"),
        (version("HTTP", {"url": "http://x/", "headers": {"A": 5}}), "spec.headers.A is not a string"),
        (version("HTTP", {"url": "http://x/"}, config="5"), "config is not an object"),
        (version("EMAIL", _MAIL, retry_policy="[]"), "retry_policy is not an object"),
    ],
)
def test_a_version_that_cannot_be_read_says_what_is_wrong_with_it(given: EndpointVersion, said: str) -> None:
    made = targets.target(given)
    assert isinstance(made, Unusable)
    assert made.why.endswith(said)
