"""Callbacks delivered by real workers: the docs page's example as it is, and a worker that is killed around the end of
a run."""

import json
import re
import signal
from collections.abc import Callable

import psycopg

from callback_rows import make_job, run, to_endpoint
from conftest import ROOT, Api
from delivery.servers import Receiver, Talk, answer, silent
from factory import add_endpoint, end_leases, status_of
from sql_factory import records, value, values
from worker.running import Worker, until

Start = Callable[..., Worker]
_REQUEST = re.compile(r"^`POST …/(\w+)`\n\n```json\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


async def test_the_pages_example_runs_as_it_stands(
    own_api: Api, own_workspace: str, superuser: psycopg.Connection, start: Start
) -> None:
    async def receive(talk: Talk) -> None:
        path = talk.request.line.split()[1]
        await answer(b"r.csv", status="500 No" if path == "/load" else "200 OK")(talk)

    async with Receiver(receive) as receiver:
        base = f"/v1/workspaces/{own_workspace}"
        for path, body in _REQUEST.findall((ROOT / "docs/callbacks.md").read_text()):
            asked = body.replace("https://example.com", f"http://127.0.0.1:{receiver.port}")
            made = own_api.client.post(f"{base}/{path}", json=json.loads(asked))
            assert made.status_code == 201, made.text
        first = own_api.client.post(f"{base}/jobs/morning-report/trigger").json()["execution_id"]
        start()
        await until(lambda: len(receiver.requests) == 3, "the report, the load and the alert")
        await until(
            lambda: value(superuser, "select count(*) from kronos.executions where status = 'SUCCESS'") == 2, "the ends"
        )
        sent = {each.line.split()[1]: json.loads(each.body) for each in receiver.requests}
        assert sent["/load"] == {"file": "r.csv"}
        assert sent["/alert"]["text"].startswith("load FAILED: ")
        assert len({each.headers["idempotency-key"] for each in receiver.requests}) == 3
    report = own_api.client.get(f"{base}/executions/{first}").json()
    (loaded,) = report["callbacks"]
    assert (report["status"], loaded["status"], loaded["job"]) == ("SUCCESS", "FAILED", "load")
    load = own_api.client.get(f"{base}/executions/{loaded['execution_id']}").json()
    assert [(each["endpoint"], each["status"]) for each in load["callbacks"]] == [("on-call", "SUCCESS")]


async def test_workers_that_are_killed_around_the_end_of_a_run_leave_one_callback(
    superuser: psycopg.Connection, database_url: str, start: Start
) -> None:
    """One is killed while its result waits to be stored, one while it sends the callback."""

    async def first_never(talk: Talk) -> None:
        await (silent if len(hook.requests) == 1 else answer())(talk)

    async with Receiver(answer()) as receiver, Receiver(first_never) as hook:
        endpoint = add_endpoint(superuser, url=receiver.url)
        called = add_endpoint(superuser, endpoint.workspace_id, url=hook.url, timeout_ms=600_000)
        execution_id = run(superuser, make_job(superuser, endpoint, on_success=to_endpoint(superuser, called)))
        superuser.execute(
            "update kronos.execution_live set claim_token = null, worker_id = null, claimed_at = null,"
            " attempt_count = 0, visible_at = now(), max_attempts = 5, max_crashes = 3"
        )
        worker = start()
        with psycopg.connect(database_url) as holder:
            holder.execute("lock table kronos.callbacks in share mode")
            await until(lambda: values(superuser, _STUCK), "the result, which waits to be stored")
            worker.tell(signal.SIGKILL)
            assert await worker.ends() == -signal.SIGKILL
            assert status_of(superuser, execution_id) == "RUNNING"
            assert records(superuser, "select * from kronos.callbacks") == []
        # PostgreSQL has the whole statement, and commits it or gives up on the lock
        await until(lambda: not values(superuser, _SESSIONS), "the end of the dead worker's sessions")
        end_leases(superuser)
        worker = start()
        await until(lambda: status_of(superuser, execution_id) == "SUCCESS", "the end of the run")
        (callback_id,) = values(superuser, "select execution_id from kronos.callbacks")
        await until(lambda: len(hook.requests) == 1, "the callback")
        worker.tell(signal.SIGKILL)
        await worker.ends()
        end_leases(superuser)
        start()
        await until(lambda: status_of(superuser, callback_id) == "SUCCESS", "the callback, by another worker")
    assert {each.headers["idempotency-key"] for each in hook.requests} == {str(callback_id)}
    assert values(superuser, "select execution_id from kronos.callbacks") == [callback_id]


_SESSIONS = "select pid from pg_stat_activity where application_name like 'kronos-worker-%'"
_STUCK = f"{_SESSIONS} and wait_event_type = 'Lock' and query like 'with result as%'"
