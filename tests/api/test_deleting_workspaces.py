"""Deleting a workspace with everything in it: it is gone for all callers immediately, and its rows go in steps, each of
which a crash may undo, until no table contains it.
"""

import random
import re
import uuid
from typing import Any

import httpx
import psycopg
import pytest

from alert_rows import add_incident
from api_answers import problem_of
from conftest import Api, make_workspace
from factory import EndpointRow
from kronos import deletions, sql
from kronos.api.apply_schemas import ApplyBody
from repeated import repeated
from sql_factory import Connection, records, value, values
from worker.protocol import as_worker, claim, finalize

_TABLES = """
    select relname from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'workspace_id'
     where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1
"""

_UNTIED = """
    not exists (select from pg_constraint where conrelid = ('kronos.' || quote_ident(relname))::regclass
                                            and contype = 'f')
"""
_OUTLAST_IT = {"audit", "audit_chains", "audit_pending"}
"""They record the deletion."""


class Tenant:
    """A workspace with some of everything, made by the API: waiting, running and ended executions of all kinds."""

    def __init__(self, client: httpx.Client, superuser: Connection, worker: Connection) -> None:
        self.client, self.superuser = client, superuser
        self.slug = make_workspace(client)
        self.base = f"/v1/workspaces/{self.slug}"
        self.workspace_id = value(superuser, "select workspace_id from kronos.workspaces where slug = %s", [self.slug])
        self.post("configs", {"name": "team", "values": {"of": "them"}})
        self.post("payload-specs", {"name": "any", "schema": True})
        self.post("calendars", {"name": "days", "days": [{"name": "closed", "starts": "2999-12-24"}]})
        client.put(f"{self.base}/secrets/token", json={"value": "kept by them"}).raise_for_status()
        client.put(f"{self.base}/retention", json={"success_days": 7}).raise_for_status()
        spec = {"url": "http://127.0.0.1:9/hook", "headers": {"X-Key": "{{secret.token}}"}}
        for name in ("hook", "other"):
            made = {"name": name, "type": "HTTP", "spec": spec, "config": "team", "payload_spec": "any"}
            self.post("endpoints", made | {"retry_policy": {"max_attempts": 2, "initial_delay_ms": 1}})
        self.crons = [
            self.job(trigger="CRON", cron=f"{n} 4 * * *", name=f"nightly-{n}", tags=["a", "b"], overlap=overlap)
            for n, overlap in enumerate(["ALLOW", "QUEUE", "SKIP", "REPLACE"])
        ]
        self.job(trigger="CRON", cron="5 5 * * *", on_success={"job": "nightly-0"}, on_failure={"endpoint": "other"})
        client.patch(f"{self.base}/jobs/nightly-0", json={"cron": "9 9 * * *"}).raise_for_status()
        self.watched()
        client.post(f"{self.base}/jobs/nightly-1/pause", json={}).raise_for_status()
        client.delete(f"{self.base}/jobs/{self.job(trigger='CRON', cron='1 1 * * *')}").raise_for_status()
        for _ in range(3):
            client.post(f"{self.base}/jobs/nightly-2/trigger", json={}).raise_for_status()
            client.post(f"{self.base}/jobs/nightly-1/trigger", json={}, headers={"Idempotency-Key": uuid.uuid4().hex})
        self.post("jobs:batch", {"jobs": [{"endpoint": "hook", "trigger": "IMMEDIATE"}] * 8})
        endpoint = self.endpoint("hook")
        for status in ("SUCCESS", "FAILED", "TIMED_OUT"):
            token, ids = claim(worker, endpoint, quota=3)
            finalize(worker, token, ids, status=status)
        self.job(trigger="IMMEDIATE", name="waits", tags=["c"], idempotency_key=uuid.uuid4().hex, priority=3)
        self.job(trigger="DELAYED", run_at="2999-01-01T00:00:00Z")
        self.post("jobs:batch", {"jobs": [{"endpoint": "other", "trigger": "IMMEDIATE"}] * 5})
        self.post("dead-letters/discard", {"error_type": "none"})
        self.token, self.running = claim(worker, self.endpoint("other"), quota=2)
        assert len(self.running) == 2

    def watched(self) -> None:
        """Add a file set, a job with a calendar, heartbeats with pings, an alert rule with an incident, role mappings,
        a backfill and an operation.
        """
        job = {"name": "filed", "endpoint": "hook", "cron": "0 3 * * *", "calendars": ["days"], "on_blackout": "NEXT"}
        rule = {"name": "failing", "condition": {"type": "FAILURES", "count": 1}, "tell": ["hook"]}
        self.post("apply", {"set": "ours", "jobs": [job], "heartbeats": [{"name": "beat", "period_seconds": 60}]})
        self.post("alert-rules", rule)
        url = self.post("heartbeats/beat/rotate", {})["ping_url"]
        for signal in ("/start", "/fail"):
            self.client.post(httpx.URL(url).path + signal).raise_for_status()
        self.post("role-mappings", {"group": "crew", "role": "viewer"})
        window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        self.post("jobs/nightly-3/backfill", window)
        self.post("operations", {"action": "pause", "filter": {"tag": "nobody's"}})
        add_incident(self.superuser, self.slug)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(f"{self.base}/{path}", json=body).raise_for_status().json()

    def job(self, **terms: Any) -> str:
        job_id: str = self.post("jobs", {"endpoint": "hook", **terms})["job_id"]
        return job_id

    def endpoint(self, name: str) -> EndpointRow:
        (row,) = records(
            self.superuser,
            "select endpoint_id from kronos.endpoints where workspace_id = %s and name = %s",
            [self.workspace_id, name],
        )
        return EndpointRow(
            endpoint_id=row["endpoint_id"],
            workspace_id=self.workspace_id,
            timeout_ms=5000,
            max_attempts=2,
            max_crashes=3,
        )

    def rows(self) -> dict[str, list[str]]:
        """Its rows in each table that has a workspace column, except the audit's, which outlast it."""
        found = {
            table: values(
                self.superuser,
                f"select row::text from kronos.{table} as row where workspace_id = %s order by 1",
                [self.workspace_id],
            )
            for table in values(self.superuser, _TABLES)
            if table not in ("audit", "audit_chains", "audit_pending")
        }
        assert len(found) > 25
        return {table: rows for table, rows in found.items() if rows}

    def entries(self) -> list[str]:
        return values(
            self.superuser,
            "select jobname from cron.job where jobname in (select 'kronos:' || job_id from kronos.jobs "
            "where workspace_id = %s) order by 1",
            [self.workspace_id],
        )


@pytest.fixture
def worker(own_api: Api) -> Any:
    with as_worker(own_api.database_url) as connection:
        yield connection


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, problem_of(answer)["code"]


def step(superuser: Connection, operation: str, limit: int) -> bool:
    return bool(value(superuser, "select kronos.delete_some(%s, %s)", [operation, limit]))


def is_over(superuser: Connection, operation: str) -> bool:
    return bool(
        value(superuser, "select status = 'COMPLETED' from kronos.deletions where operation_id = %s", [operation])
    )


def test_all_of_it_goes_in_steps_that_a_crash_may_undo_and_nothing_else(
    own_api: Api, superuser: Connection, worker: Connection
) -> None:
    client = own_api.client
    ours, theirs = (Tenant(client, superuser, worker) for _ in range(2))
    before, entries = theirs.rows(), theirs.entries()
    executions = values(
        superuser,
        "select execution_id from kronos.execution_live where workspace_id = %(w)s union all "
        "select execution_id from kronos.execution_done where workspace_id = %(w)s",
        {"w": ours.workspace_id},
    )
    jobs = values(superuser, "select 'kronos:' || job_id from kronos.jobs where workspace_id = %s", [ours.workspace_id])
    clerk = f"clerk_{uuid.uuid4().hex}"
    superuser.execute(f"create role {clerk} login")
    superuser.execute("select kronos.grant_sql(%s, %s)", [ours.slug, clerk])

    begun = client.delete(ours.base, params={"confirm": ours.slug})

    assert (begun.status_code, begun.json()["kind"], begun.json()["status"]) == (202, "DELETION", "RUNNING")
    operation = begun.json()["operation_id"]
    assert begun.headers["Location"] == f"/v1/workspaces/{ours.workspace_id}/operations/{operation}"
    assert client.get(ours.base).status_code == 404
    entries_left = "select phase = 'ENTRIES' from kronos.deletions where operation_id = %s"
    if value(superuser, entries_left, [operation]):  # the request takes a second for the entries
        repeated(lambda: step(superuser, operation, 200), lambda _: not value(superuser, entries_left, [operation]))
    assert values(superuser, "select jobname from cron.job where jobname = any (%s)", [jobs]) == []
    assert claim(worker, ours.endpoint("hook"))[1] == []
    client.post("/v1/workspaces", json={"slug": ours.slug}).raise_for_status()  # its slug is free again
    draw, phases = random.Random(11), set()
    for _ in range(2000):
        if is_over(superuser, operation):
            break
        phase = value(superuser, "select phase from kronos.deletions where operation_id = %s", [operation])
        if phase == "EXECUTIONS" and ours.running and draw.random() < 0.3:
            # one worker is told to stop and finishes its execution; the other worker dies
            finalize(worker, ours.token, [ours.running.pop()], status="SUCCESS")
            superuser.execute(
                "update kronos.execution_live set visible_at = now() - interval '1 s' where claim_token = %s",
                [ours.token],
            )
            superuser.execute("select kronos.expire_leases(100, '-infinity')")
        superuser.execute("update kronos.deletions set next_at = '-infinity'")
        superuser.execute("begin")
        step(superuser, operation, draw.choice([1, 2, 3, 200]))
        is_undone = draw.random() < 0.3
        superuser.execute("rollback" if is_undone else "commit")
        phases.add(phase)
        assert value(superuser, "select last_error from kronos.deletions") is None
    assert is_over(superuser, operation)
    assert phases == {"EXECUTIONS", "HISTORY", "JOBS", "NOTES", "REST"}
    assert ours.rows() == {}
    superuser.execute("select kronos.seal_audit(1000)")
    told = "select action, object from kronos.audit where workspace_id = %s order by number"
    changes = records(superuser, told, [ours.workspace_id])
    assert changes[-1] == {"action": "workspace.delete", "object": ours.slug}
    # the deletion of its contents is not audited separately
    assert [each for each in changes if each["action"].endswith((".delete", ".revoke"))] == changes[-1:]
    for table in ("execution_live", "execution_done", "attempt", "attempt_late", "callbacks"):
        left = f"select count(*) from kronos.{table} where execution_id = any (%s)"
        assert value(superuser, left, [executions]) == 0, table
    assert values(superuser, "select role_name from kronos.sql_grants") == []
    superuser.execute(f"drop role {clerk}")  # the role has no privilege left
    assert (theirs.rows(), theirs.entries()) == (before, entries)
    for named in (ours.slug, ours.workspace_id):
        told = client.get(f"/v1/workspaces/{named}/operations/{operation}").json()
        assert (told["status"], told["done"], told["workspace"]) == ("COMPLETED", told["total"], ours.slug)
    assert client.get(f"/v1/workspaces/{theirs.slug}/operations/{operation}").status_code == 404


def test_it_needs_its_name_to_confirm_where_anything_is_in_it(
    own_api: Api, superuser: Connection, worker: Connection
) -> None:
    client = own_api.client
    ours = Tenant(client, superuser, worker)
    before = ours.rows()
    assert code_of(client.delete(ours.base)) == (409, "conflict")
    assert code_of(client.delete(ours.base, params={"confirm": "acme"})) == (422, "input_validation_failed")
    looked = client.delete(ours.base, params={"validate_only": "true", "confirm": ours.slug})
    assert looked.status_code == 200
    contents = looked.json()["contents"]
    assert (contents["endpoints"], contents["configs"], contents["secrets"]) == (3, 1, 1)
    assert contents["unfinished_executions"] == value(
        superuser, "select count(*) from kronos.execution_live where workspace_id = %s", [ours.workspace_id]
    )
    assert ours.rows() == before
    counted = "select kronos.workspace_contents(%s, %s)"
    full = value(superuser, counted, [ours.workspace_id, 100_000])
    assert {kind for kind, number in full.items() if not number} <= {"keys", "sql_grants", "dead_letters"}
    assert set(value(superuser, counted, [ours.workspace_id, 0]).values()) == {0}, "each kind is counted up to a limit"
    client.patch(ours.base, json={"name": "A name & more"}).raise_for_status()
    assert client.delete(ours.base, params={"confirm": "A name & more"}).status_code == 202
    (system_id,) = values(superuser, "select workspace_id from kronos.workspaces where slug = 'kronos-system'")
    for named in ("kronos-system", system_id):
        system = f"/v1/workspaces/{named}"
        for answer in (
            client.delete(system, params={"confirm": "kronos-system"}),
            client.patch(system, json={"status": "SUSPENDED"}),
            client.patch(system, json={"name": "ours"}),
            client.put(f"{system}/quotas", json={"max_cron_jobs": 0}),
        ):
            assert code_of(answer) == (403, "forbidden")


def test_each_kind_that_a_workspace_holds_has_a_word_and_whatever_files_make_is_one(
    own_api: Api, superuser: Connection
) -> None:
    client = own_api.client
    slug = client.post("/v1/workspaces", json={"slug": f"w-{uuid.uuid4().hex[:12]}"}).json()["slug"]
    base = f"/v1/workspaces/{slug}"
    contents = client.delete(base, params={"validate_only": "true"}).json()["contents"]
    assert contents == dict.fromkeys(deletions.WORDS, 0)
    kinds = set(ApplyBody.model_fields) - {"set", "prune", "take_over", "validate_only"}
    assert kinds <= set(contents)
    assert len(kinds) > 7


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("calendars/days", {}, "1 calendar"),
        ("alert-rules/failing", {"condition": {"type": "MISSED"}}, "1 alert rule"),
        ("heartbeats/beat", {"period_seconds": 60}, "1 heartbeat"),
        ("payload-specs/any", {"schema": True}, "1 payload spec"),
    ],
)
def test_one_thing_that_somebody_made_is_something(
    api: httpx.Client, path: str, body: dict[str, Any], said: str
) -> None:
    slug = api.post("/v1/workspaces", json={"slug": f"w-{uuid.uuid4().hex[:12]}"}).json()["slug"]
    base = f"/v1/workspaces/{slug}"
    api.put(f"{base}/{path}", json=body).raise_for_status()
    refused = api.delete(base)
    assert code_of(refused) == (409, "conflict")
    assert refused.json()["detail"] == f"workspace {slug} still has {said}: all of this is deleted with it"
    assert api.delete(base, params={"confirm": slug}).status_code == 202


def test_each_table_that_no_key_ties_to_its_workspace_is_one_that_a_deletion_names(
    shared_superuser: Connection,
) -> None:
    """All other tables have a foreign key that keeps the workspace's row until theirs are gone, so the deletion cannot
    forget them.
    """
    folder = sql.root() / "functions"
    # the first of these is called; the others are triggers that run for each deleted job
    others = ("beats/delete_beats.sql", "changes/note_callbacks.sql", "changes/note_tags.sql")
    files = [*(folder / "deletion").glob("*.sql"), *(folder / each for each in others)]
    named = set(re.findall(r"\bkronos\.(\w+)|'(\w+)'", " ".join(each.read_text() for each in files)))
    untied = values(shared_superuser, f"select relname from ({_TABLES}) as found where {_UNTIED}")
    assert set(untied) - {one or other for one, other in named} == _OUTLAST_IT


def test_an_empty_one_is_gone_with_the_request(api: httpx.Client, shared_superuser: Connection) -> None:
    made = api.post("/v1/workspaces", json={"slug": f"w-{uuid.uuid4().hex[:12]}", "max_concurrency": 3}).json()
    answer = api.delete(f"/v1/workspaces/{made['slug']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "DELETED")
    left = "select count(*) from kronos.workspaces where workspace_id = %s"
    assert value(shared_superuser, left, [made["workspace_id"]]) == 0


def test_keys_alone_are_something_too(api: httpx.Client) -> None:
    base = f"/v1/workspaces/{make_workspace(api)}"
    for key in api.get(f"{base}/keys").json()["data"]:
        api.delete(f"{base}/keys/{key['key_id']}")
    key = api.post(f"{base}/keys", json={"role": "viewer"}).json()
    api.delete(f"{base}/endpoints/sink").raise_for_status()
    refused = api.delete(base)
    assert code_of(refused) == (409, "conflict")
    assert "1 valid key" in refused.json()["detail"]
    api.delete(f"{base}/keys/{key['key_id']}").raise_for_status()
    assert api.delete(base).status_code == 200


def test_what_takes_a_slug_is_at_no_version_that_was_there_before(api: httpx.Client) -> None:
    """An If-Match meant for the deleted workspace matches no version of the new one, however many it gets."""
    slug = f"w-{uuid.uuid4().hex[:12]}"
    base = f"/v1/workspaces/{slug}"
    seen: set[str] = set()
    for nth in range(3):
        made = api.post("/v1/workspaces", json={"slug": slug}).raise_for_status()
        tags = {made.headers["ETag"], api.patch(base, json={"name": f"the {nth}"}).headers["ETag"]}
        assert len(tags) == 2
        assert tags.isdisjoint(seen)
        for tag in seen:
            assert api.patch(base, json={"name": "of old"}, headers={"If-Match": tag}).status_code == 412
            assert api.delete(base, headers={"If-Match": tag}).status_code == 412
        seen |= tags
        assert api.delete(base, headers={"If-Match": max(tags)}).status_code == 200


def test_what_somebody_holds_keeps_no_workspace_from_being_deleted(
    own_api: Api, superuser: Connection, worker: Connection
) -> None:
    """An application's transaction that makes jobs, a session that holds an entry, and one that holds an execution: the
    deletion waits for none of them for long, and finishes once they end.
    """
    client = own_api.client
    ours = Tenant(client, superuser, worker)
    entry, waiting = ours.entries()[0], ours.endpoint("sink")
    with psycopg.connect(own_api.database_url) as holder, psycopg.connect(own_api.database_url) as application:
        holder.execute("select from cron.job where jobname = %s for update", [entry])
        application.execute("select set_config('kronos.workspace_id', %s, true)", [str(ours.workspace_id)])
        application.execute(
            "select count(*) from kronos.make_one_shots('{sink}', '{\"{}\"}'::jsonb[], '{null}'::timestamptz[], false)"
        )
        operation = client.delete(ours.base, params={"confirm": ours.slug}).json()["operation_id"]
        assert client.get(ours.base).status_code == 404
        assert entry in ours.entries()
        for _ in range(30):
            superuser.execute("update kronos.deletions set next_at = '-infinity'")
            step(superuser, operation, 50)
        assert value(superuser, "select phase from kronos.deletions") == "ENTRIES"
        told = client.get(f"/v1/workspaces/{ours.slug}/operations/{operation}").json()["status_reason"]
        assert (told["code"], told["last_error"]["type"]) == ("entries", "55P03")
        holder.rollback()
        superuser.execute(
            "update kronos.execution_live set visible_at = now() - interval '1 s' where claim_token is not null"
        )
        for _ in range(30):
            superuser.execute("update kronos.deletions set next_at = '-infinity'")
            superuser.execute("select kronos.expire_leases(100, '-infinity')")
            step(superuser, operation, 50)
        assert ours.entries() == []
        assert value(superuser, "select phase from kronos.deletions") == "EXECUTIONS"
        application.commit()  # the application was told that its job exists; the job goes with the workspace
        assert claim(worker, waiting)[1] == []
    for _ in range(200):
        superuser.execute("update kronos.deletions set next_at = '-infinity'")
        step(superuser, operation, 50)
    assert is_over(superuser, operation)
    assert ours.rows() == {}
