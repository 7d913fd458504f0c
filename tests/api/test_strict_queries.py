"""Query strings are read strictly: a value that is not as documented is rejected, and never taken for a similar one."""

import httpx
import pytest

from api_answers import problem_of


@pytest.mark.parametrize(
    "given", ["1_0", "5.0", " 5 ", "5 ", "+5", "05", "0x5", "5e0", "\u0665", "", "5\t", "true", "99999999999"]
)
@pytest.mark.parametrize("where", ["jobs?limit", "executions?limit", "endpoints?limit"])
def test_numbers_are_digits(api: httpx.Client, untouched: str, where: str, given: str) -> None:
    path, name = where.split("?")
    problem = problem_of(api.get(f"/v1/workspaces/{untouched}/{path}", params={name: given}))
    assert (problem["status"], problem["code"], problem["errors"][0]["pointer"]) == (400, "invalid_request", f"/{name}")


@pytest.mark.parametrize("given", ["1_0", "5.0", " 5", "05"])
def test_counts_and_other_limits_are_digits_too(api: httpx.Client, workspace: str, given: str) -> None:
    job = {"name": "c", "endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}
    api.post(f"/v1/workspaces/{workspace}/jobs", json=job).raise_for_status()
    for path, name in (
        (f"/v1/workspaces/{workspace}/jobs/c/next-runs", "count"),
        ("/v1/system/drift", "limit"),
        ("/v1/workspaces", "limit"),
    ):
        problem = problem_of(api.get(path, params={name: given}))
        assert (problem["status"], problem["errors"][0]["pointer"]) == (400, f"/{name}")
        assert api.get(path, params={name: "5"}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "status=active",
        "status=ACTIVE%20",
        "trigger=cron",
        "created_after=2026-12-01",
        "created_after=1764547200",
        "created_after=2026-12-01T00:00:00",
        "created_after=2026-12-01T00:00:00Z%20",
        "created_after=2026-12-01T00%3A00%3A00%E2%88%9201:00",
        "q=%ff",
        "q=caf%E9",
        "tag=%ed%a0%80",
        "%C3=1",
        "limit=5&limit=5",
        "Limit=5",
        "&".join(f"k{number}=1" for number in range(33)),
        "&".join("a" for _ in range(3000)),
    ],
)
def test_words_times_and_names_are_as_documented(api: httpx.Client, untouched: str, query: str) -> None:
    assert problem_of(api.get(f"/v1/workspaces/{untouched}/jobs?{query}"))["status"] == 400


@pytest.mark.parametrize(
    "path",
    [
        "executions/{0123}",
        "executions/0193f0c87a1e7cc39b5a4c1d2e3f4a5b",
        "executions/%200193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b",
    ],
)
def test_ids_are_written_one_way(api: httpx.Client, untouched: str, path: str) -> None:
    assert problem_of(api.get(f"/v1/workspaces/{untouched}/{path}"))["status"] == 400


def test_every_path_says_which_parameters_it_knows_or_that_there_are_none(api: httpx.Client, untouched: str) -> None:
    document = api.get("/openapi.json").raise_for_status().json()
    some_id = "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b"
    asked = 0
    for path, methods in document["paths"].items():
        if not path.startswith("/v1") or "get" not in methods:
            continue
        known = [each["name"] for each in methods["get"]["parameters"] if each["in"] == "query"]
        answer = api.get(
            path.format(w=untouched, j="some", e=some_id, b=some_id, o=some_id, i=some_id, name="sink", org="some"),
            params={"zzzz": "1"},
        )
        (fault,) = [each for each in problem_of(answer)["errors"] if each["pointer"] == "/zzzz"]
        expected = (
            f"Known parameters: {', '.join(sorted(known))}." if known else "Remove it: there are no parameters here."
        )
        assert (answer.status_code, fault["detail"], fault["hint"]) == (400, "unknown parameter", expected), path
        asked += 1
    assert asked > 15


def test_a_problem_with_a_query_string_speaks_of_parameters(api: httpx.Client, workspace: str) -> None:
    """A body has fields, a query string parameters."""
    at = f"/v1/workspaces/{workspace}"
    missing = problem_of(api.get(f"{at}/load/minute"))
    assert (missing["errors"][0]["pointer"], missing["errors"][0]["detail"]) == ("/at", "this parameter is required")
    wrong = problem_of(api.get(f"{at}/events", params={"types": "jobs"}))
    near = problem_of(api.get(f"{at}/jobs", params={"limti": "5"}))
    assert (near["detail"], near["errors"][0]["hint"]) == (
        "query parameter /limti: unknown parameter",
        "Did you mean limit?",
    )
    for problem in (missing, wrong, near):
        assert problem["detail"].startswith("query parameter /"), problem
        assert "field" not in str(problem), problem
