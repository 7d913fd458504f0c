"""Keys are checked in the database, and trusted for a few seconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from kronos import errors, keys
from kronos.api.keys import Keys
from kronos.pool import Pool


@pytest.fixture
def key(database_url: str, tmp_path: Path) -> str:
    file = tmp_path / "admin.key"
    keys.ensure_admin_key(database_url, file)
    return file.read_text().strip()


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    made = Pool(database_url, size=1)
    await made.open(wait=True)
    yield made
    await made.close()


async def is_refused(keys: Keys, key: str) -> bool:
    try:
        await keys.authenticate(f"Bearer {key}")
    except errors.Unauthorized:
        return True
    return False


async def test_a_key_is_trusted_for_a_while_and_a_revoked_one_no_longer(
    pool: Pool, key: str, superuser: psycopg.Connection
) -> None:
    trusting, asking = Keys(pool), Keys(pool, trusted_seconds=0)
    assert not await is_refused(trusting, key)
    assert not await is_refused(asking, key)

    superuser.execute("update kronos.api_keys set revoked_at = now()")

    assert not await is_refused(trusting, key)
    assert await is_refused(asking, key)


async def test_trust_ends_by_itself(pool: Pool, key: str, superuser: psycopg.Connection) -> None:
    keys = Keys(pool, trusted_seconds=0.2)
    assert not await is_refused(keys, key)
    superuser.execute("update kronos.api_keys set revoked_at = now()")

    deadline = time.monotonic() + 10
    while not await is_refused(keys, key):
        assert time.monotonic() < deadline, "a revoked key was still trusted"
        await asyncio.sleep(0.01)


async def test_a_trusted_key_needs_no_database(pool: Pool, key: str) -> None:
    keys = Keys(pool)
    assert not await is_refused(keys, key)
    await pool.close()

    assert not await is_refused(keys, key)


async def test_trust_in_one_key_is_none_in_another(pool: Pool, key: str) -> None:
    keys = Keys(pool)
    assert not await is_refused(keys, key)

    for wrong in (key[:-1], key + "a", key.upper(), key.replace("kr_live_", "kr_live_0")):
        assert await is_refused(keys, wrong)


async def test_wrong_keys_are_never_remembered_as_right(pool: Pool, key: str, superuser: psycopg.Connection) -> None:
    keys = Keys(pool)
    superuser.execute("update kronos.api_keys set revoked_at = now()")
    assert await is_refused(keys, key)

    superuser.execute("update kronos.api_keys set revoked_at = null")

    assert not await is_refused(keys, key)
