"""An export of more than a page is sent piece by piece: the same bytes as if it had been built at once, and it holds no
session while its reader is slow.
"""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import httpx
import orjson
import psycopg
import pytest

from conftest import Api, await_condition, holding, make_workspace
from kronos import errors
from kronos.api import apply_export
from kronos.api.apply_files import Writable
from kronos.managed import AnyName, Kind
from sql_factory import values

_TEXT = "x" * 60_000
_SESSIONS = """
select state from pg_stat_activity
 where datname = current_database() and application_name like 'kronos-api%' and state <> 'idle'
"""


@pytest.fixture(scope="module")
def client(shared_api: Api) -> httpx.Client:
    return shared_api.client


@pytest.fixture(scope="module")
def large(client: httpx.Client) -> str:
    """A workspace with 5 MB of configs, and objects of most other kinds."""
    workspace = make_workspace(client)
    for first in range(0, 80, 16):  # an apply accepts a megabyte
        values = {"text": _TEXT, "at": "12:30", "Ä": ["ß", None, 1.5]}
        configs = [{"name": f"config-{n}", "values": values | {"n": n}} for n in range(first, first + 16)]
        body: dict[str, Any] = {"set": f"from-{first}", "configs": configs}
        client.post(f"/v1/workspaces/{workspace}/apply", json=body).raise_for_status()
    body = {
        "set": "some",
        "calendars": [
            {"name": f"closed-{n}", "days": [{"starts": "2027-01-01", "name": "New Year"}]} for n in range(3)
        ],
        "endpoints": [{"name": f"e-{n}", "type": "HTTP", "spec": {"url": "https://example.com/"}} for n in range(52)],
        "jobs": [{"name": f"job-{n}", "endpoint": "e-1", "cron": "0 9 * * 1", "input": {"n": n}} for n in range(10)],
        "alert_rules": [],
    }
    client.post(f"/v1/workspaces/{workspace}/apply", json=body).raise_for_status()
    return workspace


def _whole(client: httpx.Client, path: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(path).raise_for_status().json()
    return found


def test_what_comes_in_pieces_is_what_was_made_at_once(
    client: httpx.Client, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/workspaces/{large}/export"
    pieces = client.get(path)
    assert "content-length" not in pieces.headers
    with monkeypatch.context() as patched:
        patched.setattr(apply_export, "PAGE_BYTES", 2**30)
        at_once = client.get(path)
    assert int(at_once.headers["content-length"]) == len(at_once.content) > 4_000_000
    assert pieces.content == at_once.content
    found = at_once.json()
    assert at_once.content == orjson.dumps(found)
    assert list(found) == ["set", "secrets", "configs", "payload_specs", "calendars", "endpoints", "jobs", "heartbeats",
                           "alert_rules"]  # fmt: skip
    assert {name: len(found[name]) for name in found if name != "set"} == {
        "secrets": 0, "configs": 80, "payload_specs": 0, "calendars": 3, "endpoints": 53, "jobs": 10, "heartbeats": 0,
        "alert_rules": 0,
    }  # fmt: skip
    for kind in ("configs", "calendars", "endpoints", "jobs"):
        names = [each["name"] for each in found[kind]]
        assert names == sorted(names)
    assert found["configs"][0]["values"] == _whole(client, f"/v1/workspaces/{large}/configs/config-0")["values"]


def test_a_set_of_it_is_no_more_than_it_was(client: httpx.Client, large: str) -> None:
    of_set = _whole(client, f"/v1/workspaces/{large}/export?set=some")
    assert (of_set["set"], of_set["configs"], len(of_set["endpoints"]), len(of_set["jobs"])) == ("some", [], 52, 10)


@contextmanager
def _reading(api: Api, workspace: str, key: str, more: str, version: str = "1.1") -> Iterator[socket.socket]:
    """A client that requested the export and has not read it. The kernels' buffers are smaller than the export."""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(60)
        url = api.client.base_url
        reader.connect((url.host, url.port))
        head = f"GET /v1/workspaces/{workspace}/export HTTP/{version}\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        reader.sendall(f"{head}{more}\r\n".encode())
        assert reader.recv(12) == b"HTTP/1.1 200"
        yield reader


def _rest(reader: socket.socket) -> bytes:
    rest = bytearray()
    while some := reader.recv(65536):
        rest += some
    return bytes(rest)


@pytest.fixture
def slow(shared_api: Api, large: str) -> Iterator[socket.socket]:
    with _reading(shared_api, large, shared_api.key, "Connection: close\r\n") as reader:
        yield reader


def test_who_reads_slowly_holds_no_session(
    client: httpx.Client, slow: socket.socket, shared_superuser: psycopg.Connection, large: str
) -> None:
    await_condition(lambda: values(shared_superuser, _SESSIONS) == [], "no session to be held")
    client.delete(f"/v1/workspaces/{large}/configs/config-9").raise_for_status()  # the last of the configs
    rest = _rest(slow)
    assert rest.rstrip().endswith(b"0")  # the final chunk
    assert rest.count(b'"name":"config-') in (79, 80)
    assert b'"alert_rules":[]}' in rest
    made = {"name": "config-9", "values": {"text": _TEXT}}
    client.post(f"/v1/workspaces/{large}/configs", json=made).raise_for_status()


def test_a_job_that_is_renamed_meanwhile_comes_once_under_the_name_it_had(
    client: httpx.Client, slow: socket.socket, large: str
) -> None:
    """Pages were read by name: a job that was given another name was missed, and one that was given a name further
    down the list came twice, in place of the job that had it."""
    jobs = f"/v1/workspaces/{large}/jobs"

    def rename(*pairs: tuple[str, str]) -> None:
        for old, new in pairs:
            client.patch(f"{jobs}/{old}", json={"name": new}).raise_for_status()

    rename(("job-3", "another"), ("job-1", "spare"), ("job-2", "job-1"), ("spare", "job-2"))
    client.patch(f"{jobs}/job-4", json={"input": {"n": 40}}).raise_for_status()
    client.delete(f"{jobs}/job-5").raise_for_status()
    try:
        rest = _rest(slow)
    finally:
        rename(("another", "job-3"), ("job-1", "spare"), ("job-2", "job-1"), ("spare", "job-2"))
        client.patch(f"{jobs}/job-4", json={"input": {"n": 4}}).raise_for_status()
        again = {"name": "job-5", "endpoint": "e-1", "cron": "0 9 * * 1", "input": {"n": 5}}
        body = {"set": "some", "jobs": [again]}  # with its set, as before: other tests export that
        client.post(f"/v1/workspaces/{large}/apply", json=body).raise_for_status()
    written = re.findall(rb'"name":"(job-\d|another|spare)"[^{}]*"input":{"n":(\d+)}', rest)
    expected = [(n, 40 if n == 4 else n) for n in range(10) if n != 5]
    assert written == [(b"job-%d" % n, b"%d" % value) for n, value in expected]


def test_who_goes_away_leaves_nothing_behind(
    client: httpx.Client, slow: socket.socket, shared_superuser: psycopg.Connection, large: str
) -> None:
    slow.close()
    await_condition(lambda: values(shared_superuser, _SESSIONS) == [], "no session to be held")
    assert client.get(f"/v1/workspaces/{large}").status_code == 200


def test_what_is_being_written_holds_no_session_and_nobody_up(
    client: httpx.Client, large: str, shared_superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = Event(), Event()
    texts = apply_export._texts

    def waiting(kind: Kind, rows: list[Writable]) -> list[bytes]:
        begun.set()
        assert may_end.wait(60)
        return texts(kind, rows)

    monkeypatch.setattr(apply_export, "_texts", waiting)
    with ThreadPoolExecutor(2) as threads:
        try:
            asked = [threads.submit(client.get, f"/v1/workspaces/{large}/export?set=some") for _ in range(2)]
            assert begun.wait(60)
            await_condition(lambda: values(shared_superuser, _SESSIONS) == [], "no session to be held")
            assert client.get(f"/v1/workspaces/{large}").status_code == 200
        finally:
            may_end.set()
    first, second = (each.result() for each in asked)
    assert (first.status_code, first.content) == (200, second.content)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_key_that_is_revoked_gets_no_more_of_it(
    client: httpx.Client,
    shared_api: Api,
    large: str,
    version: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys, made_by, texts, may_go_on = f"/v1/workspaces/{large}/keys", list[Kind](), apply_export._texts, Event()

    def waiting(kind: Kind, rows: list[Writable]) -> list[bytes]:
        made_by.append(kind)
        assert len(made_by) <= 3 or may_go_on.wait(60)  # until then, the kernels' buffers hold what was sent
        return texts(kind, rows)

    monkeypatch.setattr(apply_export, "_texts", waiting)
    made = client.post(keys, json={"role": "operator", "name": "slow"}).raise_for_status().json()
    with _reading(shared_api, large, made["key"], "Connection: close\r\n", version) as reader:
        try:
            client.delete(f"{keys}/{made['key_id']}").raise_for_status()
            with holding(client, made["key"]) as revoked:
                path = f"/v1/workspaces/{large}"
                await_condition(lambda: revoked.get(path).status_code == 401, "the key to be rejected")
        finally:
            may_go_on.set()
        with pytest.raises(ConnectionResetError):  # so it is not taken for the whole, even without chunks
            _rest(reader)
    (told,) = [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")
               and each.name in ("kronos.api", "uvicorn.error")]  # fmt: skip
    assert (vars(told)["event"], "was cut off: unauthorized: " in told.getMessage()) == ("request.cut", True)
    assert told.exc_info is None


@pytest.mark.parametrize("more", ["", "Connection: keep-alive\r\n"])
def test_who_speaks_http_1_0_gets_it_without_chunks(
    client: httpx.Client, shared_api: Api, large: str, more: str
) -> None:
    with _reading(shared_api, large, shared_api.key, more, "1.0") as reader:
        head, _, body = _rest(reader).partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert "connection: close" in lines
    assert not any(line.startswith(("transfer-encoding:", "content-length:")) for line in lines)
    assert body == client.get(f"/v1/workspaces/{large}/export").content


def test_more_than_a_file_holds_is_said_with_what_cannot_be_exported() -> None:
    found = [AnyName(kind="alert_rule", name=f"rule-{n}", job_id=None) for n in range(1_001)]
    apply_export._require_few(found[1:])
    with pytest.raises(errors.Unprocessable) as caught:
        apply_export._require_few(found)
    assert "the workspace has more than 1,000 alert rules, more than a file holds" in caught.value.detail
    said = "Export its sets one by one. No file is written of alert rules that belong to no set: list them."
    assert [fault.hint for fault in caught.value.faults] == [said]
