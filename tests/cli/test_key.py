"""kronos key …, and the administrator's key file against the keys in the database: they agree, or the output says why
not."""

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from click.testing import CliRunner, Result

from cli.commands import Kronos
from conftest import Api
from factory import add_key, add_workspace
from kronos import errors, keys
from kronos.__main__ import main

Run = Callable[..., Result]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "admin.key"


@pytest.fixture
def run(database_url: str, key_file: Path) -> Run:
    """`kronos key` on the test's database."""

    def invoke(*arguments: str) -> Result:
        env = {"KRONOS_DATABASE_URL": database_url, "KRONOS_ADMIN_KEY_FILE": str(key_file)}
        command, *rest = arguments
        return CliRunner().invoke(main, ["key", command, "--instance", *rest], env=env, catch_exceptions=False)

    return invoke


def held_by(file: Path) -> keys.GivenKey:
    key = keys.parse(file.read_text().strip())
    assert key is not None
    return key


def valid(database: psycopg.Connection) -> set[str]:
    return {row[0] for row in database.execute("select public_id from kronos.api_keys where revoked_at is null")}


def test_the_file_is_made_once_and_its_key_is_known(
    database_url: str, key_file: Path, superuser: psycopg.Connection
) -> None:
    assert keys.ensure_admin_key(database_url, key_file) == []
    made = held_by(key_file)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert keys.ensure_admin_key(database_url, key_file) == []
    assert held_by(key_file) == made
    assert valid(superuser) == {made.public_id}


def test_a_new_key_in_the_place_of_a_removed_file_ends_the_old_one(
    database_url: str, key_file: Path, tmp_path: Path, superuser: psycopg.Connection
) -> None:
    elsewhere = tmp_path / "another.key"
    keys.ensure_admin_key(database_url, elsewhere)
    keys.ensure_admin_key(database_url, key_file)
    old = held_by(key_file)
    key_file.unlink()
    told = keys.ensure_admin_key(database_url, key_file)
    assert told[0] == f"{key_file} holds a new key; its previous key {old.public_id} no longer works"
    assert told[1].startswith("1 other key(s) of the administrator still work in addition to the new one")
    assert valid(superuser) == {held_by(key_file).public_id, held_by(elsewhere).public_id}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("kr_live_{public_id}_{other}", "is not the one that the database knows as"),
        ("kr_live_ops_hunter2", "holds no key of the form kr_live_<public id>_<secret>"),
        ("kr_live_my-key_{other}", "holds no key of the form"),
        ("", "holds no key of the form"),
        ("\udcff", "holds no key of the form"),
    ],
)
def test_a_file_that_is_not_what_the_database_knows_is_refused(
    database_url: str, key_file: Path, superuser: psycopg.Connection, written: str, told: str
) -> None:
    keys.ensure_admin_key(database_url, key_file)
    made = held_by(key_file)
    key_file.write_bytes(written.format(public_id=made.public_id, other="x" * 43).encode(errors="surrogateescape"))
    with pytest.raises(errors.KeyRefused, match=told) as refused:
        keys.ensure_admin_key(database_url, key_file)
    assert "Put the right file back. Or" in refused.value.detail
    assert "x" * 43 not in refused.value.detail
    assert valid(superuser) == {made.public_id}


def test_a_revoked_key_in_the_file_is_refused(database_url: str, key_file: Path, run: Run) -> None:
    keys.ensure_admin_key(database_url, key_file)
    revoked = run("revoke", "--yes", held_by(key_file).public_id)
    assert (revoked.exit_code, "no longer works since" in revoked.stdout) == (0, True)
    assert "The administrator has no key left; create one: `kronos key create --instance`." in revoked.stderr
    for refused in (lambda: keys.ensure_admin_key(database_url, key_file), lambda: keys.rotate(database_url, key_file)):
        with pytest.raises(errors.KeyRefused, match=r"was revoked at .* then a new key is created"):
            refused()


def test_a_workspaces_key_is_none_of_the_administrators(
    database_url: str, key_file: Path, run: Run, superuser: psycopg.Connection
) -> None:
    keys.ensure_admin_key(database_url, key_file)
    administrators = held_by(key_file).public_id
    add_workspace(superuser, slug="acme")
    theirs = add_key(superuser, "acme", "admin")
    public_id = theirs.split("_")[2]
    assert public_id not in run("list").stdout + run("list", "--json").stdout
    refused = run("revoke", "--yes", public_id)
    assert (refused.exit_code, "-w WORKSPACE" in refused.stderr) == (1, True)
    assert valid(superuser) == {administrators, public_id}

    file = key_file.read_text()
    key_file.write_text(theirs)
    for refused_by in (keys.ensure_admin_key, keys.rotate):
        with pytest.raises(
            errors.KeyRefused, match="is not the administrator's but a workspace's, with the role admin"
        ):
            refused_by(database_url, key_file)
    key_file.write_text(file)
    assert keys.ensure_admin_key(database_url, key_file) == []
    assert "The administrator has no key left" in run("revoke", "--yes", administrators).stderr


def test_rotate_puts_a_new_key_in_the_file_and_ends_the_old_one(
    database_url: str, key_file: Path, run: Run, superuser: psycopg.Connection
) -> None:
    keys.ensure_admin_key(database_url, key_file)
    old = held_by(key_file)
    rotated = run("rotate")
    new = held_by(key_file)
    assert rotated.exit_code == 0
    assert rotated.stdout.splitlines() == [
        f"{key_file} contains the new key {new.public_id}",
        f"{old.public_id} no longer works. Requests with it are rejected within 2 s.",
    ]
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]
    assert valid(superuser) == {new.public_id}
    assert keys.ensure_admin_key(database_url, key_file) == []


def test_a_rotation_that_ends_before_the_file_is_written_leaves_the_old_key_and_the_next_one_tidies_up(
    database_url: str, key_file: Path, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.ensure_admin_key(database_url, key_file)
    old = held_by(key_file)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(errors.KeyRefused, match=r"no key can be written to .*: No space left on device"):
            keys.rotate(database_url, key_file)
    assert held_by(key_file) == old
    assert old.public_id in valid(superuser)
    _, revoked = keys.rotate(database_url, key_file)
    assert len(revoked) == 2
    assert valid(superuser) == {held_by(key_file).public_id}


def test_create_shows_a_key_once_and_list_shows_which_work(
    run: Run, key_file: Path, tmp_path: Path, database_url: str
) -> None:
    keys.ensure_admin_key(database_url, key_file)
    shown = keys.parse(run("create").stdout.strip())
    assert shown is not None
    in_file = run("create", "--out", str(tmp_path / "second.key"))
    assert in_file.stdout == f"{tmp_path / 'second.key'} contains the new key\n"
    again = run("create", "--out", str(tmp_path / "second.key"))
    assert (again.exit_code, "exists, and is not overwritten with another key" in again.stderr) == (1, True)
    assert run("revoke", "--yes", shown.public_id).exit_code == run("revoke", "--yes", shown.public_id).exit_code == 0
    lines = {line.split()[0]: line for line in run("list").stdout.splitlines()[1:]}
    assert set(lines) == {shown.public_id, held_by(key_file).public_id, held_by(tmp_path / "second.key").public_id}
    assert lines[held_by(key_file).public_id].endswith(f":{key_file}   -")
    assert lines[shown.public_id].count(":") == 4  # created and revoked, a time each


def test_revoke_takes_a_whole_key_and_knows_what_is_none(
    run: Run, key_file: Path, database_url: str, superuser: psycopg.Connection
) -> None:
    keys.ensure_admin_key(database_url, key_file)
    assert run("revoke", "--yes", key_file.read_text().strip()).exit_code == 0
    assert valid(superuser) == set()
    absent = run("revoke", "--yes", "nobody")
    assert (absent.exit_code, "the instance has no key with the public id 'nobody'" in absent.stderr) == (1, True)


def test_a_rotated_key_is_refused_by_the_api(own_api: Api, tmp_path: Path) -> None:
    created = (
        CliRunner()
        .invoke(main, ["key", "create", "--instance"], env={"KRONOS_DATABASE_URL": own_api.database_url})
        .stdout.strip()
    )
    with httpx.Client(
        base_url=own_api.client.base_url, headers={"Authorization": f"Bearer {created}"}, timeout=60
    ) as client:
        CliRunner().invoke(
            main, ["key", "revoke", "--yes", "--instance", created], env={"KRONOS_DATABASE_URL": own_api.database_url}
        )
        refused = client.get("/v1/workspaces")  # its first request: no process has it cached
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert own_api.client.get("/v1/workspaces").status_code == 200


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("alter table kronos.api_keys drop column kept_in", "run `kronos migrate` first"),
        (
            "alter table kronos.api_keys owner to postgres; revoke all on kronos.api_keys from kronos_owner",
            "use the same KRONOS_DATABASE_URL",
        ),
    ],
)
def test_a_database_that_is_not_this_releases_or_not_ours_is_a_sentence(
    run: Run, superuser: psycopg.Connection, harm: str, told: str
) -> None:
    superuser.execute(harm.encode())
    for arguments in (["list"], ["create"], ["revoke", "--yes", "nobody"]):
        answer = run(*arguments)
        assert (answer.exit_code, told in answer.stderr, answer.stdout) == (1, True, "")


def test_a_server_that_cannot_be_reached_is_named() -> None:
    answer = CliRunner().invoke(
        main, ["key", "list", "--instance"], env={"KRONOS_DATABASE_URL": "postgresql://kronos@127.0.0.1:1/kronos"}
    )
    assert (answer.exit_code, answer.stdout) == (6, "")
    assert "nothing listens at 127.0.0.1:1" in answer.stderr


@pytest.fixture
def run_over_http(own_api: Api, own_workspace: str) -> Run:
    def invoke(*arguments: str, key: str | None = None) -> Result:
        env = {
            "KRONOS_URL": str(own_api.client.base_url),
            "KRONOS_API_KEY": key or own_api.key,
            "KRONOS_WORKSPACE": own_workspace,
        }
        return CliRunner().invoke(main, arguments, env=env, catch_exceptions=False)

    return invoke


def test_keys_of_a_workspace_are_made_listed_rotated_and_revoked_over_http(
    run_over_http: Run, own_workspace: str, tmp_path: Path
) -> None:
    made = run_over_http("key", "create", "--role", "admin", "--name", "ci", "--json")
    first = json.loads(made.stdout)
    keys_of = ("key", "list", "--json")
    assert [each["public_id"] for each in json.loads(run_over_http(*keys_of, key=first["key"]).stdout)] == [
        first["public_id"]
    ]
    file = tmp_path / "ci.key"
    rotated = run_over_http("key", "rotate", first["public_id"], "--overlap", "60", "--out", str(file))
    second = held_by(file)
    assert (rotated.exit_code, stat.S_IMODE(file.stat().st_mode)) == (0, 0o600)
    assert file.read_text().strip() not in rotated.output
    again = run_over_http("key", "rotate", first["public_id"], "--out", str(file))
    assert (again.exit_code, "a key never overwrites a file" in again.stderr) == (5, True)
    table = run_over_http("key", "list").stdout.splitlines()
    assert [line.split()[0] for line in table[1:]] == [second.public_id, first["public_id"]]
    revoked = run_over_http("key", "revoke", "--yes", file.read_text().strip())
    assert revoked.stdout == f"{second.public_id} no longer works. Requests with it are rejected within 2 s.\n"
    unknown = run_over_http("key", "revoke", "--yes", second.public_id)
    assert (unknown.exit_code, "has no key with the public id" in unknown.stderr) == (3, True)
    viewer = json.loads(run_over_http("key", "create", "--role", "viewer", "--json").stdout)
    refused = run_over_http("key", "list", key=viewer["key"])
    assert (refused.exit_code, "this needs the role admin; this key's role is viewer" in refused.stderr) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list"], "whose key? Name a workspace (-w, KRONOS_WORKSPACE), or pass --instance on the server"),
        (["create", "-w", "acme", "--url", "http://127.0.0.1:1"], "which role? Pass --role"),
        (["create", "--instance", "--role", "admin"], "omit the other options"),
        (["rotate", "-w", "acme", "--url", "http://127.0.0.1:1"], "which key? Pass its public id"),
    ],
)
def test_what_is_left_open_is_asked_for(arguments: list[str], said: str) -> None:
    answer = CliRunner().invoke(main, ["key", *arguments], env={"KRONOS_API_KEY": "kr_live_a_b", "KRONOS_URL": ""})
    assert (answer.exit_code, said in answer.stderr) == (2, True), answer.output


def test_organizations_over_http(run_over_http: Run) -> None:
    assert run_over_http("organization", "create", "umbrella", "--json").exit_code == 0
    assert run_over_http("organization", "edit", "umbrella", "--name", "Umbrella").exit_code == 0
    assert "Umbrella" in run_over_http("organization", "ls").stdout
    made = run_over_http("workspace", "create", "of-umbrella", "--organization", "umbrella", "--json")
    assert json.loads(made.stdout)["organization"] == "umbrella"
    listed = json.loads(run_over_http("workspace", "ls", "--organization", "umbrella", "--json").stdout)
    assert [each["slug"] for each in listed] == ["of-umbrella"]
    assert "umbrella" in run_over_http("organization", "get", "umbrella").stdout


def test_a_workspaces_key_is_told_where_its_workspaces_are(kronos: Kronos, tmp_path: Path) -> None:
    made = json.loads(kronos("key", "create", "--role", "viewer", "--json").stdout)
    file = tmp_path / "viewer.key"
    for key, told in ((made["key"], True), ("kr_live_nobody12345_aaaaaaaaaaaaaaaaaaaaaaaa", False)):
        file.write_text(key)
        refused = kronos("workspace", "ls", "--key-file", str(file))
        assert (refused.exit_code, "kronos workspace mine" in refused.stderr) == (4, told)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("a-file/new.key", "a-file is not a folder that you can write to"),
        ("a-file/more/new.key", "a-file is not a folder that you can write to"),
        ("x" * 300, "File name too long"),
        ("x" * 250, "File name too long"),  # with the suffix of the file that is written first
    ],
)
def test_a_key_that_could_not_be_kept_is_not_made(kronos: Kronos, tmp_path: Path, place: str, said: str) -> None:
    """The key used to be created and then lost: it gave access to the workspace, and its owner never saw it."""
    before = kronos("key", "ls", "--json")
    assert before.exit_code == 0
    (tmp_path / "a-file").touch()
    refused = kronos("key", "create", "--role", "viewer", "--out", str(tmp_path / place))
    assert (refused.exit_code, said in refused.stderr, "no key was created" in refused.stderr) == (2, True, True)
    assert kronos("key", "ls", "--json").stdout == before.stdout


def test_a_disk_that_is_full_takes_no_key_and_ends_none(
    kronos: Kronos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a replaced key would have ended, and the new one would have been lost."""
    made = json.loads(kronos("key", "create", "--role", "viewer", "--json").stdout)
    (tmp_path / "link.key").symlink_to(tmp_path / "none" / "there.key")
    leading_nowhere = kronos("key", "create", "--role", "viewer", "--out", str(tmp_path / "link.key"))
    assert (leading_nowhere.exit_code, "exists" in leading_nowhere.stderr) == (5, True)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = kronos("key", "ls", "--json").stdout
    out = str(tmp_path / "new.key")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for command in (["create", "--role", "viewer"], ["rotate", made["public_id"]]):
            refused = kronos("key", *command, "--out", out)
            told = f"{out}: No space left on device; no key was created"
            assert (refused.exit_code, told in refused.stderr) == (2, True), refused.output
        assert kronos("key", "ls", "--json").stdout == before
        patch.setattr(keys, "require_room", lambda _: None)  # the disk fills up at this moment
        lost = kronos("key", "create", "--role", "viewer", "--out", out)
    (made_key,) = [each for each in json.loads(kronos("key", "ls", "--json").stdout) if each not in json.loads(before)]
    assert (lost.exit_code, f"`kronos key rotate {made_key['public_id']}`" in lost.stderr) == (1, True)
    assert [each.name for each in tmp_path.iterdir()] == ["link.key"]


def test_folders_of_a_keys_file_that_are_not_there_are_made(kronos: Kronos, tmp_path: Path) -> None:
    """As under ~/.config, of a user who does not have that folder yet (docs/mcp.md)."""
    out = tmp_path / "none" / "yet" / "new.key"
    made = kronos("key", "create", "--role", "viewer", "--out", str(out))
    assert (made.exit_code, out.stat().st_mode & 0o777) == (0, 0o600), made.stderr
