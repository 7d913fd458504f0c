"""A worker's view of secrets and keys while they are rotated, added and lost."""

import os
from base64 import b64encode
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from conftest import Api
from kronos.cli.exits import Exit
from kronos.encryption import Keyring, KeySource, Place
from kronos.worker.link import Link, Outage
from kronos.worker.vault import Needs, Vault
from worker.test_secrets import _TOKEN, Scene, Start, planted

_STORE = """
    insert into kronos.secrets (workspace_id, name, key_id, nonce, ciphertext) values (%s, 'token', %s, %s, %s)
"""


@pytest.fixture
def scene(own_api: Api, own_workspace: str) -> Scene:
    return Scene(own_api, own_workspace)


class CountingLink(Link):
    """Counts its statements."""

    statements = 0

    async def texts(self, statement: Any, params: Any, *, may_be_locked: bool = False) -> Any:
        self.statements += 1
        return await super().texts(statement, params, may_be_locked=may_be_locked)


async def test_a_secret_is_read_once_until_it_is_rotated(superuser: psycopg.Connection, database_url: str) -> None:
    keys = Keyring([os.urandom(32)])
    vault, link = Vault(keys=keys), CountingLink(database_url, "test", Outage())
    wanted: dict[tuple[str, int], Needs] = {}
    for slug in ("a", "b"):
        (row,) = superuser.execute(
            "insert into kronos.workspaces (slug, name) values (%s, %s) returning workspace_id", [slug, slug]
        ).fetchall()
        sealed = keys.seal(Place(workspace_id=row[0], name="token", version=1), _TOKEN)
        superuser.execute(_STORE, [row[0], sealed.key_id, sealed.nonce, sealed.ciphertext])
        wanted[str(uuid4()), 1] = Needs(workspace_id=str(row[0]), names=("token",), signing=())
    first = await vault.open(link, wanted)
    assert [each.values for each in first.values()] == [{"token": _TOKEN}] * 2
    assert await vault.open(link, wanted) == first
    assert link.statements == 1
    ours, theirs = wanted.items()
    vault.forget(ours[1].workspace_id)
    assert (await vault.open(link, wanted))[theirs[0]] is first[theirs[0]]
    assert link.statements == 2
    vault.forget()
    await vault.open(link, wanted)
    assert link.statements == 3
    await link.close()


async def test_a_rotation_while_a_secret_is_read_is_not_missed(
    superuser: psycopg.Connection, database_url: str
) -> None:
    """A value read before the worker learned of the rotation is used for this claim, and not cached."""
    vault = Vault(keys=Keyring([os.urandom(32)]))
    (row,) = superuser.execute(
        "insert into kronos.workspaces (slug, name) values ('a', 'a') returning workspace_id"
    ).fetchall()

    class Told(CountingLink):
        async def texts(self, statement: Any, params: Any, *, may_be_locked: bool = False) -> Any:
            found = await super().texts(statement, params, may_be_locked=may_be_locked)
            if self.statements == 1:
                vault.forget(str(row[0]))
            return found

    link = Told(database_url, "test", Outage())
    wanted = {(str(uuid4()), 1): Needs(workspace_id=str(row[0]), names=(), signing=())}
    for _ in range(3):
        await vault.open(link, wanted)
    assert link.statements == 2
    await link.close()


async def test_a_key_that_was_added_since_the_start_is_found(
    superuser: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    old, new = os.urandom(32), os.urandom(32)
    path = tmp_path / "keys"
    path.write_bytes(b64encode(old) + b"\n")
    path.chmod(0o600)
    source = KeySource(file=path, command=None)
    vault, link = Vault(source, source.read()), Link(database_url, "test", Outage())
    (row,) = superuser.execute(
        "insert into kronos.workspaces (slug, name) values ('a', 'a') returning workspace_id"
    ).fetchall()
    sealed = Keyring([new]).seal(Place(workspace_id=row[0], name="token", version=1), _TOKEN)
    superuser.execute(_STORE, [row[0], sealed.key_id, sealed.nonce, sealed.ciphertext])
    path.write_bytes(b64encode(new) + b"\n" + b64encode(old) + b"\n")
    wanted = {(str(uuid4()), 1): Needs(workspace_id=str(row[0]), names=("token",), signing=())}
    (opened,) = (await vault.open(link, wanted)).values()
    assert (opened.fault, opened.values) == (None, {"token": _TOKEN})
    await link.close()


async def test_a_key_that_is_gone_for_good_hides_none_that_is_new(
    superuser: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    """After a search for one key in vain the keys are not read again immediately for it, but they are for another
    one."""
    gone, new = os.urandom(32), os.urandom(32)
    count = tmp_path / "count"
    path = tmp_path / "keys"
    path.write_bytes(b64encode(os.urandom(32)) + b"\n")
    source = KeySource(file=None, command=f"sh -c 'echo >> {count}; cat {path}'")
    vault, link = Vault(source, source.read()), Link(database_url, "test", Outage())
    wanted: list[dict[tuple[str, int], Needs]] = []
    for slug, key in (("a", gone), ("b", new)):
        (row,) = superuser.execute(
            "insert into kronos.workspaces (slug, name) values (%s, %s) returning workspace_id", [slug, slug]
        ).fetchall()
        sealed = Keyring([key]).seal(Place(workspace_id=row[0], name="token", version=1), _TOKEN)
        superuser.execute(_STORE, [row[0], sealed.key_id, sealed.nonce, sealed.ciphertext])
        wanted.append({(str(uuid4()), 1): Needs(workspace_id=str(row[0]), names=("token",), signing=())})

    async def opened(needs: dict[tuple[str, int], Needs]) -> tuple[bool, int]:
        (found,) = (await vault.open(link, needs)).values()
        return found.fault is None, len(count.read_text())

    assert await opened(wanted[0]) == (False, 2)
    path.write_bytes(b64encode(new) + b"\n")
    assert await opened(wanted[1]) == (True, 3)
    assert await opened(wanted[0]) == (False, 3)
    assert _TOKEN not in repr(vault._kept.get(next(iter(wanted[1]))))
    await link.close()


async def test_a_worker_without_the_keys_does_not_start(
    superuser: psycopg.Connection, scene: Scene, start: Start, tmp_path: Path
) -> None:
    scene.secret("token", _TOKEN)
    (tmp_path / "wrong.key").write_text(b64encode(os.urandom(32)).decode())
    (tmp_path / "wrong.key").chmod(0o600)
    (tmp_path / "open.key").write_bytes((tmp_path / "encryption.key").read_bytes())
    (tmp_path / "open.key").chmod(0o644)
    for settings, said in (
        ({}, "set KRONOS_ENCRYPTION_KEY_FILE"),
        ({"encryption_key_file": tmp_path / "wrong.key"}, "which is not available: put it back"),
        ({"encryption_key_file": tmp_path / "open.key"}, "has mode 0644"),
        ({"encryption_key_file": tmp_path / "gone.key"}, "gone.key cannot be read"),
        ({"encryption_key_command": "sh -c 'echo canary-9c41d7b2e5; exit 1'"}, "ended with status 1"),
    ):
        worker = start(**settings)
        assert await worker.ends() in (Exit.USAGE, Exit.FAILED)
        assert said in worker.log
    assert planted(worker.log) == []
