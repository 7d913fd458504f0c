"""Input that the API accepts is returned unchanged: in every answer, in every list, and at the receiver. Input that
could not be returned is rejected when it arrives.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api_answers import counts, problem_of
from conftest import Api, await_condition, cloned, make_workspace, running_api
from depth import depth
from kronos import unseen
from kronos.model import Json
from servers import Server
from worker.running import keep_from_ringing, workers

JSON = {"Content-Type": "application/json"}


class Written(str):
    """A number as JSON spells it."""

    __slots__ = ()

    @property
    def meant(self) -> int | float:
        """Its value to any reader: a 64-bit integer, or the nearest double."""
        return int(self) if self.lstrip("-").isdigit() else float(self)


SPELLINGS = [
    "0", "-0", "-0.0", "0e5", "1.0", "1", "1.000", "1e0", "1E+2", "100", "1e18", "1e19", "1e20", "5.9e24", "1e300",
    "-5.9e24", "1.7e308",
    "1.7976931348623157e308", "5e-324", "2.2250738585072014e-308", "9007199254740993", "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616.0", "12345678901234567890.0", "0.1", "0." + "3" * 60, "1." + "0" * 60 + "1",
    "3" * 60 + ".5", "1e-7",
    "123456789e-20",
]  # fmt: skip
NUMBERS = st.one_of(
    st.sampled_from(SPELLINGS),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**63), 2**63 - 1).map(str),
).map(Written)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12).map(
    lambda text: text.replace("{{", "{ {")
)
SCALARS = st.one_of(NUMBERS, NUMBERS, TEXTS, st.none(), st.booleans())
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)  # fmt: skip
# Tags may contain nothing invisible; most invisible characters are in these two categories.
SEEN = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), max_size=12).map(
    lambda text: text.replace("{{", "{ {")
)
TAGS = st.lists(
    SEEN.filter(lambda text: bool(text.strip()) and unseen.found(text) is None), min_size=1, max_size=3, unique=True
)


def deep(document: Json, levels: int) -> Json:
    """The document, nested that many levels deeper."""
    for level in range(levels):
        document = [document] if level % 2 else {"": document}
    return document


def spelt(document: Json, *, is_ascii: bool) -> str:
    """The JSON text, with numbers as they are spelled."""
    if isinstance(document, Written):
        return str(document)
    if isinstance(document, dict):
        members = (
            f"{json.dumps(key, ensure_ascii=is_ascii)}: {spelt(each, is_ascii=is_ascii)}"
            for key, each in document.items()
        )
        return "{" + ", ".join(members) + "}"
    if isinstance(document, list):
        return "[" + ",".join(spelt(each, is_ascii=is_ascii) for each in document) + "]"
    return json.dumps(document, ensure_ascii=is_ascii)


def same(read: Json, sent: Json) -> bool:
    """Whether the values are equal: integers and doubles to the last bit; the sign of zero does not count."""
    if isinstance(sent, Written):
        meant = sent.meant
        return type(read) in (int, float) and (read == meant if isinstance(meant, int) else float(read) == meant)
    if isinstance(sent, dict):
        return (
            isinstance(read, dict)
            and read.keys() == sent.keys()
            and all(same(read[key], each) for key, each in sent.items())
        )
    if isinstance(sent, list):
        return isinstance(read, list) and len(read) == len(sent) and all(map(same, read, sent))
    return type(read) is type(sent) and bool(read == sent)


class Receiver:
    """A receiver that stores the bodies it gets, by execution."""

    def __init__(self) -> None:
        bodies = self.bodies = dict[str, bytes]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                bodies[self.headers["Kronos-Execution-Id"]] = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *values: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


class Place:
    """A workspace whose executions a worker delivers to a receiver that stores them."""

    def __init__(self, client: httpx.Client, receiver: Receiver) -> None:
        self.client, self.receiver = client, receiver
        self.base = f"/v1/workspaces/{make_workspace(client)}"

    def send(self, method: str, path: str, body: dict[str, Json], status: int, *, is_ascii: bool) -> dict[str, Any]:
        answer = self.client.request(
            method, self.base + path, content=spelt(body, is_ascii=is_ascii).encode(), headers=JSON
        )
        assert answer.status_code == status, answer.text
        row: dict[str, Any] = answer.json()
        return row

    def get(self, path: str, **params: str) -> Any:
        answer = self.client.get(self.base + path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def row(self, path: str, name: str, value: str, **params: str) -> dict[str, Any]:
        """The list's row whose `name` is `value`, read with the largest page size."""
        (found,) = (row for row in self.get(path, limit="200", **params)["data"] if row[name] == value)
        return dict(found)

    def received(self, execution_id: str) -> Json:
        await_condition(lambda: execution_id in self.receiver.bodies, f"execution {execution_id} to be delivered")
        return json.loads(self.receiver.bodies[execution_id])


@pytest.fixture(scope="module")
def place(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory, receiver = tmp_path_factory.mktemp("round_trips"), Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, name="receiver", daemon=True)
    thread.start()
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as superuser,
        running_api(url, directory) as api,
        workers() as start,
    ):
        keep_from_ringing(superuser)
        start(url, directory / "worker.log", poll_seconds=0.2)
        yield Place(api.client, receiver)
    receiver.server.shutdown()
    thread.join(60)
    receiver.server.server_close()


@settings(
    max_examples=depth(5, deep=20),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(one=DOCUMENTS, other=DOCUMENTS, levels=st.sampled_from([0, 1, 44]), tags=TAGS, key=TEXTS, is_ascii=st.booleans())
def test_what_is_let_in_is_stored_delivered_and_answered_everywhere(
    place: Place, one: Json, other: Json, levels: int, tags: list[str], key: str, is_ascii: bool
) -> None:
    name = f"n-{uuid.uuid4().hex[:12]}"
    given = {"one": deep(one, levels), **{spelling: Written(spelling) for spelling in SPELLINGS[:: 7 if levels else 1]}}
    made_of = {"template": deep(other, levels), "filled": "{{input.one}}"}

    def send(method: str, path: str, body: dict[str, Json], status: int) -> dict[str, Any]:
        return place.send(method, path, body, status, is_ascii=is_ascii)

    spec = {"url": place.receiver.url, "headers": {"X-Any": 'a;b="c" ~{}'}, "body_template": made_of}
    endpoint = send("POST", "/endpoints", {"name": name, "type": "HTTP", "spec": spec}, 201)
    plain = {"url": place.receiver.url}
    send(
        "PUT",
        f"/endpoints/{name}-plain",
        {"type": "HTTP", "spec": plain, "retry_policy": {"max_delay_ms": Written("86400000")}},
        201,
    )
    templated = send("POST", "/jobs", {"endpoint": name, "trigger": "IMMEDIATE", "input": given, "tags": tags}, 201)
    idempotency = {"idempotency_key": f"{name}{key}"}
    once = send(
        "POST", "/jobs", {"endpoint": f"{name}-plain", "trigger": "IMMEDIATE", "input": given, **idempotency}, 201
    )
    again = send(
        "POST", "/jobs", {"endpoint": f"{name}-plain", "trigger": "IMMEDIATE", "input": given, **idempotency}, 200
    )
    cron = {
        "endpoint": f"{name}-plain",
        "trigger": "CRON",
        "cron": "0 0 1 1 *",
        "name": name,
        "tags": tags,
        "input": {"before": one},
    }
    first = send("POST", "/jobs", cron, 201)
    patched = send("PATCH", f"/jobs/{name}", {"input": given}, 200)
    of_job = send("POST", f"/jobs/{name}/trigger", {}, 202)
    by_hand = send("POST", f"/jobs/{name}/trigger", {"input": {"by": other}}, 202)
    paused = send("POST", f"/jobs/{name}/pause", {"note": f"-{key}"}, 200)

    assert (once["job_id"], once["idempotency_key"]) == (again["job_id"], f"{name}{key}")
    assert (templated["tags"], first["tags"], patched["tags"]) == (tags, tags, tags)
    assert paused["status_reason"]["note"] == f"-{key}"
    assert endpoint["spec"]["url"] == place.receiver.url
    for shown in (endpoint, place.get(f"/endpoints/{name}"), place.row("/endpoints", "name", name)):
        assert same(shown["spec"]["body_template"], made_of)
        assert shown["spec"]["headers"] == spec["headers"]
    for job, sent in ((templated, given), (once, given), (first, {"before": one}), (patched, given)):
        job_id = job["job_id"]
        assert same(job["input"], sent)
        for shown in (
            place.get(f"/jobs/{job_id}"),
            place.row("/jobs", "job_id", job_id),
            place.row(f"/jobs/{job_id}/versions", "job_id", job_id),
        ):
            assert same(shown["input"], sent)
    for tag in tags:
        assert place.row("/jobs", "job_id", templated["job_id"], tag=tag)["tags"] == tags
    filled = {"template": deep(other, levels), "filled": given["one"]}
    runs = (
        (templated["execution"], given, filled),
        (once["execution"], given, given),
        (of_job, given, given),
        (by_hand, {"by": other}, {"by": other}),
    )
    for run, sent, delivered in runs:
        run_id = run["execution_id"]
        assert same(place.received(run_id), delivered)
        for shown in (run, place.get(f"/executions/{run_id}"), place.row("/executions", "execution_id", run_id)):
            assert same(shown["input"], sent)
        place.get(f"/executions/{run_id}/attempts")
    assert same(place.row(f"/jobs/{name}/executions", "execution_id", by_hand["execution_id"])["input"], {"by": other})


UNFIT = {
    "beyond a double": "1e400",
    "beyond a double, below": "-1e309",
    "too small for a double": "1e-400",
    "too small for a double, long": f"-0.{'0' * 400}1",
    "an integer beyond 64 bits": "9223372036854775808",
    "no JSON": "NaN",
    "no JSON either": "-Infinity",
    "NUL": r'"a\u0000"',
    "NUL in a name": r'{"\u0000": 1}',
    "half a surrogate pair": r'"\ud83d"',
    "the other half": r'{"a": ["\ude00"]}',
    "a member twice": r'{"a": 1, "\u0061": 2}',
    "too deep": "[" * 65 + "]" * 65,
}
FIELDS = {
    "input": ("POST", "/jobs", '{"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"a": @}}'),
    "a cron job's input": (
        "POST",
        "/jobs",
        '{"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *", "input": {"a": [@]}}',
    ),
    "a changed input": ("PATCH", "/jobs/unfit", '{"input": {"a": @}}'),
    "trigger's input": ("POST", "/jobs/unfit/trigger", '{"input": {"a": @}}'),
    "body_template": (
        "POST",
        "/endpoints",
        '{"name": "unfit", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/", "body_template": @}}',
    ),
    "a changed body_template": (
        "PUT",
        "/endpoints/sink",
        '{"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/", "body_template": {"a": @}}}',
    ),
}


@pytest.mark.parametrize("field", FIELDS)
def test_what_could_not_come_back_is_refused_at_the_door(
    shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, field: str
) -> None:
    base, client = f"/v1/workspaces/{workspace}", shared_api.client
    client.post(
        f"{base}/jobs", json={"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "unfit"}
    ).raise_for_status()
    method, path, body = FIELDS[field]
    for what, unfit in UNFIT.items():
        before = counts(shared_superuser)
        content = body.replace("@", unfit)

        problem = problem_of(client.request(method, base + path, content=content.encode(), headers=JSON))

        assert problem["status"] in (400, 422), (what, problem)
        assert problem["detail"]
        assert [fault for fault in problem["errors"] if not fault["hint"]] == [], (what, problem)
        assert counts(shared_superuser) == before, what
