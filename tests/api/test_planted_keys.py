"""Keys in the wrong place: in a URL they are rejected and reported as compromised, and none is ever written down."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import psycopg
import pytest

from api_answers import problem_of
from api_process import Process, serving, wait_for
from conftest import PLAIN, cloned
from factory import add_key
from servers import Server
from sql_factory import Connection, value


@pytest.fixture(scope="module")
def place(server: Server, template: str) -> Iterator[tuple[Process, Connection]]:
    """A process, run as `kronos serve` runs it, whose log is read, and its database."""
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as superuser,
        serving(url, KRONOS_LOG_LEVEL="DEBUG") as process,
    ):
        yield process, superuser


@pytest.fixture
def logging_api(place: tuple[Process, Connection]) -> Process:
    return place[0]


@pytest.fixture
def administrator(place: tuple[Process, Connection]) -> Connection:
    return place[1]


def places(key: str, path: str) -> list[tuple[str, str, dict[str, str], bytes]]:
    """Requests with the key where it must not be, or where it is ignored: method, URL, headers, body."""
    encoded = quote(key).replace("_", "%5F")
    body = json.dumps({"endpoint": key, "trigger": "CRON", "cron": key, "name": key, key: key, "input": {"a": key}})
    return [
        ("GET", f"/v1/workspaces?key={key}", {}, b""),
        ("GET", f"/v1/workspaces?cursor={encoded}&limit=x", {}, b""),
        ("GET", f"/v1/workspaces/{key}", {}, b""),
        ("POST", f"/v1/workspaces/{encoded}/jobs", {}, b"{}"),
        ("HEAD", f"/{key}", {}, b""),
        ("PUT", f"/healthz/{key}?{key}={key}", {}, b""),
        ("GET", path, {"X-Api-Key": key, "Cookie": f"key={key}", "User-Agent": key, "Referer": f"http://x/{key}"}, b""),
        ("GET", path, {"Request-Id": key}, b""),
        ("GET", path, {"Authorization": f"Basic {key}"}, b""),
        ("GET", path, {"Authorization": f"Bearer {key}!"}, b""),
        ("GET", f"{path}?limit=x", {"If-Match": key, "If-None-Match": key}, b""),
        ("PATCH", "/v1/workspaces/none", {"If-Match": key}, b'{"name": "x"}'),
        ("POST", "/v1/workspaces/none/jobs", {"Idempotency-Key": f"{key} {key}"}, body.encode()),
        ("POST", "/v1/workspaces/none/jobs", {"Content-Type": key}, body.encode()),
        ("POST", "/v1/workspaces/none/jobs", {}, body.encode()),
        ("POST", "/v1/workspaces", {}, json.dumps({"slug": key, "name": key}).encode()),
        ("POST", "/v1/workspaces", {}, f'{{"slug": "{key}"'.encode()),
        ("POST", "/v1/schedules/preview", {}, json.dumps({"cron": key, "timezone": key}).encode()),
    ]


def test_no_answer_and_no_line_of_the_log_has_the_secret_of_a_planted_key(
    logging_api: Process, administrator: Connection
) -> None:
    planted, own = add_key(administrator, None, "instance_admin"), add_key(administrator, None, "instance_admin")
    secret = planted.split("_", 3)[3]
    answers = []
    with httpx.Client(
        base_url=logging_api.url, headers={"Authorization": f"Bearer {own}"}, verify=PLAIN, timeout=300
    ) as client:
        for method, url, headers, body in places(planted, "/v1/workspaces"):
            kind = {"Content-Type": "application/json"} if body else {}
            answers.append(client.request(method, url, headers=kind | headers, content=body))
        for page in ("/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/nothing", "/v1/system/status"):
            answers.append(client.get(page))
        end = client.get("/healthz", headers={"Request-Id": "the-end"})
    assert {each.status_code for each in answers} >= {200, 400, 401, 404, 422}
    for answer in answers:
        shown = f"{answer.headers.multi_items()}{answer.text}"
        assert secret not in shown, answer.request.url
        assert own.split("_", 3)[3] not in shown
    assert end.headers["request-id"] == "the-end"
    wait_for(lambda: logging_api.found("the-end GET /healthz"), "the last line of the log")
    lines = "".join(logging_api.lines)
    assert secret not in lines
    assert secret.replace("_", "%5F") not in lines
    assert own.split("_", 3)[3] not in lines


@pytest.mark.parametrize("is_known", [True, False])
def test_a_key_in_a_url_is_burnt_and_the_answer_does_not_say_whether_it_is_one(
    logging_api: Process, administrator: Connection, is_known: bool
) -> None:
    key, own = add_key(administrator, None, "instance_admin"), add_key(administrator, None, "instance_admin")
    public_id = key.split("_")[2]
    sent = key if is_known else f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}"
    burnt = "select burnt_at is not null from kronos.api_keys where public_id = %s"
    with httpx.Client(
        base_url=logging_api.url, headers={"Authorization": f"Bearer {own}"}, verify=PLAIN, timeout=300
    ) as client:
        refused = problem_of(client.get(f"/v1/workspaces?api_key={sent}"))
        assert (refused["status"], refused["code"]) == (400, "key_in_url")
        assert f"kr_live_{public_id}_***" in refused["detail"]
        assert "burnt" in refused["detail"]
        assert "rotate" in refused["errors"][0]["hint"]
        assert value(administrator, burnt, [public_id]) is is_known
        assert client.get("/v1/workspaces", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert logging_api.found(rf"a URL contained the key {public_id}")
