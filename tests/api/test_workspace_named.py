"""Every statement names its workspace in addition to row level security. With row level security off, requests with
another workspace's ids get the same answers.
"""

import re
from typing import Any

import httpx
import psycopg
import pytest

from alert_rows import add_incident
from conftest import Api, make_workspace
from factory import add_endpoint
from kronos import config, sql
from kronos.api import app
from kronos.api.operation import Operation
from sql_factory import Connection, make_cron_job, records, value, values

_BODIES: dict[str, dict[str, Any]] = {
    "PATCH /v1/workspaces/{w}/jobs/{j}": {"cron": "7 7 * * *"},
    "POST /v1/workspaces/{w}/jobs/{j}/skip-next": {"count": 2},
    "POST /v1/workspaces/{w}/jobs/{j}/backfill": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    "POST /v1/workspaces/{w}/jobs": {"endpoint": "theirs", "trigger": "CRON", "cron": "* * * * *"},
    "POST /v1/workspaces/{w}/jobs/{j}/diff": {"cron": "7 7 * * *"},
    "POST /v1/workspaces/{w}/jobs:bulk": {"action": "cancel", "filter": {}},
    "POST /v1/workspaces/{w}/operations": {"action": "cancel", "filter": {}},
    "POST /v1/workspaces/{w}/apply": {
        "prune": True,
        "secrets": [{"name": "theirs"}],
        "endpoints": [{"name": "ours", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/x"}, "config": "theirs"}],
        "jobs": [{"name": "nightly", "endpoint": "theirs", "cron": "0 3 * * *"}],
    },
    "POST /v1/workspaces/{w}/jobs:batch": {
        "jobs": [
            {"endpoint": "theirs", "trigger": "IMMEDIATE"},
            {"endpoint": "theirs", "trigger": "IMMEDIATE", "name": "nightly"},
        ]
    },
    "PUT /v1/workspaces/{w}/secrets/{name}": {"value": "taken by us"},
    "POST /v1/workspaces/{w}/secrets": {"name": "ours", "value": "made by us"},
    "PUT /v1/workspaces/{w}/heartbeats/{name}": {"period_seconds": 60},
    "PUT /v1/workspaces/{w}/endpoints/{name}": {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/taken"}},
    "POST /v1/workspaces/{w}/endpoints": {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/x"}},
    "PATCH /v1/workspaces/{w}": {"name": "ours"},
    "PUT /v1/workspaces/{w}/calendars/{name}": {},
    "POST /v1/workspaces/{w}/schedules/preview": {"cron": "0 9 * * *", "calendars": ["theirs"]},
    "PUT /v1/workspaces/{w}/configs/{name}": {"values": {}},
    "PUT /v1/workspaces/{w}/payload-specs/{name}": {"schema": {}},
    "PUT /v1/workspaces/{w}/alert-rules/{name}": {"condition": {"type": "MISSED"}},
    "POST /v1/workspaces/{w}/incidents/{i}/snooze": {"until": "2099-01-01T00:00:00Z"},
}
_QUERIES = {"GET /v1/workspaces/{w}/jobs:glance": "?ids={j}"}
_FOR_ALL = {
    "POST /v1/workspaces/{w}/endpoints",
    "POST /v1/workspaces/{w}/calendars",
    "POST /v1/workspaces/{w}/configs",
    "POST /v1/workspaces/{w}/payload-specs",
    "POST /v1/workspaces/{w}/alert-rules",
    "POST /v1/workspaces/{w}/secrets",
    "POST /v1/workspaces/{w}/heartbeats",
    "POST /v1/workspaces/{w}/keys",
    "POST /v1/workspaces/{w}/role-mappings",
    "PATCH /v1/workspaces/{w}",
    "DELETE /v1/workspaces/{w}",
    "GET /v1/workspaces/{w}",
    # the workspace's own chain (tests/api/test_audit.py); it records each request of this test
    "GET /v1/workspaces/{w}/audit",
    "GET /v1/workspaces/{w}/audit/head",
    "GET /v1/workspaces/{w}/audit/export",
    # it never ends (tests/api/test_events.py)
    "GET /v1/workspaces/{w}/events",
}


def operations() -> list[str]:
    """Every operation on an object in a workspace, as `METHOD path`. Reads come first, so that none finds the results
    of a write.
    """
    routes = app.create(config.load(database_url="postgresql://")).routes
    found = [
        f"{method} {route.path}"
        for route in routes
        if isinstance(route, Operation) and "{w}" in route.path
        for method in route.methods or ()
    ]
    return sorted(set(found) - _FOR_ALL, key=lambda each: (not each.startswith("GET"), each))


class Theirs:
    """Another workspace with an object of each kind: jobs with a history, waiting executions, a backfill, an
    endpoint.
    """

    def __init__(self, client: httpx.Client, superuser: Connection) -> None:
        self.workspace = make_workspace(client)
        base = f"/v1/workspaces/{self.workspace}"
        client.post(
            f"{base}/endpoints", json={"name": "theirs", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
        ).raise_for_status()
        client.post(f"{base}/calendars", json={"name": "theirs"}).raise_for_status()
        client.post(f"{base}/configs", json={"name": "theirs", "values": {"of": "theirs"}}).raise_for_status()
        client.post(f"{base}/payload-specs", json={"name": "theirs", "schema": True}).raise_for_status()
        self.incident_id = add_incident(superuser, self.workspace)
        made = client.post(
            f"{base}/jobs", json={"endpoint": "theirs", "trigger": "CRON", "cron": "5 4 * * *", "name": "nightly"}
        )
        client.put(f"{base}/heartbeats/theirs", json={"period_seconds": 3600}).raise_for_status()
        client.put(f"{base}/secrets/theirs", json={"value": "kept by them"}).raise_for_status()
        self.job_id = made.raise_for_status().json()["job_id"]
        superuser.execute(
            "update kronos.jobs set ticks_from = now() - interval '9 days', created_at = now() - interval '9 days' "
            "where job_id = %s",
            [self.job_id],
        )
        since, until = superuser.execute("select now() - interval '5 days', now() - interval '1 hour'").fetchone() or (
            "",
            "",
        )
        filled = client.post(
            f"{base}/jobs/{self.job_id}/backfill", json={"from": since.isoformat(), "to": until.isoformat()}
        )
        self.backfill_id = filled.raise_for_status().json()["backfill_id"]
        self.waiting = value(
            superuser, "select execution_id::text from kronos.execution_live where job_id = %s limit 1", [self.job_id]
        )
        ended = client.post(f"{base}/jobs/{self.job_id}/trigger", json={}).raise_for_status().json()["execution_id"]
        client.post(f"{base}/executions/{ended}/cancel").raise_for_status()
        self.ended = ended
        failed = client.post(f"{base}/jobs/{self.job_id}/trigger", json={}).raise_for_status().json()["execution_id"]
        superuser.execute(
            """
            with gone as (
                delete from kronos.execution_live where execution_id = %s returning *
            )
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                               status, scheduled_at, run_at, created_at, max_attempts, input, error)
            select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'FAILED', scheduled_at,
                   run_at, created_at, max_attempts, input, '{"type": "timeout", "message": "theirs"}'
              from gone
            """,
            [failed],
        )
        self.key_id = client.post(f"{base}/keys", json={"role": "viewer"}).raise_for_status().json()["key_id"]
        mapped = client.post(f"{base}/role-mappings", json={"group": "theirs", "role": "viewer"})
        self.mapping_id = mapped.raise_for_status().json()["mapping_id"]
        begun = client.post(f"{base}/dead-letters/redrive", json={"error_type": "none"})
        self.operation_id = begun.raise_for_status().json()["operation_id"]
        self.key_id = client.post(f"{base}/keys", json={"role": "viewer"}).raise_for_status().json()["key_id"]

    def fill(self, path: str, ours: str, *, execution: str) -> str:
        names = {"w": ours, "j": self.job_id, "e": execution, "b": self.backfill_id, "name": "theirs"}
        names |= {"i": self.incident_id, "o": self.operation_id, "key_id": self.key_id, "mapping_id": self.mapping_id}
        return path.format_map(names)


@pytest.fixture
def theirs(own_api: Api, superuser: Connection) -> Theirs:
    return Theirs(own_api.client, superuser)


def state(connection: Connection, workspace: str) -> list[object]:
    """All rows of the workspace, and its entries."""
    workspace_id = value(connection, "select workspace_id from kronos.workspaces where slug = %s", [workspace])
    tables = values(
        connection,
        "select relname from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'workspace_id'"
        " where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1",
    )
    assert len(tables) > 8
    rows: list[object] = []
    for table in tables:
        rows += values(
            connection,
            f"select row::text from kronos.{table} as row where workspace_id = %s order by 1",
            [workspace_id],
        )
    return [
        *rows,
        records(connection, "select * from cron.job where jobname in (select 'kronos:' || job_id from kronos.jobs)"),
    ]


def answers(client: httpx.Client, theirs: Theirs) -> list[tuple[str, int, str]]:
    """The answers that another workspace gets for every operation on theirs: (operation, status, text without ids)."""
    ours = make_workspace(client)
    return [
        (
            operation,
            *asked(
                client,
                operation,
                theirs.fill(operation.partition(" ")[2] + _QUERIES.get(operation, ""), ours, execution=execution),
            ),
        )
        for operation in operations()
        for execution in ([theirs.waiting, theirs.ended] if "{e}" in operation else [theirs.waiting])
    ]


def asked(client: httpx.Client, operation: str, path: str) -> tuple[int, str]:
    method = operation.partition(" ")[0]
    body = _BODIES.get(operation, {}) if method in ("POST", "PUT", "PATCH") else None
    answer = client.request(method, path, json=body) if body is not None else client.request(method, path)
    told = re.sub(r'"(request_id|instance)":"[^"]*"|"silent_seconds":[0-9.]+|for [0-9]+ s\b', "", answer.text)
    told = re.sub(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|w-[0-9a-f]{12}|hb_[\w-]{32}|20\d\d-[-T:.0-9]+Z", "ID", told
    )
    return answer.status_code, told


def test_another_workspaces_ids_are_answered_as_unknown_ones_without_row_level_security(
    own_api: Api, superuser: Connection, theirs: Theirs
) -> None:
    with psycopg.connect(own_api.database_url, autocommit=True) as administrator:
        before = state(superuser, theirs.workspace)
        confined = answers(own_api.client, theirs)
        for table in values(
            administrator,
            "select oid::regclass::text from pg_class where relnamespace = 'kronos'::regnamespace and relrowsecurity",
        ):
            administrator.execute(f"alter table {table} disable row level security")
        open_to_all = answers(own_api.client, theirs)
    assert len(confined) > 28
    assert [each for each in zip(confined, open_to_all, strict=True) if each[0] != each[1]] == []
    assert {
        operation: status
        for operation, status, told in open_to_all
        if status != 404 and not (status == 200 and told in ('{"data":[],"next_cursor":null}', '{"data":[]}'))
    } == {
        "GET /v1/workspaces/{w}/endpoints": 200,
        "POST /v1/workspaces/{w}/apply": 422,
        "GET /v1/workspaces/{w}/export": 200,
        # these apply to our own objects, of which there are none
        "POST /v1/workspaces/{w}/jobs:bulk": 200,
        "POST /v1/workspaces/{w}/operations": 202,
        "POST /v1/workspaces/{w}/dead-letters/redrive": 202,
        "POST /v1/workspaces/{w}/dead-letters/discard": 202,
        "PUT /v1/workspaces/{w}/calendars/{name}": 201,
        "PUT /v1/workspaces/{w}/alert-rules/{name}": 201,
        "PUT /v1/workspaces/{w}/configs/{name}": 201,
        "PUT /v1/workspaces/{w}/endpoints/{name}": 201,
        "PUT /v1/workspaces/{w}/payload-specs/{name}": 201,
        "PUT /v1/workspaces/{w}/secrets/{name}": 201,
        "PUT /v1/workspaces/{w}/heartbeats/{name}": 201,
        "GET /v1/workspaces/{w}/retention": 200,
        "PUT /v1/workspaces/{w}/retention": 200,
        "GET /v1/workspaces/{w}/quotas": 200,
        "PUT /v1/workspaces/{w}/quotas": 200,
        "GET /v1/workspaces/{w}/usage": 200,
        # our own load and overview, which are empty
        "GET /v1/workspaces/{w}/overview": 200,
        "GET /v1/workspaces/{w}/load": 200,
        "GET /v1/workspaces/{w}/load/minute": 400,  # without `at`
        "GET /v1/workspaces/{w}/load/plan": 200,
        "GET /v1/workspaces/{w}/dead-letters/groups": 200,
    }
    assert state(superuser, theirs.workspace) == before


# What selects a statement's rows: it names its workspace, calls a function that does, or is listed with a reason.
_NAMES_IT = re.compile(r"current_workspace_id\(\)|workspace\.entered")
# It returns an id unchanged, whosever it is.
_LOOKS_UP = "find_job"
_NEEDS_NONE = {
    "job_reads.find_jobs_for_bulk": "kronos.jobs_to_change reads kronos.find_jobs, which names it",
    "job_reads.count_jobs_for_bulk": "as the one before",
    "load.list_load_of_all": "the instance's",
    "load.get_as_of_of_all": "the instance's",
    "system.list_history_ends": "the instance's",
    **{
        f"heartbeats.{name}": "kronos.lock_beat, by which it finds the heartbeat, names it"
        for name in ("set_heartbeat", "turn_heartbeat", "replace_token")
    },
    "heartbeats.insert_ping": "a token says which workspace, not the other way round",
    "heartbeats.update_door": "the instance's",
    "load.get_measured_rates": "the instance's",
    "retention.retain": "the instance's, by its administrator or pg_cron",
    "retention.get_bounds": "the instance's",
    "retention.count_executions": "the instance's",
    "retention.count_jobs": "the instance's",
    "retention.count_remains": "the instance's",
    "retention.count_run_details": "the instance's",
    **{
        f"ringing.{name}": "migrate's and the doctor's"
        for name in ("get_heard", "get_setup", "get_password", "list_rules")
    },
    "managed.set_patience": "a setting alone",
    "schedules.read_local_time": "a text alone",
    "schedules.read_local_times": "texts alone",
    "schedules.read_schedules": "texts alone",
    "payload_specs.enter_validated": "a setting alone",
    "endpoints.read_local_text": "a text alone",
    "schedules.preview_schedule": "a text alone",
    "keys.find_key": "a key says which workspace, not the other way round",
    "keys.update_burnt": "a key's, whoever it is for",
    "keys.list_known_keys": "so do keys that were found",
    "keys.update_last_use": "so do keys that were found",
    "keys.get_expiry": "an instant alone",
    "people.list_granted_roles": "groups, of whatever workspaces",
    "people.insert_sign_in": "a person's, of whatever workspaces",
    "people.find_sign_in": "a person's, of whatever workspaces",
    "people.delete_sign_in": "a person's, of whatever workspaces",
    "people.insert_key_sign_in": "so does a key that was found",
    "people.find_key_sign_in": "a key says which workspace, not the other way round",
    "people.get_sign_in_end": "so does a key that was found",
    **{
        f"organizations.{name}": "the instance administrator's"
        for name in ("insert_organization", "get_organization", "list_organizations", "update_organization")
    },
    **{
        f"live.{name}": "a process's for all of its listeners, whose workspaces each subscription has entered"
        for name in ("read_changes", "set_watched", "begin_watches")
    },
    "readiness.get_readiness": "the instance's",
    "readiness.get_written": "where the log is, no row",
    "readiness.get_replayed": "where the log is, no row",
    "readiness.get_silence": "the supervisor's",
    **{f"sql_grants.{name}": "the administrator's" for name in ("insert_grant", "delete_grant", "list_grants")},
    **{
        f"keys.{name}": "the administrator's"
        for name in ("insert_key", "get_key", "list_keys", "update_file", "replace_key", "revoke_key", "count_others")
    },
    "system.get_status": "the instance's",
    "system.get_zone_rules": "the instance's",
    "system.list_drift": "the instance's",
    "system.list_steps": "the instance's",
    "system.list_zones_read": "the instance's",
    "system.list_workers": "the instance administrator's",
    "system.list_partitions": "the instance's",
    "system.get_alarms": "the instance's",
    "system.get_retention": "the instance's",
    "signs.get_sessions": "the instance administrator's",
    "signs.get_server": "the instance administrator's",
    "signs.get_blockers": "the instance administrator's",
    "signs.get_cron": "the instance administrator's",
    "signs.list_tables": "the instance administrator's",
    "signs.get_work": "the instance administrator's",
    "signs.list_tasks": "the instance administrator's",
    "signs.get_keys": "the instance administrator's",
    "signs.list_alerting": "the instance administrator's",
    **{
        f"metrics.{name}": "the instance's"
        for name in ("get_beats", "get_counts", "get_ends", "list_queue", "list_alarm_quotas")
    },
    "workspaces.enter_workspace": "finds the workspace",
    "workspaces.enter_workspace_to_write": "finds the workspace",
    "workspaces.enter_instance_to_write": "the instance administrator's",
    "audit.list_instance_audit": "the instance administrator's",
    **{f"audit.{name}": "the administrator's" for name in ("list_chains", "read_chain", "seal")},
    "workspaces.run_deletion": "the instance's, of a workspace that is gone",
    "workspaces.get_deletion": "the instance administrator's, of a workspace that is gone",
    "workspaces.enter_instance": "the instance administrator's",
    "workspaces.insert_workspace": "the instance administrator's",
    "workspaces.get_workspace": "finds the workspace",
    "workspaces.list_workspaces": "the instance administrator's",
    "workspaces.list_health": "of the workspaces that the caller was found to have a role in",
}


def test_each_statement_of_the_api_names_its_workspace() -> None:
    of_the_api = {
        name: text
        for name, text in sql.texts().items()
        if not name.startswith(
            (
                "claims.",
                "results.",
                "doctor.",
                "doctor_fixes.",
                "old_weeks.",
                "support.",
                "encryption.",
                "watchdog.",
                "instance_settings.",
                "entries.",
            )
        )
    }
    functions = {path.stem: path.read_text() for path in (sql.root() / "functions").glob("*/*.sql")}
    naming = {name for name, text in functions.items() if _NAMES_IT.search(text)} - {_LOOKS_UP}
    # and those that lock the gate of a named endpoint through such a function
    naming |= {name for name, text in functions.items() if "kronos.lock_gate(" in text}
    calls_one = re.compile(rf"kronos\.(?:{'|'.join(sorted(naming))})\(")
    unnamed = {name for name, text in of_the_api.items() if not (_NAMES_IT.search(text) or calls_one.search(text))}
    assert unnamed == set(_NEEDS_NONE) & set(of_the_api)


def test_what_a_change_settles_is_its_own_workspaces_job(superuser: Connection) -> None:
    """The statements after settle_ticks use what it left; another workspace's id leaves nothing."""
    job_id = make_cron_job(superuser)
    other = add_endpoint(superuser)
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(other.workspace_id)])
        superuser.execute("select kronos.settle_ticks(%s)", [job_id])
        assert value(superuser, "select kronos.settled_job_id()") is None
