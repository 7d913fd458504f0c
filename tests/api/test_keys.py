"""Keys: checked in the database, trusted for a moment, renewed while in use; and a workspace's own keys."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest

from conftest import Api, await_condition, holding, make_workspace, running_api
from factory import add_key
from kronos import database, errors, keys
from kronos.api.keys import RENEWED_SECONDS, TRUSTED_SECONDS, Keys
from kronos.pool import Pool
from sql_factory import value


@pytest.fixture
def key(database_url: str, tmp_path: Path) -> str:
    file = tmp_path / "admin.key"
    keys.ensure_admin_key(database_url, file)
    return file.read_text().strip()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The value of time.monotonic() in kronos.api.keys."""
    now = [1000.0]
    monkeypatch.setattr("kronos.api.keys.time", SimpleNamespace(monotonic=lambda: now[0]))  # the loop's clock goes on
    return now


async def is_refused(keys: Keys, key: str) -> bool:
    try:
        await keys.authenticate(f"Bearer {key}")
    except errors.Unauthorized:
        return True
    return False


def test_what_is_revoked_is_refused_within_two_seconds_whatever_the_renewal_does() -> None:
    assert TRUSTED_SECONDS + 0.5 <= 2
    assert RENEWED_SECONDS * 2 <= TRUSTED_SECONDS  # a late renewal does not cost a request a check


async def test_trust_ends_by_itself_and_a_revoked_key_is_refused(
    pool: Pool, key: str, superuser: psycopg.Connection, clock: list[float]
) -> None:
    trusting = Keys(pool)
    assert not await is_refused(trusting, key)
    superuser.execute("update kronos.api_keys set revoked_at = now()")

    clock[0] += TRUSTED_SECONDS - 0.01
    assert not await is_refused(trusting, key)
    clock[0] += 0.01
    assert await is_refused(trusting, key)


@pytest.mark.parametrize(
    ("change", "becomes"),
    [
        ("revoked_at = now()", None),
        ("expires_at = now() - interval '1 second'", None),
        ("role = 'viewer', sees_payloads = false", ("viewer", False)),
        ("expires_at = now() + interval '1 hour'", ("operator", True)),
    ],
)
async def test_a_renewal_takes_what_a_key_may_from_the_database(
    pool: Pool, superuser: psycopg.Connection, own_workspace: str, change: str, becomes: Any
) -> None:
    key = add_key(superuser, own_workspace, "operator")
    trusting = Keys(pool)
    assert not await is_refused(trusting, key)
    superuser.execute(f"update kronos.api_keys set {change} where role = 'operator'".encode())

    await trusting.renew()

    if becomes is None:
        assert await is_refused(trusting, key)
    else:
        caller = await trusting.authenticate(f"Bearer {key}")
        assert (caller.role.value, caller.sees_payloads) == becomes


async def test_keys_in_use_are_renewed_without_a_request_and_forgotten_a_minute_after(
    pool: Pool, key: str, superuser: psycopg.Connection, clock: list[float]
) -> None:
    trusting = Keys(pool)
    assert not await is_refused(trusting, key)
    clock[0] += 50
    await trusting.renew()
    await pool.close()  # no request can query PostgreSQL
    assert not await is_refused(trusting, key)
    clock[0] += TRUSTED_SECONDS
    with pytest.raises(errors.DatabaseUnavailable):
        await trusting.authenticate(f"Bearer {key}")


async def test_a_key_expires_at_its_second(
    pool: Pool, superuser: psycopg.Connection, own_workspace: str, clock: list[float]
) -> None:
    key = add_key(superuser, own_workspace, "viewer")
    superuser.execute("update kronos.request_limit set per_minute = null")  # so no query at the end of a minute
    superuser.execute("update kronos.api_keys set expires_at = now() + interval '1 hour' where role = 'viewer'")
    trusting = Keys(pool, trusted_seconds=10_000)
    assert not await is_refused(trusting, key)
    clock[0] += 3599
    assert not await is_refused(trusting, key)
    superuser.execute("update kronos.api_keys set expires_at = now() where role = 'viewer'")
    clock[0] += 1
    assert await is_refused(trusting, key)


async def test_trust_in_one_key_is_none_in_another(pool: Pool, key: str) -> None:
    keys = Keys(pool)
    assert not await is_refused(keys, key)

    for wrong in (key[:-1], key + "a", key.upper(), key.replace("kr_live_", "kr_live_0")):
        assert await is_refused(keys, wrong)


async def test_unknown_and_wrong_keys_cost_the_same(pool: Pool, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs one statement and one comparison of whole digests, however often it comes: neither result is
    cached.
    """
    asked: list[str] = []
    compared: list[tuple[int, int]] = []
    find = keys.find

    async def counted(view: database.InstanceView, given: keys.GivenKey, wanted: int) -> keys.FoundKey | None:
        asked.append(given.public_id)
        return await find(view, given, wanted)

    def compared_digest(given: bytes, stored: bytes) -> bool:
        compared.append((len(given), len(stored)))
        return given == stored

    monkeypatch.setattr(keys, "find", counted)
    monkeypatch.setattr("kronos.api.keys.hmac.compare_digest", compared_digest)
    checking = Keys(pool)
    public_id = key.split("_")[2]
    secret = "a" * 43
    for given in (f"kr_live_{public_id}_{secret}", f"kr_live_000000000000_{secret}") * 2:
        assert await is_refused(checking, given)
    assert asked == [public_id, "000000000000"] * 2
    assert compared == [(32, 32)] * 4


async def test_wrong_keys_are_never_remembered_as_right(pool: Pool, key: str, superuser: psycopg.Connection) -> None:
    keys = Keys(pool)
    superuser.execute("update kronos.api_keys set revoked_at = now()")
    assert await is_refused(keys, key)

    superuser.execute("update kronos.api_keys set revoked_at = null")

    assert not await is_refused(keys, key)


async def test_the_last_use_is_written_once_a_minute_by_all_processes_together(
    pool: Pool, key: str, superuser: psycopg.Connection, clock: list[float]
) -> None:
    def writes() -> int:
        return int(value(superuser, "select sum(xmin::text::bigint) from kronos.api_keys"))

    processes = [Keys(pool), Keys(pool)]
    for each in processes:
        assert not await is_refused(each, key)
    before = writes()
    await processes[0].note()
    noted = writes()
    assert value(superuser, "select last_used_at > now() - interval '1 hour' from kronos.api_keys") is True
    await processes[1].note()  # the other process has just written it
    clock[0] += 59
    for each in processes:
        assert not await is_refused(each, key)
        await each.note()
    assert before != noted == writes()
    superuser.execute("update kronos.api_keys set last_used_at = last_used_at - interval '61 seconds'")
    since = writes()
    clock[0] += 2
    for each in processes:
        assert not await is_refused(each, key)
    await asyncio.gather(*(each.note() for each in processes))
    assert writes() != since
    assert value(superuser, "select last_used_at > now() - interval '30 seconds' from kronos.api_keys") is True


@pytest.fixture
def second(own_api: Api, tmp_path: Path) -> Iterator[httpx.Client]:
    """A second API process's server, on the same database."""
    directory = tmp_path / "second"
    directory.mkdir()
    with running_api(own_api.database_url, directory) as api:
        yield api.client


def test_a_revocation_and_a_change_of_role_are_true_of_every_process_within_two_seconds(
    own_api: Api, own_workspace: str, second: httpx.Client, superuser: psycopg.Connection
) -> None:
    key = add_key(superuser, own_workspace, "operator")
    path = f"/v1/workspaces/{own_workspace}/jobs"
    cron = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}
    with holding(own_api.client, key) as one, holding(second, key) as other:
        for client in (one, other):
            assert client.post(path, json=cron).status_code == 201
        for change, before, after in (("role = 'viewer'", 201, 403), ("revoked_at = now()", 403, 401)):
            superuser.execute(f"update kronos.api_keys set {change} where role in ('operator', 'viewer')".encode())
            changed_at = time.monotonic()
            left = {one, other}
            while left:  # requests sent after two seconds are rejected, however busy the machine is
                for client in list(left):
                    asked_at = time.monotonic()
                    answer = client.post(path, json=cron)
                    if answer.status_code == after:
                        left.remove(client)
                    else:
                        assert answer.status_code == before, answer.text
                        assert asked_at - changed_at < 2, "the key still works after two seconds"


def made(client: httpx.Client, workspace: str, **terms: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/workspaces/{workspace}/keys", json=terms)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_key_is_shown_once_and_stored_as_a_hash(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    ends = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    answer = api.post(
        f"/v1/workspaces/{workspace}/keys", json={"role": "viewer", "name": "ci", "expires_at": ends.isoformat()}
    )
    key = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    _, _, public_id, secret = key["key"].split("_", 3)
    assert (key["public_id"], key["role"], key["sees_payloads"]) == (public_id, "viewer", False)
    assert key["created_by"] == api.headers["authorization"].split("_")[2]
    (listed,) = api.get(f"/v1/workspaces/{workspace}/keys").json()["data"]
    assert listed == {name: each for name, each in key.items() if name != "key"}
    row = value(shared_superuser, "select row::text from kronos.api_keys as row where public_id = %s", [public_id])
    assert secret not in row
    assert hashlib.sha256(secret.encode()).hexdigest() in row
    with holding(api, key["key"]) as client:
        assert client.get(f"/v1/workspaces/{workspace}/jobs").status_code == 200


def test_an_admin_makes_keys_of_its_workspace_up_to_its_own_role(api: httpx.Client, workspace: str) -> None:
    theirs = make_workspace(api)
    with holding(api, made(api, workspace, role="admin")["key"]) as admin:
        assert {made(admin, workspace, role=role)["role"] for role in ("viewer", "operator", "admin")} == {
            "viewer",
            "operator",
            "admin",
        }
        instance = admin.post(f"/v1/workspaces/{workspace}/keys", json={"role": "instance_admin"})
        assert (instance.status_code, instance.json()["errors"][0]["pointer"]) == (422, "/role")
        there = admin.post(f"/v1/workspaces/{theirs}/keys", json={"role": "viewer"})
        assert (there.status_code, there.json()["code"]) == (404, "workspace_not_found")
        assert len(admin.get(f"/v1/workspaces/{workspace}/keys?limit=2").json()["data"]) == 2
    their_key = made(api, theirs, role="viewer")
    for answer in (
        api.delete(f"/v1/workspaces/{workspace}/keys/{their_key['key_id']}"),
        api.post(f"/v1/workspaces/{workspace}/keys/{their_key['key_id']}/rotate"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "key_not_found")
    system = api.post("/v1/workspaces/kronos-system/keys", json={"role": "viewer"})
    assert (system.status_code, system.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"role": "operator", "sees_payloads": False}, "/sees_payloads"),
        ({"role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"role": "viewer", "name": ""}, "/name"),
        ({}, "/role"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    api: httpx.Client, workspace: str, terms: dict[str, Any], pointer: str
) -> None:
    refused = api.post(f"/v1/workspaces/{workspace}/keys", json=terms)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert api.get(f"/v1/workspaces/{workspace}/keys").json()["data"] == []


def test_both_keys_work_until_the_overlap_of_a_rotation_ends(
    own_api: Api, own_workspace: str, superuser: psycopg.Connection
) -> None:
    keys_of, jobs = (f"/v1/workspaces/{own_workspace}/{each}" for each in ("keys", "jobs"))
    old = made(own_api.client, own_workspace, role="viewer", sees_payloads=True, name="ci")
    answer = own_api.client.post(f"{keys_of}/{old['key_id']}/rotate", json={"overlap_seconds": 3600})
    new = answer.raise_for_status().json()
    assert answer.status_code == 201
    assert {name: new[name] for name in ("role", "sees_payloads", "name", "expires_at")} == {
        name: old[name] for name in ("role", "sees_payloads", "name", "expires_at")
    }
    listed = {each["key_id"]: each for each in own_api.client.get(keys_of).json()["data"]}
    ends = datetime.fromisoformat(listed[old["key_id"]]["expires_at"])
    assert ends - datetime.fromisoformat(new["created_at"]) == timedelta(hours=1)
    with holding(own_api.client, old["key"]) as one, holding(own_api.client, new["key"]) as other:
        assert [each.get(jobs).status_code for each in (one, other)] == [200, 200]
        superuser.execute(  # an hour later
            "update kronos.api_keys set expires_at = expires_at - interval '1 hour' where key_id = %s", [old["key_id"]]
        )
        await_condition(lambda: one.get(jobs).status_code == 401, "the old key to end")
        assert other.get(jobs).status_code == 200
    again = own_api.client.post(f"{keys_of}/{old['key_id']}/rotate")
    assert (again.status_code, again.json()["code"]) == (404, "key_not_found")


def test_a_rotation_gives_the_new_key_as_long_a_life(api: httpx.Client, workspace: str) -> None:
    ends = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    old = made(api, workspace, role="operator", expires_at=ends)
    new = api.post(f"/v1/workspaces/{workspace}/keys/{old['key_id']}/rotate").raise_for_status().json()

    def life(key: dict[str, Any]) -> timedelta:
        return datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])

    assert life(new) == life(old)


def test_a_revoked_key_is_off_the_list_and_revoking_may_be_repeated(api: httpx.Client, workspace: str) -> None:
    key = made(api, workspace, role="viewer")
    path = f"/v1/workspaces/{workspace}/keys/{key['key_id']}"
    assert [api.delete(path).status_code for _ in range(2)] == [204, 204]
    assert api.get(f"/v1/workspaces/{workspace}/keys").json()["data"] == []
    with holding(api, key["key"]) as client:
        assert client.get(f"/v1/workspaces/{workspace}").status_code == 401


def test_no_key_is_in_a_log_or_an_error(api: httpx.Client, workspace: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        key = made(api, workspace, role="viewer")
        secret = key["key"].split("_", 3)[3]
        with holding(api, key["key"]) as client:
            refused = client.post(f"/v1/workspaces/{workspace}/jobs", json={})
        with holding(api, key["key"][:-1]) as client:
            unknown = client.get(f"/v1/workspaces/{workspace}/jobs")
    assert (refused.status_code, unknown.status_code) == (403, 401)
    for text in (caplog.text, refused.text, unknown.text):
        assert secret[:-1] not in text
