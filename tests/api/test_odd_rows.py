"""One odd row, whatever its origin, never makes a request fail and never hides another row."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conftest import Api, make_workspace
from depth import depth
from oddities import DOCUMENTS, INSTANTS, INTEGERS, POSITIVE, SMALL, Row, jobs, maybe

FINISHED = st.fixed_dictionaries(
    {
        "cause": st.sampled_from(["SCHEDULE", "API", "MANUAL", "BACKFILL", "CATCH_UP"]),
        "status": st.sampled_from(["SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"]),
        "status_reason": DOCUMENTS,
        "scheduled_at": INSTANTS,
        "run_at": INSTANTS,
        "created_at": INSTANTS,
        "started_at": maybe(INSTANTS),
        "completed_at": INSTANTS,
        "attempt_count": SMALL,
        "max_attempts": SMALL,
        "tick_count": POSITIVE,
        "worker_id": maybe(st.just("")),
        "input": DOCUMENTS,
        "output": maybe(DOCUMENTS),
        "error": maybe(DOCUMENTS),
    }
)
UNFINISHED = st.fixed_dictionaries(
    {
        "cause": st.sampled_from(["SCHEDULE", "API", "MANUAL", "BACKFILL", "CATCH_UP"]),
        "scheduled_at": INSTANTS,
        "run_at": INSTANTS,
        "created_at": INSTANTS,
        "visible_at": INSTANTS.filter(lambda at: at != "infinity"),
        "attempt_count": st.sampled_from([-(2**15), 0, 2**15 - 1]),
        "max_attempts": st.just(2**15 - 1),
        "crashes": SMALL,
        "max_crashes": SMALL,
        "timeout_ms": INTEGERS,
        "started_at": maybe(INSTANTS),
        "input": DOCUMENTS,
        "error": maybe(DOCUMENTS),
    }
)
CLAIMS = maybe(
    st.fixed_dictionaries({"worker_id": st.just(""), "claimed_at": INSTANTS, "cancel_reason": maybe(DOCUMENTS)})
)
ATTEMPTS = st.fixed_dictionaries(
    {
        "attempt_number": SMALL,
        "status": st.sampled_from(["SUCCESS", "FAILED", "TIMED_OUT", "UNKNOWN", "LOST"]),
        "started_at": INSTANTS,
        "completed_at": INSTANTS,
        "duration_ms": maybe(INTEGERS),
        "worker_id": st.just(""),
        "request": maybe(DOCUMENTS),
        "response": maybe(DOCUMENTS),
        "error": maybe(DOCUMENTS),
    }
)
BACKFILLS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["RUNNING", "COMPLETED", "CANCELLED", "FAILED"]),
        "reason": DOCUMENTS,
        "from_at": st.just("-infinity"),
        "to_at": INSTANTS.filter(lambda at: at != "-infinity"),
        "max_active": st.sampled_from([1, 1000]),
        "next_at": maybe(INSTANTS),
        "ticks": INTEGERS,
        "created": INTEGERS,
        "left_out": INTEGERS,
        "created_at": INSTANTS,
        "completed_at": INSTANTS,
    }
)
ENDPOINTS = st.fixed_dictionaries(
    {
        "version": INTEGERS,
        "created_at": INSTANTS,
        "updated_at": INSTANTS,
        "spec": DOCUMENTS,
        "retry_policy": DOCUMENTS,
        "max_in_flight": maybe(st.sampled_from([0, 2**31 - 1])),
    }
)


class Odd:
    """A workspace with sound rows, to which odd rows are added and from which they are removed."""

    def __init__(self, api: Api, superuser: psycopg.Connection) -> None:
        self.client = api.client
        self.superuser = superuser
        self.slug = make_workspace(api.client)
        self.base = f"/v1/workspaces/{self.slug}"
        ((self.workspace_id,),) = superuser.execute(
            "select workspace_id from kronos.workspaces where slug = %s", [self.slug]
        ).fetchall()
        once = self._made({"trigger": "IMMEDIATE"})
        self.cron = self._made({"trigger": "CRON", "cron": "* * * * *", "name": "sound"})["job_id"]
        self.sound_jobs = {once["job_id"], self.cron}
        self.sound_execution = once["execution"]["execution_id"]

    def _made(self, body: Row) -> Row:
        answer = self.client.post(f"{self.base}/jobs", json={"endpoint": "sink", **body})
        assert answer.status_code == 201, answer.text
        made: Row = answer.json()
        return made

    def insert_job(self, row: Row, **expressions: str) -> None:
        """Insert a job; a live CRON job gets a pointer that is as odd as its row."""
        job = {name: value for name, value in row.items() if name not in ("next_tick_at", "is_halted")}
        self.insert("jobs", job, **expressions)
        if row["trigger"] == "CRON" and row["status"] in ("ACTIVE", "PAUSED"):
            pointer = {name: row[name] for name in ("job_id", "runs", "last_run_at", "is_halted")}
            self.insert(
                "pointers",
                pointer | {"next_tick_at": row["next_tick_at"] or "infinity", "is_paused": row["status"] == "PAUSED"},
            )

    def insert(self, table: str, row: Row, **expressions: str) -> None:
        given = {"workspace_id": self.workspace_id, **row}
        columns = ", ".join([*given, *expressions])
        values = ", ".join([*(f"%({name})s" for name in given), *expressions.values()])
        self.superuser.execute(f"insert into kronos.{table} ({columns}) values ({values})", given)

    def clear(self) -> None:
        for statement in (
            "delete from kronos.attempt where workspace_id = %(workspace)s",
            "delete from kronos.execution_done where workspace_id = %(workspace)s",
            "delete from kronos.execution_live where workspace_id = %(workspace)s and execution_id <> %(execution)s",
            "delete from kronos.backfills where workspace_id = %(workspace)s",
            "delete from kronos.job_faults where workspace_id = %(workspace)s",
            "delete from kronos.jobs where workspace_id = %(workspace)s and job_id <> all (%(jobs)s::uuid[])",
            *(
                f"delete from kronos.{table} where workspace_id = %(workspace)s"
                " and endpoint_id not in (select endpoint_id from kronos.jobs)"
                for table in ("endpoint_gate", "endpoint_versions", "endpoints")
            ),
        ):
            given = {"workspace": self.workspace_id, "execution": self.sound_execution, "jobs": [*self.sound_jobs]}
            self.superuser.execute(statement, given)

    def get(self, path: str, *allowed: int) -> Any:
        answer: httpx.Response = self.client.get(self.base + path)
        assert answer.status_code in (200, *allowed), f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def listed(self, path: str, key: str) -> set[str]:
        """The ids of a list, read to its end. Page by page and in one piece, it must contain the same ids in the same
        order, each once.
        """
        whole = [row[key] for row in self.get(path)["data"]]
        found, cursor = list[str](), ""
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=1{cursor}")
            found += [row[key] for row in page["data"]]
            assert len(found) <= 20, f"{path} never ends"
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found == whole
        assert len(set(whole)) == len(whole)
        return set(whole)


@pytest.fixture(scope="module")
def odd(shared_api: Api) -> Iterator[Odd]:
    with psycopg.connect(shared_api.database_url, autocommit=True) as superuser:
        made = Odd(shared_api, superuser)
        yield made
        made.clear()


@settings(
    max_examples=depth(8, deep=25),
    deadline=None,
    phases=[Phase.generate],  # shrinking takes minutes, and the failing example is printed in full
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    job=jobs(),
    finished=FINISHED,
    unfinished=UNFINISHED,
    claim=CLAIMS,
    attempt=ATTEMPTS,
    backfill=BACKFILLS,
    endpoint=ENDPOINTS,
)
def test_every_answer_comes_whatever_a_row_holds(
    odd: Odd,
    job: tuple[Row, str | None],
    finished: Row,
    unfinished: Row,
    claim: Row | None,
    attempt: Row,
    backfill: Row,
    endpoint: Row,
) -> None:
    job_id, done_id, live_id, backfill_id, endpoint_id = (str(uuid.uuid4()) for _ in range(5))
    row, schedule = job
    if (
        row["trigger"] == "CRON" and finished["cause"] == "API"
    ):  # only one-shots have this cause; the weeks of a CRON job's executions are noted by other causes
        finished = {**finished, "cause": "MANUAL"}
    of_job = {"job_id": job_id, "endpoint_id": endpoint_id, "endpoint_version": endpoint["version"]}
    gate = endpoint.pop("max_in_flight")
    made_of = {name: endpoint.pop(name) for name in ("spec", "retry_policy")}
    reason = backfill.pop("reason")
    if backfill["status"] == "RUNNING":
        backfill = {**backfill, "completed_at": None}
    if backfill["status"] in ("CANCELLED", "FAILED"):
        backfill = {**backfill, "status_reason": reason}
    odd.clear()
    odd.insert("endpoints", {"endpoint_id": endpoint_id, "name": "odd", "type": "HTTP", **endpoint})
    odd.insert(
        "endpoint_versions",
        {
            "endpoint_id": endpoint_id,
            "version": endpoint["version"],
            **made_of,
            "timeout_ms": 1,
            "max_attempts": 1,
            "max_crashes": 0,
        },
    )
    odd.insert("endpoint_gate", {"endpoint_id": endpoint_id, "max_in_flight": gate})
    odd.insert_job(
        {"job_id": job_id, "first_version_id": job_id, "endpoint_id": endpoint_id, **row},
        **({"schedule": schedule} if schedule else {}),
    )
    odd.insert("execution_done", {"execution_id": done_id, **of_job, **finished})
    claimed = {"claim_token": str(uuid.uuid4()), **claim} if claim else {}
    odd.insert("execution_live", {"execution_id": live_id, **of_job, **unfinished, **claimed})
    for execution_id in (done_id, live_id):
        odd.insert("attempt", {"execution_id": execution_id, "claim_token": str(uuid.uuid4()), **attempt})
    odd.insert("backfills", {"backfill_id": backfill_id, "job_id": job_id, "first_version_id": job_id, **backfill})

    assert odd.listed("/endpoints", "name") == {"sink", "odd"}
    odd.get("/endpoints/odd")
    assert odd.listed("/jobs", "job_id") == odd.sound_jobs | {job_id}
    read = odd.get(f"/jobs/{job_id}")
    assert read["job_id"] == job_id
    for query in ("endpoint=odd", f"trigger={row['trigger']}", f"status={read['status']}", "q=odd"):
        assert job_id in odd.listed(f"/jobs?{query}", "job_id")
    odd.get("/jobs?tag=x")
    assert odd.listed("/executions", "execution_id") == {odd.sound_execution, done_id, live_id}
    assert odd.listed(f"/jobs/{job_id}/executions", "execution_id") == {done_id, live_id}
    assert odd.listed(f"/executions?status={finished['status']}", "execution_id") == {done_id}
    odd.get("/executions?scheduled_after=2026-01-01T00:00:00Z")
    assert odd.listed(f"/jobs/{job_id}/backfills", "backfill_id") == {backfill_id}
    odd.get(f"/backfills/{backfill_id}")
    for execution_id in (done_id, live_id):
        assert odd.get(f"/executions/{execution_id}")["execution_id"] == execution_id
        assert odd.get(f"/executions/{execution_id}/attempts")["data"]
        assert odd.get(f"/executions/{execution_id}/logs")["data"]
    assert odd.listed(f"/jobs/{job_id}/versions", "job_id") == {job_id}
    for asked in (job_id, odd.cron):
        assert odd.get(f"/jobs/{asked}/status")["job_id"] == asked
        for at in ("1970-01-01T00:00:00Z", "2026-11-28T12:00:00Z", "2999-12-31T23:59:59Z"):
            assert odd.get(f"/jobs/{asked}/explain?at={at}")["job_id"] == asked
        odd.get(f"/jobs/{asked}/explain")
    assert odd.get(f"/jobs/{odd.cron}/next-runs")["next_runs"]
    if row["trigger"] == "CRON":
        for count in (1, 100):
            odd.get(f"/jobs/{job_id}/next-runs?count={count}")
