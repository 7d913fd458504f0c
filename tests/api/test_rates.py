"""How many requests a key may make: in all processes together, by PostgreSQL's count, with hardly any additional round
trips.
"""

import asyncio
import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import psycopg
import pytest

from api_answers import problem_of
from clock import Clock
from kronos import errors
from kronos.api.keys import Keys
from kronos.api.rates import Allowance, RateStanding
from kronos.pool import Pool
from sql_factory import Connection, records, value


def make_key(connection: psycopg.Connection, per_minute: int | None) -> str:
    """Insert an administrator's key with this request limit."""
    public_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    connection.execute(
        "insert into kronos.api_keys (public_id, secret_sha256, role, requests_per_minute) values (%s, %s, "
        "'instance_admin', %s)",
        [public_id, hashlib.sha256(secret.encode()).digest(), per_minute],
    )
    return f"kr_live_{public_id}_{secret}"


async def served(keys: Keys, key: str, count: int) -> int:
    """Make `count` requests one after another. Return how many were served."""
    found = 0
    for _ in range(count):
        try:
            await keys.authenticate(f"Bearer {key}")
        except errors.RateLimited as error:
            found += 1000 * (not 1 <= error.retry_after_seconds <= 60)
        else:
            found += 1
    return found


@pytest.mark.parametrize("per_minute", [1, 7, 100, 1000])
async def test_processes_together_serve_what_the_key_may_and_not_one_more(
    pool: Pool, superuser: Connection, per_minute: int
) -> None:
    """Together, the processes ask for more than the limit, concurrently and repeatedly."""
    Clock(superuser).stand(datetime(2026, 1, 1, tzinfo=UTC))  # the minute does not end
    key = make_key(superuser, per_minute)
    processes = [Keys(pool) for _ in range(4)]
    found = await asyncio.gather(*(served(keys, key, per_minute // 2 + 5) for keys in processes for _ in range(2)))
    assert per_minute * 0.8 - 4 <= sum(found) <= per_minute
    assert sum([await served(keys, key, per_minute) for keys in processes]) + sum(found) == per_minute


async def test_one_process_loses_no_request_and_a_new_minute_begins_anew(pool: Pool, superuser: Connection) -> None:
    clock, began = Clock(superuser), datetime(2026, 1, 1, tzinfo=UTC)
    clock.stand(began)
    key, keys = make_key(superuser, 50), Keys(pool)
    assert await served(keys, key, 200) == 50
    clock.stand(began + timedelta(seconds=59))
    assert await served(Keys(pool), key, 10) == 0  # another process, which does not know that the minute is used up
    clock.stand(began + timedelta(seconds=60))
    assert await served(Keys(pool), key, 200) == 50


def taken(window_at: datetime, granted: int) -> SimpleNamespace:
    """As PostgreSQL returns it."""
    return SimpleNamespace(quota=100, granted=granted, left_over=100 - granted, window_at=window_at, seconds=60)


async def test_what_is_taken_is_no_good_in_the_next_minute() -> None:
    """However much of it is left."""
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    allowance = Allowance()
    allowance.take(taken(first, granted=10), asked_at=0)
    assert allowance.spend(59.9)
    assert not allowance.spend(60.0)
    allowance.take(taken(second, granted=3), asked_at=60)
    assert [allowance.spend(61) for _ in range(4)] == [True, True, True, False]


async def test_a_wrong_secret_takes_nothing_of_the_keys(pool: Pool, superuser: Connection) -> None:
    key, keys = make_key(superuser, 50), Keys(pool)
    for n in range(10):
        with pytest.raises(errors.Unauthorized):
            await keys.authenticate(f"Bearer {key}{n}")
    assert records(superuser, "select * from kronos.request_rates") == []


async def test_without_a_limit_nothing_is_counted(pool: Pool, superuser: Connection) -> None:
    superuser.execute("update kronos.request_limit set per_minute = null")
    standing = RateStanding()
    keys = Keys(pool)
    for _ in range(50):
        await keys.authenticate(f"Bearer {make_key(superuser, None)}", {"kronos.standing": standing})
    assert standing.allowance is not None
    assert standing.headers() == []
    assert records(superuser, "select * from kronos.request_rates") == []


async def test_a_standby_counts_nothing_and_serves(pool: Pool, superuser: Connection) -> None:
    key, database_name = make_key(superuser, 5), value(superuser, "select current_database()")
    with superuser.transaction(force_rollback=True):
        superuser.execute("set transaction read only")
        key_id = value(superuser, "select key_id from kronos.api_keys where requests_per_minute = 5")
        (row,) = records(superuser, "select * from kronos.take_requests(%s, true, 9)", [key_id])
    assert (row["quota"], row["granted"]) == (5, 9)
    assert database_name
    assert records(superuser, "select * from kronos.request_rates") == []
    assert await served(Keys(pool), key, 20) == 5


async def test_a_busy_key_asks_seldom(pool: Pool, superuser: Connection) -> None:
    """The chunks double: 10,000 requests of a limit of 300,000."""
    key, keys, asked = make_key(superuser, None), Keys(pool), 0
    run = pool.run

    async def counted(*args: object, **named: object) -> object:
        nonlocal asked
        asked += 1
        return await run(*args, **named)  # type: ignore[arg-type]  # as it was called

    pool.run = counted  # type: ignore[assignment,method-assign]  # of this pool alone
    assert await served(keys, key, 10_000) == 10_000
    assert asked <= 12


async def test_those_who_wait_for_the_same_key_ask_once(pool: Pool, superuser: Connection) -> None:
    key, keys, asked = make_key(superuser, None), Keys(pool), 0
    run = pool.run

    async def counted(*args: object, **named: object) -> object:
        nonlocal asked
        asked += 1
        return await run(*args, **named)  # type: ignore[arg-type]  # as it was called

    pool.run = counted  # type: ignore[assignment,method-assign]  # of this pool alone
    await asyncio.gather(*(keys.authenticate(f"Bearer {key}") for _ in range(500)))
    assert asked <= 3
    wrong = await asyncio.gather(*(keys.authenticate(f"Bearer {key}x") for _ in range(500)), return_exceptions=True)
    assert {type(each) for each in wrong} == {errors.Unauthorized}
    assert asked <= 4


async def test_one_who_is_cut_off_takes_the_check_from_nobody(pool: Pool, superuser: Connection) -> None:
    key, keys = make_key(superuser, None), Keys(pool)
    first = asyncio.create_task(keys.authenticate(f"Bearer {key}"))
    second = asyncio.create_task(keys.authenticate(f"Bearer {key}"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).actor == key.split("_")[2]
    with pytest.raises(asyncio.CancelledError):
        await first


def test_each_answer_to_a_key_says_where_it_stands(api: httpx.Client, shared_superuser: Connection) -> None:
    key = {"Authorization": f"Bearer {make_key(shared_superuser, 8)}"}
    asked = [api.get("/v1/workspaces", headers=key) for _ in range(3)]
    asked += [
        api.get("/v1/workspaces/none/jobs", headers=key),
        api.post("/v1/workspaces", headers=key, json={}),
        api.get("/v1/workspaces?limit=x", headers=key),
        api.get("/v1/workspaces", headers=key),
        api.head("/v1/workspaces", headers=key),
    ]
    assert [each.status_code for each in asked] == [200, 200, 200, 404, 422, 400, 200, 200]
    assert {each.headers["ratelimit-policy"] for each in asked} == {'"key";q=8;w=60'}
    left = [re.fullmatch(r'"key";r=(\d+);t=(\d+)', each.headers["ratelimit"]) for each in asked]
    assert [int(each[1]) for each in left if each] == [7, 6, 5, 4, 3, 2, 1, 0]
    refused = api.get("/v1/workspaces", headers=key)
    problem = problem_of(refused)
    assert (problem["status"], problem["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"] == f'"key";r=0;t={refused.headers["retry-after"]}'
    assert "8 requests" in problem["detail"]
    assert "ratelimit" not in api.get("/healthz").headers


def test_who_guesses_is_slowed_and_hears_how_long(api: httpx.Client, shared_superuser: Connection) -> None:
    """The guesses come from an address that only this test uses, so that they do not slow other clients."""
    with httpx.Client(
        base_url=api.base_url, transport=httpx.HTTPTransport(local_address="127.0.77.1"), timeout=300
    ) as stranger:
        known = {"Authorization": f"Bearer {make_key(shared_superuser, None)}"}
        assert stranger.get("/v1/workspaces", headers=known).status_code == 200
        answers: list[httpx.Response] = []
        while len(refused := [each for each in answers if each.status_code == 429]) < 30:
            guess = f"Bearer kr_live_{len(answers):012x}_{'x' * 43}"
            answers.append(stranger.get("/v1/workspaces", headers={"Authorization": guess}))
            assert len(answers) < 200  # one more is let through every 3 s
        assert {each.status_code for each in answers} == {401, 429}
        assert {problem_of(each)["code"] for each in refused} == {"rate_limited"}
        assert all(1 <= int(each.headers["retry-after"]) <= 4 for each in refused)
        assert stranger.get("/v1/workspaces", headers=known).status_code == 200
    assert api.get("/v1/workspaces").status_code == 200
