"""Any number that JSON can express and a double can hold is accepted wherever JSON is, is returned as the same double,
and hides no other row.
"""

import json

import httpx

from kronos.model import Json

NUMBERS = [
    1e18,
    9007199254740993,
    9223372036854775807,
    -9223372036854775808,
    1e19,
    1.8446744073709552e19,
    5.9e24,
    1e300,
    1.7e308,
    1.7976931348623157e308,
    -5.9e24,
    -1.7e308,
    -0.0,
    0.1,
    1e-7,
    2.2250738585072014e-308,
    5e-324,
    -5e-324,
]
CRON = {"trigger": "CRON", "cron": "* * * * *"}


def around(number: float) -> dict[str, Json]:
    """The number in every place where one may be."""
    return {"mass": number, "list": [number, [number]], "object": {"": {"deep": number}}}


DOCUMENT: dict[str, Json] = {str(number): around(number) for number in NUMBERS}


def same(read: Json, sent: Json) -> bool:
    """Whether the values are equal: the same integers, and the same doubles to the last bit. jsonb has no negative
    zero.
    """
    if isinstance(sent, dict):
        return isinstance(read, dict) and read.keys() == sent.keys() and all(same(read[key], sent[key]) for key in sent)
    if isinstance(sent, list):
        return isinstance(read, list) and len(read) == len(sent) and all(map(same, read, sent))
    return isinstance(read, int | float) and (read == sent if isinstance(sent, int) else float(read) == sent)


def test_a_number_is_taken_and_read_wherever_json_is(api: httpx.Client, workspace: str) -> None:
    base, document = f"/v1/workspaces/{workspace}", DOCUMENT

    def sent(method: str, path: str, body: Json, status: int) -> dict[str, Json]:
        answer = api.request(
            method, base + path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == status, answer.text
        row: dict[str, Json] = answer.json()
        return row

    def read(path: str) -> list[dict[str, Json]]:
        answer = api.get(base + path)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Json]] = answer.json()["data"]
        return rows

    spec = {"url": "http://127.0.0.1:9/hook", "body_template": document}
    endpoint = sent("POST", "/endpoints", {"name": "numbers", "type": "HTTP", "spec": spec}, 201)
    for number in NUMBERS:
        put = sent("PUT", "/endpoints/numbers", {"type": "HTTP", "spec": {**spec, "body_template": number}}, 200)
        assert same(put["spec"]["body_template"], number), number
    once = sent("POST", "/jobs", {"endpoint": "numbers", "trigger": "IMMEDIATE", "input": document}, 201)
    late = sent(
        "POST",
        "/jobs",
        {"endpoint": "numbers", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z", "input": document},
        201,
    )
    cron = sent("POST", "/jobs", {"endpoint": "sink", "name": "numbers", **CRON, "input": document}, 201)
    next_version = sent("PATCH", "/jobs/numbers", {"input": {"n": document}}, 200)
    by_hand = sent("POST", "/jobs/numbers/trigger", {"input": document}, 202)
    of_job = sent("POST", "/jobs/numbers/trigger", {}, 202)

    assert same(endpoint["spec"]["body_template"], document)
    assert all(same(row["input"], document) for row in (once, late, cron, by_hand, once["execution"]))
    assert all(same(row["input"], {"n": document}) for row in (next_version, of_job))

    jobs = {row["job_id"]: row for path in ("/jobs", "/jobs/numbers/versions") for row in read(path)}
    assert jobs.keys() == {once["job_id"], late["job_id"], cron["job_id"], next_version["job_id"]}
    assert all(same(jobs[row["job_id"]]["input"], row["input"]) for row in (once, late, cron, next_version))
    assert same(jobs[once["job_id"]]["execution"]["input"], document)
    for query in ("?endpoint=numbers", "?trigger=IMMEDIATE", "?q=numb", "?limit=1"):
        assert read(f"/jobs{query}")
    runs = {row["execution_id"]: row["input"] for row in read("/executions")}
    assert runs.keys() >= {by_hand["execution_id"], of_job["execution_id"], once["execution"]["execution_id"]}
    assert all(
        same(runs[row["execution_id"]], row["input"]) for row in (by_hand, of_job, once["execution"], late["execution"])
    )
    of_version = {row["execution_id"] for row in read("/jobs/numbers/executions")}
    assert of_version >= {by_hand["execution_id"], of_job["execution_id"]}
    assert {row["name"] for row in read("/endpoints")} == {"sink", "numbers"}
    for path in (
        "/jobs/numbers",
        "/endpoints/numbers",
        f"/executions/{by_hand['execution_id']}",
        "/jobs/numbers/status",
        "/jobs/numbers/explain",
    ):
        assert api.get(base + path).status_code == 200, path
