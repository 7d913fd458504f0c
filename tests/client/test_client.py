"""The client against a real API: lists, versions, key rotation, threads, and what never leaks."""

import copy
import logging
import pickle
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import cast

import httpx
import pytest

from client.both import client_of
from client.conftest import Instance
from client.stub import Asked, answer, problem, stub
from conftest import Api, await_condition, make_workspace
from factory import secret_of
from kronos.client import (
    AsyncKronos,
    ConfigurationError,
    Conflict,
    Forbidden,
    InvalidRequest,
    Kronos,
    KronosError,
    PreconditionFailed,
    Unauthorized,
    WorkspaceClient,
)
from kronos.client._core import sse
from kronos.client.bodies import HttpSpec
from kronos.client.models import Problem


@pytest.fixture(params=["threads", "tasks"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_list_is_fetched_as_it_is_needed(shared_api: Api, workspace: str) -> None:
    """Three pages of two: the first row fetches one page, the third another; each iteration starts over."""
    asked: list[str] = []

    def note(request: httpx.Request) -> None:
        asked.append(request.url.query.decode())

    with (
        httpx.Client(event_hooks={"request": [note]}, timeout=60) as http,
        Kronos(str(shared_api.client.base_url), shared_api.key, http=http) as kronos,
    ):
        acme = kronos.workspace(workspace)
        acme.jobs.batch(jobs=[{"endpoint": "sink", "trigger": "IMMEDIATE"} for _ in range(5)])
        ids = [job.job_id for job in acme.jobs.list()]
        asked.clear()
        jobs = acme.jobs.list(page_size=2)
        assert (len(ids), asked) == (5, [])
        rows = iter(jobs)
        assert (next(rows).job_id, len(asked)) == (ids[0], 1)
        assert ([row.job_id for row in islice(rows, 2)], len(asked)) == (ids[1:3], 2)
        assert ([row.job_id for row in rows], len(asked)) == (ids[3:], 3)
        first = jobs.page()
        assert (len(first.data), first.next_cursor is not None) == (2, True)
        assert [row.job_id for row in acme.jobs.list(cursor=first.next_cursor)] == ids[2:]
        assert [len(page.data) for page in jobs.pages()] == [2, 2, 1]
        assert acme.jobs.list(tag="none").first() is None


def test_a_list_without_end_is_left(kind: str) -> None:
    page = answer(200, {"data": [], "next_cursor": "again"})
    with stub(page) as server, client_of(kind, server.url, "k") as client:
        with pytest.raises(KronosError, match="the same page again"):
            client.every("acme/jobs.list")
        assert len(server.asked) == 2


def test_a_version_that_was_overtaken_is_refused(acme: WorkspaceClient) -> None:
    job = acme.jobs.create(name="report", endpoint="sink", trigger="CRON", cron="0 9 * * *")
    newer = acme.jobs.edit("report", if_match=job.version, cron="0 10 * * *")
    with pytest.raises(PreconditionFailed) as caught:
        acme.jobs.edit("report", if_match=job.version, cron="0 11 * * *")
    assert not caught.value.may_be_done
    assert acme.jobs.pause("report", if_match=newer.version).status == "PAUSED"
    endpoint = acme.endpoints.get("sink")
    with pytest.raises(PreconditionFailed):
        acme.endpoints.put("sink", only_new=True, type="HTTP", spec=cast(HttpSpec, endpoint.spec))


def test_absent_is_not_null(acme: WorkspaceClient) -> None:
    acme.jobs.create(name="report", endpoint="sink", trigger="CRON", cron="0 9 * * *", title="A title", max_runs=7)
    assert acme.jobs.edit("report", cron="0 10 * * *").title == "A title"
    assert acme.jobs.edit("report", title=None).max_runs == 7


def test_the_same_key_makes_one_job(acme: WorkspaceClient) -> None:
    first = acme.jobs.create(endpoint="sink", trigger="IMMEDIATE", idempotency_key="order-1")
    assert acme.jobs.create(endpoint="sink", trigger="IMMEDIATE", idempotency_key="order-1").job_id == first.job_id
    with pytest.raises(InvalidRequest) as caught:
        acme.jobs.create(endpoint="sink", trigger="IMMEDIATE", idempotency_key="order-1", input={"other": True})
    assert caught.value.code == "idempotency_mismatch"


def test_a_batch_tells_what_is_wrong_with_which(acme: WorkspaceClient) -> None:
    made = acme.jobs.batch(
        atomic=False,
        jobs=[
            {"endpoint": "sink", "trigger": "IMMEDIATE"},
            {"endpoint": "sink", "trigger": "CRON", "cron": "60 * * * *"},
            {"endpoint": "sink", "trigger": "IMMEDIATE", "idempotency_key": None},
        ],
    ).data
    assert [type(each).__name__ for each in made] == ["Job", "Problem", "Job"]
    assert isinstance(made[1], Problem)
    assert made[1].code == "invalid_cron"


@pytest.mark.parametrize("how", ["function", "file"])
def test_a_key_that_is_rotated_is_taken_up(
    how: str, kind: str, kronos: Kronos, shared_api: Api, workspace: str, tmp_path: Path
) -> None:
    acme = kronos.workspace(workspace)
    old = acme.keys.create(role="operator", name="ci")
    file = tmp_path / "key"
    file.write_text(old.key + "\n")
    source: dict[str, object] = {"key_file": file} if how == "file" else {}
    key = None if how == "file" else lambda: file.read_text()
    with client_of(kind, str(shared_api.client.base_url), key, **source) as client:
        client.ask(f"{workspace}/jobs.create", endpoint="sink", trigger="IMMEDIATE")
        file.write_text(acme.keys.rotate(old.key_id).key)
        acme.keys.list().page()

        def is_over() -> bool:
            return shared_api.client.get("/v1/me", headers={"Authorization": f"Bearer {old.key}"}).status_code == 401

        await_condition(is_over, "the old key to be refused")
        client.ask(f"{workspace}/jobs.create", endpoint="sink", trigger="IMMEDIATE")
    with client_of(kind, str(shared_api.client.base_url), old.key) as client, pytest.raises(Unauthorized):
        client.ask(f"{workspace}/jobs.get", "none")


def test_many_threads_share_one_client(acme: WorkspaceClient) -> None:
    names = [f"job-{number}" for number in range(40)]

    def make(name: str) -> uuid.UUID:
        made = acme.jobs.create(name=name, endpoint="sink", trigger="CRON", cron="0 9 * * *")
        assert acme.jobs.get(name).job_id == made.job_id
        return made.job_id

    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(make, names))
    assert len(set(made)) == 40
    assert {job.name for job in acme.jobs.list(page_size=7)} == set(names)


def test_connections_are_kept_and_closed(kind: str) -> None:
    """Successive calls share one connection. Once the client is closed there is none, and a call raises an error."""
    body = b'{"status": "ok"}'
    is_closed = threading.Event()

    def twice(asked: Asked) -> Iterator[bytes]:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        yield head + body

    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def serve() -> None:
            connection, _ = listener.accept()
            accepted.append(connection)
            with connection:
                while connection.recv(65536):
                    connection.sendall(b"".join(twice(Asked("GET", "/", {}, b""))))
            is_closed.set()

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with client_of(kind, url, "k", tries=1) as client:
            for _ in range(3):
                assert client.ask("system.health").status == "ok"
        assert is_closed.wait(300), "the connection was left open"
        assert len(accepted) == 1


def test_a_closed_client_says_so() -> None:
    kronos = Kronos("http://127.0.0.1:1", "k")
    kronos.close()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        kronos.system.health()


def test_another_clients_connections_are_left_open(shared_api: Api) -> None:
    with httpx.Client(timeout=60) as http:
        with Kronos(str(shared_api.client.base_url), shared_api.key, http=http) as kronos:
            assert kronos.with_options(deadline=5).system.health().status == "ok"
        assert not http.is_closed


def test_with_options_shares_what_it_is_made_of(kronos: Kronos) -> None:
    other = kronos.with_options(deadline=5)
    other.close()  # it owns no connections
    assert kronos.system.health().status == "ok"
    with pytest.raises(ConfigurationError, match="unknown option: retries"):
        kronos.with_options(retries=3)  # type: ignore[call-arg] # that is the mistake
    with pytest.raises(ConfigurationError, match="tries is 0"):
        kronos.with_options(tries=0)


def test_no_key_and_no_secret_is_shown(
    kronos: Kronos, acme: WorkspaceClient, shared_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = acme.keys.create(role="viewer")
    acme.secrets.put("token", value="correct horse")
    with Kronos(str(shared_api.client.base_url), key.key) as viewer:
        viewers = viewer.workspace(acme.quotas.usage().workspace)
        with pytest.raises(Forbidden) as caught:
            viewers.secrets.put("other", value="battery staple")
    shown = [
        repr(each) for each in (kronos, acme, acme.jobs, acme.jobs.list(), key, kronos._transport, viewer, viewers)
    ]
    shown += [repr(caught.value), str(caught.value), repr(caught.value.problem), caplog.text]
    secrets = [secret_of(shared_api.key), secret_of(key.key), "correct horse", "battery staple"]
    assert [secret for secret in secrets if any(secret in text for text in shown)] == []


def test_errors_are_pickled_and_copied(acme: WorkspaceClient) -> None:
    with pytest.raises(InvalidRequest) as caught:
        acme.jobs.create(endpoint="sink", trigger="CRON", cron="60 * * * *")
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert (type(again), str(again)) == (InvalidRequest, str(caught.value))
        assert (again.pointers, again.hint, again.request_id) == (
            caught.value.pointers,
            caught.value.hint,
            caught.value.request_id,
        )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "", "key": "k"}, "pass url="),
        ({"url": "127.0.0.1:8080", "key": "k"}, "not an http"),
        ({"url": "http://admin:kr_live_a_b@127.0.0.1", "key": "k"}, "pass the key as key="),
        ({"url": "http://127.0.0.1?key=kr_live_a_b", "key": "k"}, "pass the key as key="),
        ({"url": "http://127.0.0.1"}, "no key is given"),
        ({"url": "http://127.0.0.1", "key": "two words"}, "contains characters that no key has"),
        ({"url": "http://127.0.0.1", "key": "kr\nX-Other: 1"}, "contains characters that no key has"),
        ({"url": "http://127.0.0.1", "key": "k", "key_file": "f"}, "both key and key_file"),
    ],
)
def test_what_cannot_work_is_said_at_once(given: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRONOS_URL", raising=False)
    monkeypatch.delenv("KRONOS_API_KEY", raising=False)
    for client in (Kronos, AsyncKronos):
        with pytest.raises(ConfigurationError, match=told) as caught:
            client(**given)  # type: ignore[arg-type] # of texts alone
        assert "kr_live_a_b" not in str(caught.value)


def test_address_and_key_come_from_the_environment(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_URL", str(shared_api.client.base_url))
    monkeypatch.setenv("KRONOS_API_KEY", shared_api.key)
    with Kronos() as kronos:
        assert kronos.me.get().kind == "key"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../other"])
def test_a_name_that_is_no_name_reaches_nothing_else(name: str, acme: WorkspaceClient) -> None:
    """Without the check, `endpoints.delete("")` would be DELETE …/endpoints/."""
    with pytest.raises(ConfigurationError, match=r"a name or an id is empty, is \. or \.\., or contains a slash"):
        acme.endpoints.delete(name)


def test_a_name_is_one_part_of_the_path(acme: WorkspaceClient) -> None:
    for name in ("a%2Fb", "a?confirm=b", "a#b", "é %2e"):
        with pytest.raises((InvalidRequest, Conflict, KronosError)) as caught:
            acme.jobs.get(name)
        assert getattr(caught.value, "status", None) in (400, 404), caught.value


def test_the_audit_goes_on_where_it_was_cut(kind: str, instance: Instance) -> None:
    place = make_workspace(instance.api.client)
    with Kronos(instance.url, instance.api.key) as kronos:
        acme = kronos.workspace(place)
        for number in range(6):
            acme.configs.create(name=f"c{number}", values={})
        await_condition(lambda: acme.audit.head().number >= 8, "the audit to be sealed")
        whole = list(acme.audit.export())
        assert [line.number for line in whole] == list(range(1, len(whole) + 1))
        assert next(acme.audit.export(cursor=5)).number == 6
    lines = [line.text.encode() + b"\n" for line in whole]

    def cut(asked: Asked) -> Iterator[bytes]:
        start = int(asked.path.partition("cursor=")[2] or 0)
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
        yield b"".join(lines[start : start + 3]) + (lines[start + 3][:9] if start + 3 < len(lines) else b"")

    with stub(cut) as server, client_of(kind, server.url, "k", first_pause=0.001) as client:
        again = client.every("acme/audit.export")
    assert [line.text for line in again] == [line.text for line in whole]
    assert len(server.asked) > 2
    with stub(problem(403, "forbidden")) as server, client_of(kind, server.url, "k") as client:
        with pytest.raises(Forbidden):
            client.every("acme/audit.export")
        assert len(server.asked) == 1


def test_a_stream_reads_the_same_however_it_is_cut() -> None:
    text = b"retry: 2000\r\n\r\nid: a\r\n\r\n: beat\n\n"
    text += b'event: job\ndata: {"a":\ndata: "\xc3\xa9"}\nid: b\n\nevent: x\n\ndata: y\n\n'
    whole = sse.FrameReader().feed(text)
    assert [(frame.event, frame.data, frame.id) for frame in whole] == [
        ("message", "", "a"),
        ("message", "", None),
        ("job", '{"a":\n"é"}', "b"),
        ("message", "y", None),
    ]
    for size in range(1, len(text)):
        reader = sse.FrameReader()
        assert [frame for at in range(0, len(text), size) for frame in reader.feed(text[at : at + size])] == whole, size
