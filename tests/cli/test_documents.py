"""kronos config, payload-spec, and endpoint tests."""

import json

import pytest

from cli.commands import Kronos, shown


def test_configs_and_payload_specs_from_their_making_to_their_end(kronos: Kronos) -> None:
    assert shown(kronos("config", "create", "production", '{"region": "eu"}'))["values"] == '{"region":"eu"}'
    assert shown(kronos("config", "put", "production", '{"region": "us"}'))["version"] == "2"
    assert shown(kronos("config", "get", "production"))["values"] == '{"region":"us"}'
    assert "production" in kronos("config", "ls").stdout

    assert shown(kronos("payload-spec", "create", "report", '{"required": ["id"]}'))["version"] == "1"
    assert shown(kronos("payload-spec", "put", "report", "{}", "--dry-run"))["is_allowed"] == "true"
    assert shown(kronos("payload-spec", "put", "report", "{}", "--force"))["version"] == "2"
    assert 'not a "regex"' in kronos("payload-spec", "put", "report", '{"pattern": "(?=a)"}').stderr

    body = '{"r": "{{config.region}}"}'
    made = ("--to", "https://example.com/h", "--body", body, "--config", "production", "--payload-spec", "report")
    assert shown(kronos("endpoint", "create", "hook", *made, "--use", "latest"))["use"] == "latest"
    assert "named by the endpoints hook" in kronos("config", "rm", "production", "--yes").stderr
    rendered = json.loads(kronos("endpoint", "render", "hook", "--input", '{"id": 7}', "--json").stdout)
    assert rendered["body"] == {"r": "us"}
    kronos("endpoint", "create", "clock", "--to", "https://example.com/h", "--body", '"{{scheduled_at | local}}"')
    at = ("--tz", "Europe/Berlin", "--at", "2026-12-01T09:00:00Z")
    assert shown(kronos("endpoint", "render", "clock", *at))["body"] == "2026-12-01T10:00:00+01:00"

    kronos("endpoint", "create", "log", "--type", "KAFKA", "--to", "kafka.example.com:9092", "--topic", "log")
    rendered = shown(kronos("endpoint", "render", "log", "--input", '{"id": 7}'))
    assert rendered == {"bootstrap_servers": '["kafka.example.com:9092"]', "topic": "log", "value": '{"id":7}'}

    assert "config" not in shown(kronos("endpoint", "edit", "hook", "--body", "null", "--config", ""))
    assert kronos("config", "rm", "production", "--yes").stdout == "config production is deleted\n"
    assert shown(kronos("endpoint", "edit", "hook", "--payload-spec", ""))["version"] == "3"
    assert kronos("payload-spec", "rm", "report", "--yes").stdout == "payload spec report is deleted\n"


def test_a_test_delivery_that_is_no_success_ends_with_1(kronos: Kronos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronos.endpoint_tests._CLAIM_SECONDS", 0.0)  # no worker runs here
    kronos("endpoint", "create", "hook", "--to", "https://example.com/h", "--timeout-ms", "1")
    tried = kronos("endpoint", "test", "hook", "--input", '{"id": 7}')
    assert (tried.exit_code, "CANCELLED" in tried.stdout) == (1, True)


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (("config", "create", "none", "null"), "VALUES"),
        (("config", "put", "none", "null"), "VALUES"),
        (("payload-spec", "create", "none", "null"), "SCHEMA"),
        (("payload-spec", "put", "none", "null"), "SCHEMA"),
        (("job", "create-many", "--jobs", "null"), "--jobs"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else each,
)
def test_a_null_is_the_apis_to_refuse(kronos: Kronos, typed: tuple[str, ...], named: str) -> None:
    refused = kronos(*typed)
    assert (refused.exit_code, f"Error: {named}: " in refused.stderr) == (2, True), refused.output
