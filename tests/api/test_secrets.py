"""Secrets over HTTP: values go in and never come out, and a secret in use cannot be deleted."""

import json
import threading
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from conftest import Api
from kronos.encryption import make_key_file
from sql_factory import Connection, acting_as, records, value, values

_CANARY = 'canary-5f1e"/+ü'
_SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_PRIVATE = "whsk_" + b64encode(bytes(range(32))).decode()


def base(workspace: str) -> str:
    return f"/v1/workspaces/{workspace}"


def put(client: httpx.Client, workspace: str, name: str, given: str = _CANARY, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return client.put(f"{base(workspace)}/secrets/{name}", json={"value": given}, headers=named)


def endpoint(name: str = "hook", **given: Any) -> dict[str, Any]:
    spec = {"url": "http://127.0.0.1:9/x", **given.pop("spec", {})}
    return {"name": name, "type": "HTTP", "spec": spec, **given}


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def row(connection: Connection, workspace: str, name: str) -> tuple[object, ...]:
    (found,) = records(
        connection,
        "select secrets.version, key_id, nonce, ciphertext, signs, public_key from kronos.secrets"
        " join kronos.workspaces using (workspace_id) where slug = %s and secrets.name = %s",
        [workspace, name],
    )
    return tuple(found.values())


def test_a_value_goes_in_and_never_comes_out(api: httpx.Client, workspace: str, shared_superuser: Connection) -> None:
    made = api.post(f"{base(workspace)}/secrets", json={"name": "token", "value": _CANARY})
    assert made.status_code == 201
    assert made.headers["location"] == f"{base(workspace)}/secrets/token"
    assert made.json().keys() == {"name", "version", "created_at", "updated_at"}
    again = put(api, workspace, "token", f"{_CANARY} again")
    assert (again.status_code, again.json()["version"], again.headers["etag"]) == (200, 2, '"2"')
    shown = api.get(f"{base(workspace)}/secrets/token")
    assert shown.json() == again.json()
    assert api.get(f"{base(workspace)}/secrets").json() == {"data": [again.json()], "next_cursor": None}
    known = api.get(f"{base(workspace)}/secrets/token", headers={"If-None-Match": '"2"'})
    assert known.status_code == 304
    version, _, _, ciphertext, signs, public_key = row(shared_superuser, workspace, "token")
    assert (version, signs, public_key) == (2, None, None)
    assert isinstance(ciphertext, bytes)
    assert len(ciphertext) == len(f"{_CANARY} again".encode()) + 16
    assert b"canary" not in ciphertext


def test_a_new_value_is_sealed_anew_under_another_version(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    put(api, workspace, "token")
    before = row(shared_superuser, workspace, "token")
    put(api, workspace, "token")
    after = row(shared_superuser, workspace, "token")
    assert (before[0], after[0], before[1]) == (1, 2, after[1])
    assert before[2:4] != after[2:4]


def test_kronos_api_never_reads_what_is_sealed(shared_superuser: Connection) -> None:
    for column in ("nonce", "ciphertext", "*"):
        with acting_as(shared_superuser, "kronos_api"), pytest.raises(psycopg.errors.InsufficientPrivilege):
            shared_superuser.execute(f"select {column} from kronos.secrets")


def test_a_secret_is_made_once(api: httpx.Client, workspace: str) -> None:
    body = {"name": "token", "value": _CANARY}
    assert api.post(f"{base(workspace)}/secrets", json=body).status_code == 201
    assert problem(api.post(f"{base(workspace)}/secrets", json=body)) == (409, "conflict")
    assert problem(put(api, workspace, "token", If_None_Match="*")) == (412, "precondition_failed")
    assert problem(put(api, workspace, "token", If_Match='"7"')) == (412, "precondition_failed")
    assert problem(put(api, workspace, "other", If_Match="*")) == (412, "precondition_failed")
    assert put(api, workspace, "token", If_Match='"1"').json()["version"] == 2
    assert put(api, workspace, "other", If_None_Match="*").status_code == 201


def test_values_that_are_stored_at_once_are_versions_in_turn(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda nth=nth: answers.append(put(api, workspace, "token", f"value {nth}")))
        for nth in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = [answer.json()["version"] for answer in answers if answer.status_code in (200, 201)]
    refused = [problem(answer) for answer in answers if answer.status_code not in (200, 201)]
    assert sorted(stored) == list(range(1, len(stored) + 1))
    assert set(refused) <= {(409, "conflict")}
    assert row(shared_superuser, workspace, "token")[0] == len(stored)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("token", {"value": "abc"}, "/value"),
        ("token", {"value": "a" * 65537}, "/value"),
        ("token", {"value": "\U0001f511" * 20000}, "/value"),
        ("token", {"value": 123456}, "/value"),
        ("token", {"value": ["canary-5f1e"]}, "/value"),
        ("token", {}, "/value"),
        ("token", {"value": "canary-5f1e", "more": "canary-5f1e"}, "/more"),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_without_it(
    api: httpx.Client, workspace: str, name: str, body: dict[str, Any], said: str
) -> None:
    response = api.put(f"{base(workspace)}/secrets/{name}", json=body)
    assert problem(response) == (422, "input_validation_failed")
    assert response.json()["errors"][0]["pointer"] == said
    assert "canary-5f1e" not in response.text
    assert api.get(f"{base(workspace)}/secrets").json()["data"] == []


@pytest.mark.parametrize(
    "content", ['{"value": "canary-5f1e', '{"value": canary-5f1e}', '{"value": "canary-5f1e\\u0000"}']
)
def test_a_body_that_is_no_json_is_not_quoted(api: httpx.Client, workspace: str, content: str) -> None:
    response = api.put(
        f"{base(workspace)}/secrets/token", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (400, 422)
    assert "canary-5f1e" not in response.text


@pytest.mark.parametrize("name", ["a.b", "-a", "a" * 64, "a b"])
def test_a_name_is_one_that_templates_can_name(api: httpx.Client, workspace: str, name: str) -> None:
    assert problem(put(api, workspace, name)) == (400, "invalid_request")
    made = api.post(f"{base(workspace)}/secrets", json={"name": name, "value": _CANARY})
    assert problem(made) == (422, "input_validation_failed")


def test_pages_follow_one_another(api: httpx.Client, workspace: str) -> None:
    for nth in range(5):
        put(api, workspace, f"s{nth}")
    names, cursor = [], None
    while True:
        page = api.get(
            f"{base(workspace)}/secrets", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        names += [each["name"] for each in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert names == ["s4", "s3", "s2", "s1", "s0"]


def test_an_endpoint_names_secrets_that_are_there(api: httpx.Client, workspace: str) -> None:
    body = endpoint(spec={"headers": {"Authorization": "Bearer {{secret.token}}"}})
    refused = api.post(f"{base(workspace)}/endpoints", json=body)
    assert problem(refused) == (422, "input_validation_failed")
    (fault,) = refused.json()["errors"]
    said = "{{secret.token}}: no secret 'token' in this workspace"
    assert (fault["pointer"], fault["detail"]) == ("/spec/headers/Authorization", said)
    assert api.get(f"{base(workspace)}/endpoints/hook").status_code == 404
    put(api, workspace, "token")
    assert api.post(f"{base(workspace)}/endpoints", json=body).status_code == 201


@pytest.mark.parametrize(
    "spec",
    [
        {"url": "http://127.0.0.1:9/?key={{secret.token}}"},
        {"headers": {"X-Token": "{{ secret.token }}"}},
        {"body_template": {"a": [{"b": "x {{secret.token}}"}]}},
    ],
)
def test_a_secret_that_is_needed_is_not_deleted(api: httpx.Client, workspace: str, spec: dict[str, Any]) -> None:
    put(api, workspace, "token")
    api.post(f"{base(workspace)}/endpoints", json=endpoint("hook", spec=spec)).raise_for_status()
    refused = api.delete(f"{base(workspace)}/secrets/token")
    assert problem(refused) == (409, "secret_in_use")
    assert "hook" in refused.json()["detail"]
    api.put(f"{base(workspace)}/endpoints/hook", json=endpoint() | {"name": "hook"}).raise_for_status()
    assert api.delete(f"{base(workspace)}/secrets/token").status_code == 204
    assert problem(api.delete(f"{base(workspace)}/secrets/token")) == (404, "secret_not_found")
    assert problem(api.get(f"{base(workspace)}/secrets/token")) == (404, "secret_not_found")


def test_a_secret_stays_for_executions_of_an_older_version(api: httpx.Client, workspace: str) -> None:
    put(api, workspace, "token")
    with_it = endpoint(spec={"headers": {"X-Token": "{{secret.token}}"}})
    api.post(f"{base(workspace)}/endpoints", json=with_it).raise_for_status()
    job = api.post(
        f"{base(workspace)}/jobs", json={"endpoint": "hook", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z"}
    ).json()
    api.put(f"{base(workspace)}/endpoints/hook", json=endpoint() | {"name": "hook"}).raise_for_status()
    assert problem(api.delete(f"{base(workspace)}/secrets/token")) == (409, "secret_in_use")
    api.delete(f"{base(workspace)}/jobs/{job['job_id']}").raise_for_status()
    assert problem(api.delete(f"{base(workspace)}/secrets/token", headers={"If-Match": '"2"'})) == (
        412, "precondition_failed",
    )  # fmt: skip
    assert api.delete(f"{base(workspace)}/secrets/token", headers={"If-Match": '"1"'}).status_code == 204


def test_another_workspaces_secret_is_unknown_here(
    api: httpx.Client, workspace: str, new_workspace: Any, shared_superuser: Connection
) -> None:
    theirs = new_workspace()
    put(api, theirs, "token")
    assert problem(api.get(f"{base(workspace)}/secrets/token")) == (404, "secret_not_found")
    assert problem(api.delete(f"{base(workspace)}/secrets/token")) == (404, "secret_not_found")
    body = endpoint(spec={"body_template": "{{secret.token}}"})
    assert problem(api.post(f"{base(workspace)}/endpoints", json=body)) == (422, "input_validation_failed")
    assert row(shared_superuser, theirs, "token")[0] == 1


def test_an_endpoint_signs_with_signing_keys_alone(api: httpx.Client, workspace: str) -> None:
    put(api, workspace, "token")
    put(api, workspace, "old", _SIGNING)
    put(api, workspace, "new", _PRIVATE)
    for names, said in (
        (["gone"], "the secret gone does not exist in this workspace"),
        (["token"], "the secret token is not a signing key"),
        (["new", "new"], "a secret is named twice"),
    ):
        refused = api.post(f"{base(workspace)}/endpoints", json=endpoint(signing_secrets=names))
        assert problem(refused) == (422, "input_validation_failed")
        (fault,) = refused.json()["errors"]
        assert (fault["pointer"], fault["detail"]) == ("/signing_secrets", said)
    made = api.post(f"{base(workspace)}/endpoints", json=endpoint(signing_secrets=["new", "old"]))
    assert made.json()["signing_secrets"] == ["new", "old"]
    keys = api.get(f"{base(workspace)}/endpoints/hook/signing-keys").json()
    assert keys == {
        "data": [
            {
                "secret": "new",
                "scheme": "v1a",
                # the public key of RFC 8032 for the seed 00 01 … 1f
                "public_key": "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
            },
            {"secret": "old", "scheme": "v1", "public_key": None},
        ]
    }
    assert problem(api.get(f"{base(workspace)}/endpoints/gone/signing-keys")) == (404, "endpoint_not_found")
    assert api.get(f"{base(workspace)}/endpoints/sink/signing-keys").json() == {"data": []}
    assert problem(api.delete(f"{base(workspace)}/secrets/old")) == (409, "secret_in_use")
    refused = put(api, workspace, "old", _CANARY)
    assert problem(refused) == (409, "conflict")
    assert "hook" in refused.json()["detail"]
    assert put(api, workspace, "old", _PRIVATE).status_code == 200


def test_an_endpoint_saved_meanwhile_signs_with_a_signing_key(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    """The endpoint's transaction has seen a signing key. Before it commits, the secret is given another value."""
    put(api, workspace, "key", _SIGNING)
    api.post(f"{base(workspace)}/endpoints", json=endpoint()).raise_for_status()
    answers: list[httpx.Response] = []
    storing = threading.Thread(target=lambda: answers.append(put(api, workspace, "key", _CANARY)))
    with shared_superuser.transaction():
        shared_superuser.execute(
            """
            with saved as (
                update kronos.endpoints as endpoint
                   set version = endpoint.version + 1
                  from kronos.workspaces as workspace
                 where workspace.slug = %s
                   and endpoint.workspace_id = workspace.workspace_id
                   and endpoint.name = 'hook'
                returning endpoint.endpoint_id, endpoint.version
            )
            insert into kronos.endpoint_versions
            select (jsonb_populate_record(before, '{"secrets": ["key"], "signing_secrets": ["key"]}'
                                                  || jsonb_build_object('version', saved.version))).*
              from saved
              join kronos.endpoint_versions as before
                on before.endpoint_id = saved.endpoint_id and before.version = saved.version - 1
            """,
            [workspace],
        )
        storing.start()
        while (
            storing.is_alive()
            and not shared_superuser.execute(
                "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [shared_superuser.info.backend_pid],
            ).fetchone()
        ):
            storing.join(0.01)
    storing.join()
    assert problem(answers[0]) == (409, "conflict")
    assert "hook" in answers[0].json()["detail"]


def test_a_copy_of_an_endpoint_goes_back_with_its_signing_keys(api: httpx.Client, workspace: str) -> None:
    put(api, workspace, "key", _SIGNING)
    api.post(f"{base(workspace)}/endpoints", json=endpoint(signing_secrets=["key"])).raise_for_status()
    copy = api.get(f"{base(workspace)}/endpoints/hook").json()
    changed = api.put(f"{base(workspace)}/endpoints/hook", json=copy | {"title": "Hook"})
    assert (changed.status_code, changed.json()["signing_secrets"]) == (200, ["key"])


def test_a_deleted_workspace_has_no_secrets_left(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    put(api, workspace, "token")
    workspace_id = value(shared_superuser, "select workspace_id from kronos.workspaces where slug = %s", [workspace])
    deleted = api.delete(base(workspace), params={"confirm": workspace})
    assert deleted.status_code == 202
    while value(shared_superuser, "select kronos.delete_some(%s)", [deleted.json()["operation_id"]]):
        pass
    assert values(shared_superuser, "select name from kronos.secrets where workspace_id = %s", [workspace_id]) == []


def test_without_a_key_storing_a_secret_says_what_to_do(own_api: Api, own_workspace: str, tmp_path: Path) -> None:
    (tmp_path / "encryption.key").rename(tmp_path / "away")
    refused = put(own_api.client, own_workspace, "token")
    assert problem(refused) == (503, "encryption_key_missing")
    assert refused.headers["retry-after"]
    assert "canary" not in refused.text
    assert own_api.client.get(f"{base(own_workspace)}/secrets").json()["data"] == []
    make_key_file(tmp_path / "encryption.key")  # the file is read again, without a restart
    assert put(own_api.client, own_workspace, "token").status_code == 201


def test_no_value_is_in_the_log(own_api: Api, own_workspace: str, caplog: pytest.LogCaptureFixture) -> None:
    put(own_api.client, own_workspace, "token")
    put(own_api.client, own_workspace, "token", "abc")
    own_api.client.put(f"{base(own_workspace)}/secrets/token", content=json.dumps({"value": _CANARY})[:-3])
    assert "canary" not in caplog.text
