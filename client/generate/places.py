"""The place of each operation in the client, and whether a call is repeated when its response is lost.

An operation that is not listed here is a method of its tag's resource, with its operationId as name. Its writes are not
repeated: list those that may be here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

ALWAYS, KEYED, NEVER = '"always"', '"keyed"', '"never"'
WHERE_CONDITIONAL = '"always" if if_match is not None else "never"'
"""A PATCH takes effect only once under If-Match."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A method of a resource. `validate_only` is the value that it sends, and `answer` the models that it then returns.
    `repeat` is an expression."""

    resource: str
    name: str
    repeat: str | None = None
    validate_only: bool | None = None
    answer: tuple[str, ...] | None = None


def _places(resource: str, **names: str | tuple[str, str]) -> dict[str, tuple[Place, ...]]:
    made: dict[str, tuple[Place, ...]] = {}
    for operation, told in names.items():
        name, repeat = told if isinstance(told, tuple) else (told, None)
        made[operation] = (Place(resource=resource, name=name, repeat=repeat),)
    return made


def _twice(
    operation: str, resource: str, name: str, count: str, *, answer: tuple[str, ...], counted: str, repeat: str
) -> dict[str, tuple[Place, ...]]:
    """Return two methods for an operation: one acts, the other sends validate_only and shows what would happen."""
    return {
        operation: (
            Place(resource=resource, name=name, validate_only=False, answer=answer, repeat=repeat),
            Place(resource=resource, name=count, validate_only=True, answer=(counted,), repeat=ALWAYS),
        )
    }


_BULK = '"keyed" if bulk.get("action") == "trigger" else "always"'

PLACES: Mapping[str, tuple[Place, ...]] = {
    **_places(
        "jobs",
        create_job=("create", KEYED),
        list_jobs="list",
        get_job="get",
        update_job=("edit", WHERE_CONDITIONAL),
        cancel_job=("cancel", ALWAYS),
        preview_change=("diff", ALWAYS),
        pause_job=("pause", ALWAYS),
        resume_job=("resume", ALWAYS),
        skip_next_ticks=("skip_next", NEVER),
        trigger_job=("trigger", KEYED),
        list_job_executions="executions",
        list_job_versions="versions",
        get_job_status="status",
        list_next_runs="next_runs",
        explain_job="explain",
        list_ticks="ticks",
        count_tick_days="tick_days",
        create_jobs=("batch", '"always" if all_keyed(batch["jobs"]) else "never"'),
        list_glances="glances",
    ),
    **_twice("change_jobs", "jobs", "bulk", "count_bulk", answer=("BulkDone",), counted="BulkCount", repeat=_BULK),
    **_places(
        "executions",
        list_executions="list",
        get_execution="get",
        cancel_execution=("cancel", ALWAYS),
        retry_execution=("retry", KEYED),
        list_attempts="attempts",
        list_logs="logs",
    ),
    **_places("backfills", list_backfills="list", get_backfill="get", cancel_backfill=("cancel", ALWAYS)),
    **_twice(
        "backfill_job", "backfills", "create", "count", answer=("Backfill",), counted="BackfillCount", repeat=KEYED
    ),
    **_places("dead_letters", list_dead_letters="list", list_dead_letter_groups="groups"),
    **_twice(
        "redrive_dead_letters",
        "dead_letters",
        "redrive",
        "count_redrive",
        answer=("BulkOperation",),
        counted="DeadLetterCount",
        repeat=KEYED,
    ),
    **_twice(
        "discard_dead_letters",
        "dead_letters",
        "discard",
        "count_discard",
        answer=("BulkOperation",),
        counted="DeadLetterCount",
        repeat=KEYED,
    ),
    **_places(
        "operations",
        begin_operation=("begin", KEYED),
        list_operations="list",
        get_operation="get",
        cancel_operation=("cancel", ALWAYS),
    ),
    **_twice(
        "apply_files_to_workspace", "files", "apply", "plan", answer=("Applied",), counted="Applied", repeat=ALWAYS
    ),
    **_places("files", export_workspace="export"),
    **_places(
        "overview", get_overview="get", get_load="load", get_load_of_minute="load_of_minute", get_load_plan="load_plan"
    ),
    **_places(
        "endpoints",
        create_endpoint=("create", KEYED),
        list_endpoints="list",
        get_endpoint="get",
        delete_endpoint=("delete", ALWAYS),
        get_signing_keys="signing_keys",
        render_endpoint=("render", ALWAYS),
        try_endpoint=("test", KEYED),
        enable_endpoint=("enable", ALWAYS),
        disable_endpoint=("disable", ALWAYS),
    ),
    **_twice("put_endpoint", "endpoints", "put", "check", answer=("Endpoint",), counted="SpecVerdict", repeat=ALWAYS),
    **_places(
        "alert_rules",
        create_alert_rule="create",
        list_alert_rules="list",
        get_alert_rule="get",
        put_alert_rule=("put", ALWAYS),
        delete_alert_rule=("delete", ALWAYS),
    ),
    **_places(
        "incidents",
        list_incidents="list",
        get_incident="get",
        acknowledge_incident=("acknowledge", ALWAYS),
        snooze_incident=("snooze", ALWAYS),
    ),
    **_places(
        "configs",
        create_config=("create", KEYED),
        list_configs="list",
        get_config="get",
        put_config=("put", ALWAYS),
        delete_config=("delete", ALWAYS),
    ),
    **_places(
        "calendars",
        create_calendar=("create", KEYED),
        list_calendars="list",
        get_calendar="get",
        put_calendar=("put", ALWAYS),
        delete_calendar=("delete", ALWAYS),
        preview_closed_schedule=("preview", ALWAYS),
    ),
    **_places(
        "payload_specs",
        create_payload_spec=("create", KEYED),
        list_payload_specs="list",
        get_payload_spec="get",
        delete_payload_spec=("delete", ALWAYS),
    ),
    **_twice(
        "put_payload_spec",
        "payload_specs",
        "put",
        "check",
        answer=("PayloadSpec",),
        counted="SpecVerdict",
        repeat=ALWAYS,
    ),
    **_places(
        "secrets",
        create_secret="create",
        list_secrets="list",
        get_secret="get",
        put_secret=("put", ALWAYS),
        delete_secret=("delete", ALWAYS),
    ),
    **_places(
        "heartbeats",
        create_heartbeat="create",
        list_heartbeats="list",
        get_heartbeat="get",
        put_heartbeat=("put", WHERE_CONDITIONAL),
        pause_heartbeat=("pause", ALWAYS),
        resume_heartbeat=("resume", ALWAYS),
        rotate_heartbeat="rotate",
        delete_heartbeat=("delete", ALWAYS),
        list_pings="pings",
        list_heartbeat_ticks="ticks",
    ),
    **_places("keys", create_key="create", list_keys="list", revoke_key=("revoke", ALWAYS), rotate_key="rotate"),
    **_places(
        "role_mappings",
        create_role_mapping="create",
        list_role_mappings="list",
        delete_role_mapping=("delete", ALWAYS),
    ),
    **_places("quotas", get_usage="usage", get_quotas="get", put_quotas=("put", ALWAYS)),
    **_places("retention", get_retention="get", put_retention=("put", ALWAYS)),
    **_places("audit", list_audit="list", get_audit_head="head"),
    **_places(
        "workspaces",
        create_workspace="create",
        list_workspaces="list",
        get_workspace="get",
        update_workspace=("edit", WHERE_CONDITIONAL),
    ),
    **_twice(
        "delete_workspace",
        "workspaces",
        "delete",
        "contents",
        answer=("Workspace", "BulkOperation"),
        counted="Contents",
        repeat=ALWAYS,
    ),
    **_places(
        "organizations",
        create_organization="create",
        list_organizations="list",
        get_organization="get",
        update_organization=("edit", WHERE_CONDITIONAL),
    ),
    **_places("instance_audit", list_instance_audit="list", get_instance_audit_head="head"),
    **_places("schedules", preview_schedule=("preview", ALWAYS), parse_schedule=("parse", ALWAYS)),
    **_places("me", get_me="get", list_own_workspaces="workspaces"),
    **_places(
        "system",
        get_index="index",
        get_health="health",
        get_readiness="readiness",
        get_status="status",
        list_workers="workers",
        get_history="history",
        get_alarms="alarms",
        get_drift="drift",
        get_instance_load="load",
    ),
}

BY_HAND: Mapping[str, tuple[str, ...]] = {
    "listen_to_events": ("types", "job", "status", "after", "Last-Event-ID"),
    "export_audit": ("cursor", "object_type", "after", "before"),
    "export_instance_audit": ("cursor",),
}
"""Streams are written by hand. These are the parameters of their operations. An export's parameters besides `cursor`
select rows that its list has as well."""

LEFT_OUT = {"If-None-Match", "Kronos-Read-From"}
"""Headers of reads. The first saves an unchanged response, which models cannot represent. The second is an option of
the client."""

INSTANCE_RESOURCES = {"workspaces"}
"""Resources of the instance whose paths begin like those of a workspace."""

WORDS: Mapping[str, tuple[str, str]] = {
    "JobStatus": ("Job", "status"),
    "JobTrigger": ("Job", "trigger"),
    "ExecutionStatus": ("Execution", "status"),
    "ExecutionCause": ("Execution", "cause"),
    "AttemptStatus": ("Attempt", "status"),
    "EndpointType": ("Job", "endpoint_type"),
    "TickDisposition": ("Tick", "disposition"),
    "TickDecision": ("Tick", "decision"),
    "OperationKind": ("BulkOperation", "kind"),
    "OperationStatus": ("BulkOperation", "status"),
    "WorkspaceRole": ("WorkspaceKey", "role"),
    "WorkspaceStatus": ("Workspace", "status"),
    "Overlap": ("Job", "overlap"),
    "DstGap": ("Job", "dst_gap"),
    "DstOverlap": ("Job", "dst_overlap"),
    "BulkAction": ("BulkDone", "action"),
    "IncidentStatus": ("Incident", "status"),
    "AlertSeverity": ("AlertRule", "severity"),
}
"""Named enumerations, with the property of a schema that uses each."""

HOMES: Mapping[str, str] = {
    "Execution": "executions",
    "OpenAlert": "alerts",
    "Problem": "problems",
    "ProblemFault": "problems",
}
"""Schemas that several resources return, with their own modules."""

HIDDEN = {("NewKey", "key"), ("NewHeartbeat", "ping_url")}
"""Fields that no repr shows."""

PARAMETERS = {
    "j": "job",
    "e": "execution",
    "b": "backfill",
    "o": "operation",
    "i": "incident",
    "org": "organization",
    "w": "workspace",
    "key_id": "key",
    "mapping_id": "mapping",
}
"""Path parameters and their names in Python."""
