"""A body that is not a batch, or too large a batch, gets a short error."""

import httpx
import pytest

from api.test_batch import PLAIN, Sent, batch, pointers
from api_answers import problem_of


def test_a_key_for_the_whole_batch_is_refused_and_not_passed_over(api: httpx.Client, workspace: str) -> None:
    response = api.post(
        f"/v1/workspaces/{workspace}/jobs:batch", json={"jobs": [PLAIN]}, headers={"Idempotency-Key": "x"}
    )
    assert problem_of(response)["code"] == "invalid_request"
    assert "idempotency_key" in response.json()["errors"][0]["hint"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/jobs"),
        ({"jobs": []}, "/jobs"),
        ({"jobs": [PLAIN] * 1001}, "/jobs"),
        ({"jobs": {"0": PLAIN}}, "/jobs"),
        ({"jobs": [PLAIN], "atomic": "no"}, "/atomic"),
        ({"jobs": [PLAIN], "atomik": True}, "/atomik"),
    ],
)
def test_what_is_no_batch_is_refused(api: httpx.Client, workspace: str, body: Sent, pointer: str) -> None:
    response = api.post(f"/v1/workspaces/{workspace}/jobs:batch", json=body)
    assert response.status_code == 422
    assert pointers(response) == [pointer]


def test_a_batch_of_more_than_a_mebibyte_is_refused(api: httpx.Client, workspace: str) -> None:
    response = batch(api, workspace, *[PLAIN | {"input": {"text": "x" * 2000}}] * 600)
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")


def test_very_many_faults_are_told_in_few_words(api: httpx.Client, workspace: str) -> None:
    response = batch(api, workspace, *[{f"f{n}": n for n in range(100)}] * 500)
    assert len(pointers(response)) == 20
    assert len(batch(api, workspace, *[{"endpoint": 1}] * 1000, atomic=False).json()["data"]) == 1000
