"""A dead connection costs the caller nothing: it is replaced before it is used, and a read during which it died is sent
once more."""

import os
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import forked
from conftest import Api, await_condition, make_workspace, running_api
from depth import depth
from factory import add_workspace
from faults.own_server import own_server
from kronos import database, database_errors, doctor, errors, migrations, readiness, session
from kronos.embedded.cluster import Cluster
from kronos.pool import Pool
from kronos.sql import Statement
from kronos.worker import claims, results
from kronos.worker.link import Link, Outage
from kronos.writes import Writes
from session.standby import standby_of
from sql_factory import Connection, value

_DEATHS = depth(8, deep=18)
_OF_THE_API = "application_name = 'kronos-api' and datname = current_database()"
_TERMINATE = f"select count(pg_terminate_backend(pid)) from pg_stat_activity where {_OF_THE_API}"


def terminate(superuser: Connection) -> int:
    """End all of the API's sessions, and return when they are gone."""
    pids = superuser.execute(f"select pid from pg_stat_activity where {_OF_THE_API}").fetchall()
    count: int = value(superuser, _TERMINATE)
    gone = "select not exists (select from pg_stat_activity where pid = any (%s))"
    await_condition(lambda: value(superuser, gone, [[pid for (pid,) in pids]]), "the sessions' end")
    return count


async def test_after_all_connections_died_no_statement_fails(superuser: Connection, database_url: str) -> None:
    async with Pool(database_url, size=10, wait_seconds=60) as pool:
        async with AsyncExitStack() as all_of_them:
            for _ in range(10):
                await all_of_them.enter_async_context(pool.connection())
        assert terminate(superuser) == 10
        view = database.InstanceView(pool)
        for _ in range(25):
            assert (await readiness.get(view)).internal_jobs > 0


def test_connections_that_die_whenever_they_are_idle_fail_no_request(own_api: Api, superuser: Connection) -> None:
    slug = make_workspace(own_api.client)
    for n in range(_DEATHS):
        assert terminate(superuser) > 0
        answer = own_api.client.get(f"/v1/workspaces/{slug}/jobs") if n % 2 else own_api.client.post(
            f"/v1/workspaces/{slug}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}
        )  # fmt: skip
        assert answer.status_code == (200 if n % 2 else 201), (n, answer.text)
    assert value(superuser, "select count(*) from kronos.job_details where trigger = 'IMMEDIATE'") == _DEATHS // 2


@contextmanager
def stopped_in(
    superuser: Connection, url: str, call: "Future[httpx.Response]", started: threading.Event
) -> Iterator[None]:
    """In the block, the call's statement waits for a lock; then its session is ended and the lock released."""
    with psycopg.connect(url) as holding:
        holding.execute("lock table kronos.workspaces in access exclusive mode")
        started.set()
        waits = f"select pid from pg_stat_activity where {_OF_THE_API} and wait_event_type = 'Lock'"
        await_condition(lambda: value(superuser, f"select exists ({waits})"), "the statement that waits")
        yield
        superuser.execute(f"select pg_terminate_backend(pid) from ({waits}) as waiting")
        await_condition(lambda: call.done() or value(superuser, f"select exists ({waits})"), "the end, or a second try")


def called_while_it_dies(api: Api, superuser: Connection, method: str, body: object = None) -> httpx.Response:
    started = threading.Event()
    with ThreadPoolExecutor(1) as asked:

        def ask() -> httpx.Response:
            assert started.wait(60)
            return api.client.request(method, "/v1/workspaces", json=body)

        call = asked.submit(ask)
        with stopped_in(superuser, api.database_url, call, started):
            pass
        return call.result(60)


def test_a_read_whose_connection_dies_under_it_is_sent_once_more(own_api: Api, superuser: Connection) -> None:
    own_api.client.get("/v1/workspaces")  # from here on its key is cached
    assert called_while_it_dies(own_api, superuser, "GET").status_code == 200


def test_a_write_whose_connection_dies_under_it_is_not(own_api: Api, superuser: Connection) -> None:
    own_api.client.get("/v1/workspaces")
    slug = f"w-{uuid.uuid4().hex[:8]}"
    answer = called_while_it_dies(own_api, superuser, "POST", {"slug": slug, "name": slug})
    assert (answer.status_code, "may have been done" in answer.json()["detail"]) == (503, True), answer.text
    assert value(superuser, "select count(*) from kronos.workspaces where slug = %s", [slug]) == 0


def test_what_a_lost_connection_leaves_open_is_said_once_and_to_a_caller_as_far_as_it_is_known() -> None:
    lost = database_errors.from_database(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert lost.said.count("may have been done") == 1
    assert Writes().explained(lost).detail.endswith("; nothing was changed")
    unknown = Writes(is_sent=True).explained(lost)
    assert (unknown.code, unknown.detail.count("may have been done")) == ("outcome_unknown", 1)


async def test_a_workers_connection_that_died_while_it_was_idle_is_replaced(
    superuser: Connection, database_url: str
) -> None:
    said: list[str] = []
    outage = Outage()
    outage.begins = lambda link, why: said.append(why)  # type: ignore[method-assign]
    link = Link(database_url, "test", outage)
    try:
        for _ in range(3):
            assert await claims.due_endpoints(link, floors={}, since=None) == []
            ended = value(
                superuser,
                "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where application_name = "
                "'kronos-worker-test'",
            )
            assert ended == 1
        assert await claims.due_endpoints(link, floors={}, since=None) == []
    finally:
        await link.close()
    assert said == []


_SOMETIMES = """
create sequence public.tries;
grant usage on sequence public.tries to public;
create function public.sometimes(p_tries integer, p_sqlstate text) returns integer language plpgsql as $$
begin
    if nextval('public.tries') < p_tries then
        raise '%', p_sqlstate using errcode = p_sqlstate;
    end if;
    return currval('public.tries');
end
$$
"""


async def test_a_write_that_was_rolled_back_because_several_waited_for_each_other_is_sent_again(
    superuser: Connection, database_url: str
) -> None:
    superuser.execute(_SOMETIMES)
    workspace_id = add_workspace(superuser)
    ask = Statement(name="jobs.test", text="select public.sometimes(%(tries)s, %(sqlstate)s) as pid", row=_Pid)
    async with Pool(database_url, size=1, wait_seconds=60) as pool:
        view = database.InstanceView(pool)
        assert await view.rows(ask, {"tries": 5, "sqlstate": "40P01"}) == [_Pid(pid=5)]
        with pytest.raises(errors.OutcomeUnknown, match="40P01"):  # from the view, whose first write is done
            await view.rows(ask, {"tries": 11, "sqlstate": "40P01"})
        assert await view.rows(ask, {"tries": 11, "sqlstate": "40P01"}) == [_Pid(pid=11)]
        with pytest.raises(errors.OutcomeUnknown, match="55P03"):
            await view.rows(ask, {"tries": 13, "sqlstate": "55P03"})
        assert await view.rows(ask, {"tries": 13, "sqlstate": "55P03"}) == [_Pid(pid=13)]
        together = [database.WorkspaceView(pool, str(workspace_id)) for _ in range(2)]
        assert await together[0].for_all(
            together, lambda all_of: all_of.rows(ask, {"tries": 17, "sqlstate": "40P01"}), makes=[None, None]
        ) == [_Pid(pid=17)]


_RAISED = {
    "55P03": False,  # another session's lock
    "40P01": False,
    "40001": False,
    "57014": False,  # it took too long
    "53200": False,
    "53300": False,
    "58030": False,
    "XX000": False,
    "25006": True,  # a standby
    "57P01": True,
    "57P02": True,
    "57P03": True,
    "08006": False,  # of a session that continues: it reads from another server
    "08P01": True,
}


@pytest.mark.parametrize(("sqlstate", "is_over"), _RAISED.items())
async def test_api_and_worker_give_up_a_connection_for_the_same_errors(
    superuser: Connection, database_url: str, sqlstate: str, is_over: bool
) -> None:
    """A connection that PostgreSQL keeps open is kept: reconnecting because of another session's lock costs both sides
    and helps neither."""
    raising = f"do $$ begin raise sqlstate '{sqlstate}' using message = 'so'; end $$"
    pid = Statement(name="test.pid", text="select pg_backend_pid() as pid", row=_Pid)
    failing = Statement(name="test.failing", text=raising, row=_Pid)
    link = Link(database_url, "test", Outage())
    async with Pool(database_url, size=1, wait_seconds=60) as pool:
        view = database.InstanceView(pool)
        of_both: list[list[_Pid]] = []
        for _ in range(2):
            of_both.append(await link.rows(pid, {}) + await view.rows(pid, {}))
            with pytest.raises(psycopg.Error):
                await link.rows(failing, {})
            with pytest.raises(errors.KronosError):
                await view.rows(failing, {})
    await link.close()
    assert [before != after for before, after in zip(*of_both, strict=True)] == [is_over, is_over]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pid:
    pid: int


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with own_server() as made:
        yield made


@contextmanager
def serving(url: str, key: str) -> Iterator[httpx.Client]:
    """A `kronos serve` on this database, which it need not be able to write to."""
    environment = {**os.environ, "KRONOS_DATABASE_URL": url, "KRONOS_PORT": "0"}
    with forked.speaking("serve", environment) as (process, said):
        found = next(found for line in said if (found := re.search(r"listening on (http://\S+)", line)))
        reader = threading.Thread(target=said.read)
        reader.start()
        try:
            with httpx.Client(base_url=found[1], headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
                yield client
        finally:
            process.terminate()
            reader.join(60)


async def test_a_fail_over_is_followed_and_until_then_readyz_says_that_no_writes_are_taken(
    cluster: Cluster, tmp_path: Path
) -> None:
    with running_api(cluster.superuser_url, tmp_path, database_wait_seconds=3) as api:
        make_workspace(api.client)
        key = api.key
    with standby_of(cluster) as url, serving(url, key) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, "is a read-only standby" in ready.json()["detail"]) == (503, True), ready.text
        assert client.get("/v1/workspaces").status_code == 200
        refused = client.post("/v1/workspaces", json={"slug": "late", "name": "late"})
        assert (refused.status_code, refused.json()["pg_sqlstate"]) == (503, "25006"), refused.text
        assert "rejects writes" in refused.json()["detail"]
        with pytest.raises(errors.MigrationFailed, match="read-only standby; nothing was changed"):
            migrations.migrate(url)
        found = {each.check: each for each in doctor.examine(url, fix=False, progress=lambda *_: None)}
        assert (found["writes"].ok, found["launcher"].ok) == (False, True), found

        port = conninfo_to_dict(url)["port"]
        several = make_conninfo(url, host="127.0.0.1,127.0.0.1", port=f"{port},{cluster.port}")
        with session.connect(several, session.wanted(None)) as connection:
            assert connection.info.port == cluster.port
        link = Link(url, "test", Outage())
        try:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                await results.release(link, {str(uuid.uuid4()): str(uuid.uuid4())})
            with psycopg.connect(url, autocommit=True) as superuser:
                assert value(superuser, "select pg_promote()")
            await results.release(link, {str(uuid.uuid4()): str(uuid.uuid4())})
        finally:
            await link.close()
        assert client.post("/v1/workspaces", json={"slug": "late", "name": "late"}).status_code == 201
        assert "standby" not in client.get("/readyz").text


def test_requests_during_a_restart_wait_for_it(cluster: Cluster, tmp_path: Path) -> None:
    with running_api(cluster.superuser_url, tmp_path) as api, ThreadPoolExecutor(4) as asked:
        api.client.get("/v1/workspaces").raise_for_status()
        cluster.stop()
        waiting = [asked.submit(api.client.get, "/v1/workspaces") for _ in range(4)]
        cluster.start()
        assert [each.result().status_code for each in waiting] == [200] * 4
