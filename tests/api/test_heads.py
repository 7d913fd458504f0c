"""HEAD exists wherever GET does, as RFC 9110 9.3.2 demands; and every path answers 405 with the allowed methods."""

import httpx
import pytest

from api_answers import answered, problem_of

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "7 */2 * * *", "name": "nightly"}


def paths(api: httpx.Client, workspace: str) -> dict[str, set[str]]:
    """Every path of the document, with its parameters filled in, and its methods."""
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/jobs", json=CRON).raise_for_status()
    execution_id = api.post(f"{base}/jobs/nightly/trigger").raise_for_status().json()["execution_id"]
    api.post("/v1/organizations", json={"slug": "umbrella"})
    known = {
        "w": workspace,
        "org": "umbrella",
        "key_id": "7b0e8f9c-3f0a-4b3e-9d3b-0d6f3f1c2a13",
        "mapping_id": "7b0e8f9c-3f0a-4b3e-9d3b-0d6f3f1c2a14",
        "j": "nightly",
        "name": "sink",
        "e": execution_id,
        "b": "7b0e8f9c-3f0a-4b3e-9d3b-0d6f3f1c2a11",
        "o": "7b0e8f9c-3f0a-4b3e-9d3b-0d6f3f1c2a12",
        "i": "7b0e8f9c-3f0a-4b3e-9d3b-0d6f3f1c2a15",
    }
    document = api.get("/openapi.json").json()["paths"]
    told = {path.format_map(known): {method.upper() for method in methods} for path, methods in document.items()}
    return told | {"/docs": {"GET"}, "/openapi.json": {"GET"}}


def test_head_is_get_without_its_body(api: httpx.Client, workspace: str) -> None:
    told = paths(api, workspace)
    asked = [path for path, methods in told.items() if "GET" in methods]
    assert len(asked) > 20
    for path in asked:
        get, head = answered(api, "GET", path), api.head(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        is_stream = "transfer-encoding" in get.headers
        assert set(head.headers) == set(get.headers) - {"transfer-encoding"}, path
        assert head.headers["content-type"] == get.headers["content-type"]
        # a number of seconds may have become longer
        assert is_stream or abs(int(head.headers["content-length"]) - len(get.content)) <= 8, path


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "POST", "GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_method_that_is_none_of_a_path_is_answered_with_those_that_are(
    api: httpx.Client, workspace: str, method: str
) -> None:
    for path, methods in paths(api, workspace).items():
        allowed = methods | {"HEAD"} if "GET" in methods else methods
        if method in allowed:
            continue
        answer = api.request(method, path)
        assert answer.status_code == 405, (method, path)
        assert answer.headers["allow"] == ", ".join(sorted(allowed)), path
        if method != "HEAD":
            assert problem_of(answer)["code"] == "method_not_allowed"


def test_head_of_what_is_not_there_is_404(api: httpx.Client, workspace: str) -> None:
    assert [api.head(path).status_code for path in ("/nothing", f"/v1/workspaces/{workspace}/jobs/none")] == [404, 404]
    assert api.head(f"/v1/workspaces/{workspace}", headers={"Authorization": ""}).status_code == 401
