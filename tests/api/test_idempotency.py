"""A call with an Idempotency-Key makes one thing, however often and however concurrently it is repeated, and each
repetition returns it.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of
from factory import add_endpoint
from sql.plans import told_plans
from sql_factory import value, values

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}
HTTP = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/hook"}}
WINDOW = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-20T00:05:00Z"}
KEY = "Idempotency-Key"
WORKSPACE = "/v1/workspaces/{w}"
Made = dict[str, Any]


class Caller:
    """Calls to one workspace."""

    def __init__(self, client: httpx.Client, workspace: str, superuser: psycopg.Connection) -> None:
        self.client, self.workspace, self.superuser = client, workspace, superuser
        self.base = f"/v1/workspaces/{workspace}"

    def post(self, path: str, body: Made | None = None, **headers: str) -> httpx.Response:
        return self.client.post(
            self.base + path, json=body or {}, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    def made(self, path: str, body: Made | None = None) -> Made:
        made: Made = self.post(path, body).raise_for_status().json()
        return made

    def rows(self, table: str) -> int:
        found: int = value(
            self.superuser,
            f"select count(*) from kronos.{table} join kronos.workspaces using (workspace_id) where slug = %s",
            [self.workspace],
        )
        return found


@pytest.fixture
def caller(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> Caller:
    return Caller(api, workspace, shared_superuser)


def job(caller: Caller, **fields: Any) -> str:
    """A job that ticks every minute and is nine days old."""
    job_id: str = caller.made("/jobs", CRON | {"cron": "* * * * *"} | fields)["job_id"]
    caller.superuser.execute(
        "update kronos.jobs set ticks_from = now() - interval '9 days', created_at = now() - interval '9 days' where "
        "job_id = %s",
        [job_id],
    )
    return job_id


def cancelled(caller: Caller) -> str:
    run = caller.made(f"/jobs/{caller.made('/jobs', CRON)['job_id']}/trigger")
    execution_id: str = caller.made(f"/executions/{run['execution_id']}/cancel")["execution_id"]
    return execution_id


@dataclass(frozen=True, kw_only=True)
class Maker:
    """A call that makes something: its path, which may need objects made first; the table in which its results are
    counted; and a different body.
    """

    path: Callable[[Caller], str]
    body: Made = field(default_factory=dict)
    other: Made | None
    table: str
    named: str
    status: int
    status_again: int


MAKERS = {
    "job": Maker(
        path=lambda caller: "/jobs",
        body=CRON | {"name": "nightly"},
        other=CRON | {"name": "weekly"},
        table="jobs",
        named="job_id",
        status=201,
        status_again=200,
    ),
    "trigger": Maker(
        path=lambda caller: f"/jobs/{job(caller, overlap='QUEUE')}/trigger",
        body={"input": {"a": 1, "b": 2}},
        other={},
        table="execution_live",
        named="execution_id",
        status=202,
        status_again=202,
    ),
    "backfill": Maker(
        path=lambda caller: f"/jobs/{job(caller)}/backfill",
        body=WINDOW,
        other=WINDOW | {"max_active": 3},
        table="backfills",
        named="backfill_id",
        status=202,
        status_again=202,
    ),
    "retry": Maker(
        path=lambda caller: f"/executions/{cancelled(caller)}/retry",
        other=None,
        table="execution_live",
        named="execution_id",
        status=200,
        status_again=200,
    ),
    "endpoint": Maker(
        path=lambda caller: "/endpoints",
        body={"name": "fresh", **HTTP},
        other={"name": "stale", **HTTP},
        table="endpoints",
        named="endpoint_id",
        status=201,
        status_again=200,
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_twenty_calls_of_one_key_at_once_make_one(caller: Caller, name: str) -> None:
    maker = MAKERS[name]
    path, before = maker.path(caller), caller.rows(maker.table)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: caller.post(path, maker.body, Idempotency_Key="k"), range(20)))

    assert [answer.text for answer in answers if not answer.is_success] == []
    assert {answer.json()[maker.named] for answer in answers} == {answers[0].json()[maker.named]}
    assert caller.rows(maker.table) == before + 1
    replayed = Counter(answer.headers.get("Idempotent-Replayed") for answer in answers)
    assert replayed == {None: 1, "true": 19}
    assert Counter(answer.status_code for answer in answers) == Counter([maker.status] + [maker.status_again] * 19)


@pytest.mark.parametrize("name", [name for name, maker in MAKERS.items() if maker.other is not None])
def test_the_key_with_another_request_is_refused_and_makes_nothing(caller: Caller, name: str) -> None:
    maker = MAKERS[name]
    path = maker.path(caller)
    first = caller.post(path, maker.body, Idempotency_Key="k")
    before = caller.rows(maker.table)

    problem = problem_of(caller.post(path, maker.other, Idempotency_Key="k"))

    assert (problem["status"], problem["code"]) == (422, "idempotency_mismatch")
    assert first.json()[maker.named] in problem["detail"]
    assert problem["errors"][0]["hint"]
    assert caller.rows(maker.table) == before


def test_a_key_of_one_thing_is_none_of_another(caller: Caller) -> None:
    """A job's trigger and backfill may use the same key. The triggers of two jobs may not, because the requests
    differ.
    """
    job_id, other = job(caller), job(caller)
    assert caller.post(f"/jobs/{job_id}/trigger", Idempotency_Key="k").status_code == 202
    assert caller.post(f"/jobs/{job_id}/backfill", WINDOW, Idempotency_Key="k").status_code == 202
    assert caller.post("/jobs", CRON, Idempotency_Key="k").status_code == 201
    assert problem_of(caller.post(f"/jobs/{other}/trigger", Idempotency_Key="k"))["code"] == "idempotency_mismatch"


def test_keys_of_two_workspaces_are_two(caller: Caller) -> None:
    slug = f"w-{uuid.uuid4().hex[:12]}"
    caller.client.post("/v1/workspaces", json={"slug": slug}).raise_for_status()
    neighbour = Caller(caller.client, slug, caller.superuser)
    made = [each.post("/endpoints", {"name": "fresh", **HTTP}, Idempotency_Key="k") for each in (caller, neighbour)]
    assert [answer.status_code for answer in made] == [201, 201]


def test_what_was_made_is_answered_whatever_has_come_since(caller: Caller) -> None:
    """The job is cancelled, the endpoint deleted and the workspace suspended since. A new call would be rejected; a
    repetition returns what was made.
    """
    job_id = job(caller)
    triggered = caller.post(f"/jobs/{job_id}/trigger", Idempotency_Key="k").json()
    caller.made("/endpoints", {"name": "brief", **HTTP})
    body = {"endpoint": "brief", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "short"}
    made = caller.post("/jobs", body, Idempotency_Key="k").json()
    for each in (job_id, made["job_id"]):
        caller.client.delete(f"{caller.base}/jobs/{each}").raise_for_status()
    caller.client.delete(f"{caller.base}/endpoints/brief").raise_for_status()
    caller.client.patch(caller.base, json={"status": "SUSPENDED"}).raise_for_status()

    again = caller.post(f"/jobs/{job_id}/trigger", Idempotency_Key="k")
    job_again = caller.post("/jobs", body, Idempotency_Key="k")

    assert (again.status_code, again.json()["execution_id"]) == (202, triggered["execution_id"])
    assert (job_again.status_code, job_again.json()["job_id"], job_again.json()["status"]) == (
        200,
        made["job_id"],
        "RETIRED",
    )


def test_an_endpoint_that_was_deleted_is_not_taken_for_the_next_of_its_name(caller: Caller) -> None:
    mine, others = {"name": "n", **HTTP}, {"name": "n", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/others"}}
    caller.post("/endpoints", mine, Idempotency_Key="k").raise_for_status()
    caller.client.delete(f"{caller.base}/endpoints/n").raise_for_status()
    gone = problem_of(caller.post("/endpoints", mine, Idempotency_Key="k"))
    other = caller.made("/endpoints", others)

    problem = problem_of(caller.post("/endpoints", mine, Idempotency_Key="k"))

    assert [(each["status"], each["code"]) for each in (gone, problem)] == [(404, "endpoint_not_found")] * 2
    assert "was deleted: use a new key to create another" in problem["detail"] == gone["detail"]
    assert caller.client.get(f"{caller.base}/endpoints/n").json() == other


def test_an_endpoint_that_the_release_before_made_is_found_by_its_key(caller: Caller) -> None:
    """The hash of the request must equal the previous release's. Fields that are newer do not enter it when they are
    absent.
    """
    body = {"name": "n", "type": "HTTP", "spec": {"url": "https://example.com/a"}}
    caller.post("/endpoints", body, Idempotency_Key="before").raise_for_status()
    kept = caller.superuser.execute(
        "select encode(request_sha256, 'hex') from kronos.idempotency_keys where idempotency_key = 'before'"
    ).fetchall()
    assert kept == [("e3c9032613b562463b52e4804be98f743d83529fa9a97459b37d53691b071c10",)]


def test_a_call_that_was_refused_has_not_used_its_key(caller: Caller) -> None:
    job_id, waiting = (
        job(caller),
        caller.made("/jobs", {"endpoint": "sink", "trigger": "IMMEDIATE"})["execution"]["execution_id"],
    )
    one_shot = caller.made("/jobs", {"endpoint": "sink", "trigger": "IMMEDIATE"})["job_id"]
    assert caller.post(f"/jobs/{one_shot}/trigger", Idempotency_Key="a").status_code == 409
    assert caller.post(f"/executions/{waiting}/retry", Idempotency_Key="b").status_code == 409
    assert caller.post("/endpoints", {"name": "sink", **HTTP}, Idempotency_Key="c").status_code == 409
    caller.client.patch(caller.base, json={"status": "SUSPENDED"}).raise_for_status()
    assert caller.post(f"/jobs/{job_id}/backfill", WINDOW, Idempotency_Key="d").status_code == 409
    assert caller.rows("idempotency_keys") == 0


def test_a_dry_backfill_uses_no_key(caller: Caller) -> None:
    path = f"/jobs/{job(caller)}/backfill"
    assert caller.post(path, WINDOW | {"validate_only": True}, Idempotency_Key="k").status_code == 200
    assert caller.post(path, WINDOW, Idempotency_Key="k").status_code == 202


def test_a_key_is_the_same_in_quotes_without_and_in_the_body(caller: Caller) -> None:
    body = {"endpoint": "sink", "trigger": "IMMEDIATE"}
    made = [
        caller.post("/jobs", body, Idempotency_Key='"ab"'),
        caller.post("/jobs", body, Idempotency_Key="ab"),
        caller.post("/jobs", body | {"idempotency_key": "ab"}),
        caller.post("/jobs", body | {"idempotency_key": "ab"}, Idempotency_Key='"ab"'),
    ]
    assert [(answer.status_code, answer.json()["idempotency_key"]) for answer in made] == [
        (201, "ab"),
        *[(200, "ab")] * 3,
    ]
    spaced = caller.post("/jobs", body, Idempotency_Key=r'"a \"b\" \\"')
    assert (spaced.status_code, spaced.json()["idempotency_key"]) == (201, 'a "b" \\')


@pytest.mark.parametrize(
    "header", ["", '"', '""', '"a', '"a"b"', '"a";p=1', r'"a\b"', "a b", "ü", '"' + "a" * 256 + '"', "a" * 256]
)
@pytest.mark.parametrize("path", ["/jobs", "/jobs/any/trigger"])
def test_a_key_that_is_none_is_refused_and_nothing_is_made(caller: Caller, header: str, path: str) -> None:
    body = {"endpoint": "sink", "trigger": "IMMEDIATE"} if path == "/jobs" else {}
    answer = caller.client.post(caller.base + path, json=body, headers={b"Idempotency-Key": header.encode()})
    problem = problem_of(answer)
    assert (problem["status"], problem["errors"][0]["pointer"]) == (400, "/Idempotency-Key")
    assert problem["errors"][0]["hint"]
    assert caller.rows("jobs") == 0


def test_two_keys_are_none(caller: Caller) -> None:
    answer = caller.client.post(
        f"{caller.base}/jobs", json=CRON, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    )
    assert problem_of(answer)["errors"][0]["pointer"] == "/Idempotency-Key"


SET_A_STATE = {
    *(f"{WORKSPACE}/jobs/{{j}}{action}" for action in ("", "/pause", "/resume", "/diff")),
    *(f"{WORKSPACE}/{each}/cancel" for each in ("executions/{e}", "backfills/{b}", "operations/{o}")),
    *(f"{WORKSPACE}/heartbeats/{{name}}/{action}" for action in ("pause", "resume")),
    *(f"{WORKSPACE}/endpoints/{{name}}/{action}" for action in ("enable", "disable", "render")),
    *(WORKSPACE, "/v1/organizations/{org}", f"{WORKSPACE}/jobs:bulk", f"{WORKSPACE}/apply"),
    *("/v1/schedules/preview", "/v1/schedules/parse", f"{WORKSPACE}/schedules/preview"),
    f"{WORKSPACE}/incidents/{{i}}/acknowledge",
}


def test_a_key_is_taken_or_not_missed_or_refused(caller: Caller) -> None:
    paths = caller.client.get("/openapi.json").json()["paths"]
    fill = {"w": caller.workspace, "e": str(uuid.uuid4()), "o": str(uuid.uuid4()), "b": str(uuid.uuid4())}
    fill |= {"i": str(uuid.uuid4()), "key_id": str(uuid.uuid4()), "j": "any", "name": "any", "org": "any"}
    asked = {
        path: method
        for path, methods in paths.items()
        for method, described in methods.items()
        if method in ("post", "patch") and not any(each.get("name") == KEY for each in described.get("parameters", []))
    }
    assert f"{WORKSPACE}/jobs" not in asked
    refused = set()
    for path, method in asked.items():
        answer = caller.client.request(method, path.format_map(fill), json={}, headers={KEY: "k"})
        if not answer.is_success and any(each["pointer"] == f"/{KEY}" for each in answer.json().get("errors", ())):
            assert (answer.status_code, problem_of(answer)["code"]) == (400, "invalid_request"), path
            refused.add(path)
    assert {f"{WORKSPACE}/keys", f"{WORKSPACE}/jobs:batch", f"{WORKSPACE}/jobs/{{j}}/skip-next"} <= refused
    assert set(asked) - refused == SET_A_STATE


def test_a_job_can_call_what_sets_a_state_although_each_delivery_has_a_key(caller: Caller) -> None:
    caller.made("/jobs", CRON | {"name": "nightly"})
    keyed = {KEY: str(uuid.uuid4())}
    base = f"{WORKSPACE}/jobs".format(w=caller.workspace)
    for path, body, status in (
        (f"{base}/nightly/pause", {}, "PAUSED"),
        (f"{base}/nightly/resume", {}, "ACTIVE"),
        (f"{base}:bulk", {"action": "pause", "jobs": ["nightly"]}, "PAUSED"),
    ):
        for _ in range(2):
            caller.client.post(path, json=body, headers=keyed).raise_for_status()
            assert caller.client.get(f"{base}/nightly").json()["status"] == status
    body = {"action": "trigger", "jobs": ["nightly"], "idempotency_key": "k"}
    assert [caller.client.post(f"{base}:bulk", json=body, headers=keyed).json()["done"] for _ in range(2)] == [1, 1]
    assert caller.rows("execution_live") == 1


def test_what_a_key_did_not_guard_was_not_done(caller: Caller) -> None:
    caller.made("/jobs", CRON | {"name": "nightly"})
    body = {"action": "trigger", "jobs": ["nightly"]}
    assert caller.post("/jobs:bulk", body, Idempotency_Key="k").status_code == 400
    assert caller.rows("execution_live") == 0
    assert [caller.made("/jobs:bulk", body | {"idempotency_key": "k"})["done"] for _ in range(2)] == [1, 1]
    assert caller.rows("execution_live") == 1


@pytest.mark.usefixtures("database_url")
def test_keys_are_remembered_for_a_day_and_go_oldest_first_by_their_index(superuser: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    superuser.execute(
        """
        insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
            resource_id, created_at)
        select %(workspace)s, operation, 'k' || number, '\\x00'::bytea, gen_random_uuid(), now() - age
          from (select 'trigger', hours, make_interval(mins => hours * 60 + 1) from generate_series(0, 25) as hours
                 union all
                select 'retry', each, interval '2 days' from generate_series(1,
                       6000) as each) as made (operation, number, age)
        """,
        {"workspace": endpoint.workspace_id},
    )
    superuser.execute("analyze kronos.idempotency_keys")

    with told_plans(superuser) as plans:
        superuser.execute("select kronos.retain_keys(clock_timestamp())")
    assert "Index Scan using idempotency_keys_oldest" in "".join(plans)
    assert superuser.execute("select * from kronos.retain_keys(clock_timestamp())").fetchone() == (5000, True)
    counted = value(superuser, "select kronos.retain()")

    assert (counted["idempotency_keys"], counted["is_left"]) == (1002, False)
    assert sorted(values(superuser, "select idempotency_key from kronos.idempotency_keys")) == sorted(
        f"k{hours}" for hours in range(24)
    )
