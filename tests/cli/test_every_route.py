"""Each operation of the API has a command that calls it, or a reason for having none."""

import re
from collections.abc import Iterator
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner

from cli.answering import Answering, answering
from kronos.__main__ import main

ID = "019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"
WINDOW = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z")
COMMANDS: dict[str, str] = {
    "create_job": "job create report --endpoint hook --every 90m",
    "list_jobs": "job ls",
    "get_job": "job get report",
    "update_job": "job edit report --every 60m",
    "cancel_job": "job rm report --yes",
    "preview_change": "job diff report --every 60m",
    "pause_job": "job pause report",
    "resume_job": "job resume report",
    "skip_next_ticks": "job skip-next report",
    "trigger_job": "job run report",
    "list_job_executions": "job executions report",
    "list_job_versions": "job versions report",
    "get_job_status": "job status report",
    "list_next_runs": "job next-runs report",
    "explain_job": "job explain report",
    "list_ticks": "job ticks report",
    "count_tick_days": "job ticks report --by-day",
    "apply_files_to_workspace": "apply -f - --yes",
    "export_workspace": "export",
    "create_jobs": "job create-many --jobs []",
    "change_jobs": "job bulk pause report",
    "list_glances": "job glance report",
    "list_executions": "execution ls",
    "get_execution": f"execution get {ID}",
    "cancel_execution": f"execution cancel {ID}",
    "retry_execution": f"execution retry {ID}",
    "list_attempts": f"execution attempts {ID}",
    "list_logs": f"execution logs {ID}",
    "listen_to_events": "logs -f",
    "backfill_job": f"job backfill report {' '.join(WINDOW)}",
    "list_backfills": "backfill ls report",
    "get_backfill": f"backfill get {ID}",
    "cancel_backfill": f"backfill cancel {ID}",
    "list_dead_letter_groups": "dead-letter groups",
    "list_dead_letters": "dead-letter ls",
    "redrive_dead_letters": "dead-letter redrive",
    "discard_dead_letters": "dead-letter discard --yes",
    "create_alert_rule": "alert-rule create nightly --failures 3",
    "list_alert_rules": "alert-rule ls",
    "get_alert_rule": "alert-rule get nightly",
    "put_alert_rule": "alert-rule put nightly --missed 1",
    "delete_alert_rule": "alert-rule rm nightly --yes",
    "list_incidents": "alert ls",
    "get_incident": f"alert get {ID}",
    "acknowledge_incident": f"alert ack {ID}",
    "snooze_incident": f"alert snooze {ID} --for 2h",
    "begin_operation": "job bulk pause --all",
    "list_operations": "operation ls",
    "get_operation": f"operation get {ID}",
    "cancel_operation": f"operation cancel {ID}",
    "get_overview": "overview",
    "get_load": "load",
    "get_load_of_minute": "load --at 2026-12-01T09:00:00Z",
    "get_load_plan": "load --plan",
    "get_instance_load": "system load",
    "create_endpoint": "endpoint create hook --to https://example.com/",
    "list_endpoints": "endpoint ls",
    "get_endpoint": "endpoint get hook",
    "put_endpoint": "endpoint edit hook --title Hook",
    "delete_endpoint": "endpoint rm hook --yes",
    "get_signing_keys": "endpoint signing-keys hook",
    "render_endpoint": "endpoint render hook",
    "try_endpoint": "endpoint test hook",
    "enable_endpoint": "endpoint enable hook",
    "disable_endpoint": "endpoint disable hook",
    "create_calendar": "calendar create bank --week mon-fri",
    "list_calendars": "calendar ls",
    "get_calendar": "calendar get bank",
    "put_calendar": "calendar put bank --week mon-fri",
    "delete_calendar": "calendar rm bank --yes",
    "preview_closed_schedule": "calendar next bank @daily",
    "create_config": "config create eu {}",
    "list_configs": "config ls",
    "get_config": "config get eu",
    "put_config": "config put eu {}",
    "delete_config": "config rm eu --yes",
    "create_payload_spec": "payload-spec create order {}",
    "list_payload_specs": "payload-spec ls",
    "get_payload_spec": "payload-spec get order",
    "put_payload_spec": "payload-spec put order {}",
    "delete_payload_spec": "payload-spec rm order --yes",
    "create_secret": "secret create token",
    "list_secrets": "secret ls",
    "get_secret": "secret get token",
    "put_secret": "secret set token",
    "delete_secret": "secret rm token --yes",
    "create_heartbeat": "heartbeat create backup --every 90m",
    "list_heartbeats": "heartbeat ls",
    "get_heartbeat": "heartbeat get backup",
    "put_heartbeat": "heartbeat edit backup --period 90",
    "delete_heartbeat": "heartbeat rm backup --yes",
    "pause_heartbeat": "heartbeat pause backup",
    "resume_heartbeat": "heartbeat resume backup",
    "rotate_heartbeat": "heartbeat rotate backup --yes",
    "list_pings": "heartbeat pings backup",
    "list_heartbeat_ticks": "heartbeat ticks backup",
    "create_workspace": "workspace create acme",
    "list_workspaces": "workspace ls",
    "get_workspace": "workspace get acme",
    "update_workspace": "workspace edit acme --name Acme",
    "delete_workspace": "workspace rm acme --yes",
    "create_key": "key create --role viewer",
    "list_keys": "key list",
    "revoke_key": "key revoke abcdefabcdef --yes",
    "rotate_key": "key rotate abcdefabcdef",
    "create_organization": "organization create umbrella",
    "list_organizations": "organization ls",
    "get_organization": "organization get umbrella",
    "update_organization": "organization edit umbrella --name Umbrella",
    "get_usage": "workspace usage acme",
    "get_quotas": "workspace quotas acme",
    "put_quotas": "workspace quotas acme --max-cron-jobs 5",
    "create_role_mapping": "role-mapping create reporters --role viewer",
    "list_role_mappings": "role-mapping ls",
    "delete_role_mapping": "role-mapping rm reporters",
    "get_me": "me",
    "list_own_workspaces": "workspace mine",
    "get_retention": "retention get",
    "put_retention": "retention edit --success-days 5",
    "list_audit": "audit list",
    "get_audit_head": "audit head",
    "export_audit": "audit export",
    "list_instance_audit": "audit list",
    "get_instance_audit_head": "audit head",
    "export_instance_audit": "audit export",
    "preview_schedule": "next 90m",
    "parse_schedule": "lint daily",
    "get_readiness": "system ready",
    "get_status": "system status",
    "list_workers": "system workers",
    "get_history": "system history",
    "get_alarms": "system alarms",
    "get_drift": "system drift",
}
WITHOUT = {
    "get_index": "a signpost for who opens the address in a browser or with curl",
    "get_health": "for probes: any command says that the API does not answer; `kronos system ready` says more",
}
_OF_THE_INSTANCE = {"list_instance_audit", "get_instance_audit_head", "export_instance_audit"}


@pytest.fixture(scope="module")
def answers() -> Iterator[Answering]:
    with answering() as made:
        yield made


@pytest.fixture
def operations(api: httpx.Client) -> dict[str, tuple[str, str]]:
    """Method and path by the operation's name."""
    document: dict[str, Any] = api.get("/openapi.json").json()
    return {
        operation["operationId"]: (method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def asked_by(answers: Answering, command: str, *, in_workspace: bool = True) -> list[tuple[str, str]]:
    known = {"KRONOS_URL": answers.url, "KRONOS_API_KEY": "kr_live_x", "KRONOS_DATABASE_URL": None}
    known["KRONOS_WORKSPACE"] = "acme" if in_workspace else None
    answers.asked.clear()
    ended = CliRunner().invoke(main, command.split(), env=known, input="jobs: []", catch_exceptions=False)
    assert ended.exit_code in (0, 1), ended.output
    return list(answers.asked)


def test_each_operation_has_a_command_or_a_reason(operations: dict[str, tuple[str, str]]) -> None:
    assert operations.keys() - COMMANDS.keys() - WITHOUT.keys() == set(), "an operation without a command"
    assert (COMMANDS.keys() | WITHOUT.keys()) - operations.keys() == set(), "the operation no longer exists"
    assert COMMANDS.keys() & WITHOUT.keys() == set()


def test_each_command_asks_its_operation(operations: dict[str, tuple[str, str]], answers: Answering) -> None:
    wrong = {}
    for name, command in COMMANDS.items():
        method, path = operations[name]
        wanted = re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)))
        asked = asked_by(answers, command, in_workspace=name not in _OF_THE_INSTANCE)
        if not any(each == method and wanted.fullmatch(at) for each, at in asked):
            wrong[command] = asked
    assert wrong == {}


# The resources and their verbs. A command exists only where the API has the operation.
_VERBS = {
    "workspace": "ls get create edit rm",
    "organization": "ls get create edit",
    "endpoint": "ls get create edit rm",
    "calendar": "ls get create edit rm",
    "config": "ls get create edit rm",
    "payload-spec": "ls get create edit rm",
    "secret": "ls get create edit rm",
    "key": "ls get create rm",
    "role-mapping": "ls create rm",
    "job": "ls get create edit rm",
    "execution": "ls get",
    "heartbeat": "ls get create edit rm",
    "backfill": "ls get",
    "operation": "ls get",
    "dead-letter": "ls",
    "alert": "ls get",
    "alert-rule": "ls get create edit rm",
    "audit": "ls",
    "retention": "get edit",
}
_OTHER_NAMES = {"ls": {"list"}, "get": {"show"}, "create": {"new"}, "edit": {"update"}, "rm": {"delete", "remove"}}


@pytest.mark.parametrize("resource", _VERBS)
def test_each_resource_has_the_same_verbs_and_their_other_names(resource: str) -> None:
    group = main.get_command(click.Context(main), resource)
    assert isinstance(group, click.Group)
    for verb in _VERBS[resource].split():
        for name in {verb, *_OTHER_NAMES[verb]}:
            assert name in group.commands, f"kronos {resource} {name}"
    listed = {verb for verb, command in group.commands.items() if not command.hidden}
    assert len({id(group.commands[verb].callback) for verb in listed}) == len(listed), "a verb is listed twice"
