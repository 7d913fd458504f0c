"""Checks of an endpoint's spec when it is stored, per endpoint type."""

from collections.abc import Callable, Sequence

from kronos.api.endpoint_specs import BrokerTls, EmailSpec, HttpSpec, KafkaSpec, RedisStreamSpec
from kronos.delivery import destinations, template
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.refused import Refused

_Check = tuple[str, Callable[[], object]]


def spec_checks(spec: HttpSpec | RedisStreamSpec | KafkaSpec | EmailSpec, policy: EgressPolicy) -> Sequence[_Check]:
    """Return the checks of a spec with their pointers. A check raises Refused."""
    match spec:
        case HttpSpec():
            return (
                ("/spec/url", lambda: template.check_url_template(spec.url, policy)),
                ("/spec/headers", lambda: template.check_header_templates(spec.headers)),
                ("/spec/body_template", lambda: template.check(spec.body_template)),
            )
        case RedisStreamSpec():
            return (
                ("/spec/redis_url", lambda: destinations.redis_server(spec.redis_url, policy)),
                ("/spec/fields_template", lambda: destinations.check_pairs(list(spec.fields_template), "field")),
                ("/spec/fields_template", lambda: template.check(spec.fields_template)),
                ("/spec/username", lambda: template.check(spec.username)),
                ("/spec/password", lambda: _check_secret(spec.password)),
                *_tls_checks(spec.tls),
                ("/spec/tls", lambda: _check_scheme(spec)),
            )
        case EmailSpec():
            return (
                ("/spec/smtp_url", lambda: destinations.mail_server(spec.smtp_url, policy)),
                ("/spec/subject_template", lambda: template.check(spec.subject_template)),
                ("/spec/text_template", lambda: template.check(spec.text_template)),
                ("/spec/username", lambda: template.check(spec.username)),
                ("/spec/password", lambda: _check_secret(spec.password)),
                *_tls_checks(spec.tls),
            )
        case KafkaSpec():
            sasl = spec.sasl
            return (
                ("/spec/bootstrap_servers", lambda: destinations.kafka_brokers(spec.bootstrap_servers, policy)),
                ("/spec/key_template", lambda: template.check(spec.key_template)),
                ("/spec/value_template", lambda: template.check(spec.value_template)),
                ("/spec/headers", lambda: destinations.check_pairs(list(spec.headers), "header")),
                ("/spec/headers", lambda: template.check(spec.headers)),
                ("/spec/sasl/username", lambda: template.check(sasl.username if sasl else None)),
                ("/spec/sasl/password", lambda: _check_secret(sasl.password if sasl else None)),
                *_tls_checks(spec.tls),
            )


def _tls_checks(tls: BrokerTls | None) -> Sequence[_Check]:
    if tls is None:
        return ()
    return (
        ("/spec/tls/ca_certificate", lambda: template.check(tls.ca_certificate)),
        ("/spec/tls/client_certificate", lambda: template.check(tls.client_certificate)),
        ("/spec/tls/client_key", lambda: _check_secret(tls.client_key)),
        ("/spec/tls", lambda: _check_pair(tls)),
    )


def _check_secret(given: str | None) -> None:
    """Require that a password or key is a template with a secret: an endpoint is readable by many callers."""
    if given is not None and "{{" not in given:
        hint = "Store it as a secret and write {{secret.NAME}}."
        raise Refused("plain_secret", "a password or key would be readable in the endpoint", hint=hint)
    template.check(given)


def _check_pair(tls: BrokerTls) -> None:
    if (tls.client_certificate is None) != (tls.client_key is None):
        raise Refused("tls_half", "client certificate and key must be given together", hint="Give both or neither.")


def _check_scheme(spec: RedisStreamSpec) -> None:
    if spec.tls is not None and not spec.redis_url.startswith("rediss://"):
        raise Refused("tls_scheme", "tls requires a rediss:// URL", hint="Write rediss://, or omit tls.")
