"""Endpoints that deliver messages to a broker: render the message from a version's spec and an execution's input."""

import json
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Literal

from kronos.delivery import messages
from kronos.delivery.destinations import (
    Destination,
    KafkaCluster,
    KafkaTopic,
    Mail,
    Message,
    RedisStream,
    Sasl,
    Tls,
    check_pairs,
    kafka_brokers,
    mail_server,
    redis_server,
)
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.headers import identity_pairs
from kronos.delivery.template import render
from kronos.delivery.template_text import TemplateError
from kronos.model import Json, JsonObject
from kronos.records import dataclass
from kronos.worker.backoff import Backoff
from kronos.worker.claims import Claim
from kronos.worker.rules import Rules
from kronos.worker.vault import Needs

_MOST_CONNECT_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class StreamTarget:
    """A version of an endpoint, parsed once. `destination` is cached if it contains no template."""

    type: Literal["REDIS_STREAM", "KAFKA", "EMAIL"]
    spec: JsonObject = field(repr=False)
    backoff: Backoff
    spec_bytes: int = 0
    destination: Destination | None = None
    config: JsonObject = field(default_factory=dict)
    roots: frozenset[str] = frozenset({"input"})
    """Like HttpTarget.roots."""
    needs_facts: bool = False
    needs: Needs | None = None
    rules: Rules = field(default_factory=Rules)

    @property
    def is_fixed(self) -> bool:
        """Whether the destination is the same for all deliveries."""
        parts = (self.spec.get(name) for name in ("username", "password", "sasl", "tls"))
        return not any("{{" in json.dumps(part) for part in parts if part is not None)


_MADE = {"REDIS_STREAM": messages.entry, "KAFKA": messages.record, "EMAIL": messages.mail}


def rendered(
    claim: Claim, to: StreamTarget, context: Mapping[str, Json], policy: EgressPolicy, traceparent: str | None = None
) -> tuple[Destination, Message]:
    """Return the message and its destination. `traceparent`: the message's span, if traced. Raises Refused."""
    destination = to.destination
    if destination is None:
        destination = _destination(to, context, claim.timeout_ms / 1000, policy)
        if to.is_fixed:
            to.destination = destination
    own = identity_pairs(
        execution_id=claim.execution_id,
        job_id=claim.job_id,
        attempt_number=claim.attempt_count,
        scheduled_at=claim.scheduled_at,
        traceparent=traceparent,
    )
    made = _MADE[to.type](to.spec, context)
    return destination, replace(made, pairs=(*made.pairs, *own))


def _destination(to: StreamTarget, context: Mapping[str, Json], seconds: float, policy: EgressPolicy) -> Destination:
    spec = to.spec
    tls = _tls(spec.get("tls"), context)
    connect_ms = spec.get("connect_timeout_ms")
    connect = min(seconds, _MOST_CONNECT_SECONDS if connect_ms is None else float(connect_ms) / 1000)
    if to.type == "REDIS_STREAM":
        check_pairs(list(spec.get("fields_template") or messages.DEFAULT_FIELDS), "field")
        server = redis_server(_text(spec.get("redis_url"), "redis_url"), policy)
        return RedisStream(
            server=replace(
                server,
                tls=None if server.tls is None else tls or Tls(),
                username=_filled(spec.get("username"), context, "username"),
                password=_filled(spec.get("password"), context, "password"),
            ),
            stream=_text(spec.get("stream"), "stream"),
            max_len=spec.get("max_len"),
            is_approximate=spec.get("approximate_trimming", True) is not False,
            connect_seconds=connect,
        )
    if to.type == "EMAIL":
        return _mail(spec, tls, context, connect, policy)
    check_pairs(list(spec.get("headers") or {}), "header")
    return KafkaTopic(
        cluster=KafkaCluster(
            bootstrap=kafka_brokers(_some(spec.get("bootstrap_servers"), "bootstrap_servers"), policy),
            tls=tls,
            sasl=_sasl(spec.get("sasl"), context),
        ),
        topic=_text(spec.get("topic"), "topic"),
        needs_all=spec.get("acks", "all") == "all",
        connect_seconds=connect,
    )


def _mail(spec: JsonObject, tls: Tls | None, context: Mapping[str, Json], connect: float, policy: EgressPolicy) -> Mail:
    server = mail_server(_text(spec.get("smtp_url"), "smtp_url"), policy)
    is_clear = not server.is_tls_first and spec.get("starttls", True) is False
    return Mail(
        server=replace(
            server,
            tls=None if is_clear else tls or Tls(),
            username=_filled(spec.get("username"), context, "username"),
            password=_filled(spec.get("password"), context, "password"),
        ),
        sender=_text(spec.get("sender"), "sender"),
        to=tuple(_text(each, "to") for each in _some(spec.get("to"), "to")),
        connect_seconds=connect,
    )


def _tls(given: Json, context: Mapping[str, Json]) -> Tls | None:
    if given is None:
        return None
    names = ("ca_certificate", "client_certificate", "client_key")
    return Tls(**{name: _filled(given.get(name), context, f"tls.{name}") for name in names})


def _sasl(given: Json, context: Mapping[str, Json]) -> Sasl | None:
    if given is None:
        return None
    return Sasl(
        mechanism=_text(given.get("mechanism"), "sasl.mechanism"),
        username=_filled(given.get("username"), context, "sasl.username") or "",
        password=_filled(given.get("password"), context, "sasl.password") or "",
    )


def _filled(template: Json, context: Mapping[str, Json], name: str) -> str | None:
    """Render a text that may contain templates. Raises TemplateError, without the text."""
    if template is None:
        return None
    filled = render(template, context)
    if not isinstance(filled, str):
        raise TemplateError(f"the value of spec.{name} is not a string")
    return filled


def _text(value: Json, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise TemplateError(f"the endpoint's definition cannot be read: spec.{name} is not a string")
    return value


def _some(value: Json, name: str) -> tuple[Json, ...]:
    if not isinstance(value, list) or not value:
        raise TemplateError(f"the endpoint's definition cannot be read: spec.{name} is empty or not a list")
    return tuple(value)
