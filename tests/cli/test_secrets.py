"""kronos secret …, kronos secrets …, and which processes start without the keys."""

import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from cli.commands import Kronos
from conftest import Api
from kronos import doctor, resealing
from kronos.__main__ import main
from kronos.cli.exits import Exit
from kronos.doctor.finding import Finding
from kronos.embedded import keyfile
from kronos.embedded.errors import EncryptionKeysWrong
from kronos.encryption import Keyring, KeySource, Place, Sealed
from sql_factory import value, values

Run = Callable[..., Result]
_CANARY = "canary-4d19e0"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "encryption.key"  # the API's


@pytest.fixture
def run(own_api: Api, own_workspace: str, key_file: Path) -> Run:
    def invoke(*arguments: str, input: str | None = None) -> Result:
        env = {
            "KRONOS_URL": str(own_api.client.base_url),
            "KRONOS_API_KEY": own_api.key,
            "KRONOS_WORKSPACE": own_workspace,
            "KRONOS_DATABASE_URL": own_api.database_url,
            "KRONOS_ENCRYPTION_KEY_FILE": str(key_file),
        }
        return CliRunner().invoke(main, arguments, env=env, input=input)

    return invoke


def prepend_key(path: Path) -> None:
    path.write_text(b64encode(os.urandom(32)).decode() + "\n" + path.read_text())


def ring(path: Path) -> Keyring:
    keys = KeySource(file=path, command=None).read()
    assert keys is not None
    return keys


def opened(connection: psycopg.Connection, keys: Keyring) -> dict[str, str]:
    rows = connection.execute(
        "select workspace_id, name, version, key_id, nonce, ciphertext from kronos.secrets"
    ).fetchall()
    return {
        name: keys.open(
            Place(workspace_id=workspace_id, name=name, version=version),
            Sealed(key_id=key_id, nonce=nonce, ciphertext=ciphertext),
        )
        for workspace_id, name, version, key_id, nonce, ciphertext in rows
    }


def test_a_value_comes_from_standard_input_or_a_file_and_is_not_shown(
    run: Run, superuser: psycopg.Connection, key_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "value").write_text(f"{_CANARY}-2\r\n")
    done = [
        run("secret", "set", "one", input=f"{_CANARY}-1\n"),
        run("secret", "set", "two", "--file", str(tmp_path / "value")),
        run("secret", "set", "one", input=f"{_CANARY}-3"),
        run("secret", "list"),
        run("secret", "get", "one", "--json"),
    ]
    assert [each.exit_code for each in done] == [0] * 5, [each.output for each in done]
    assert _CANARY not in "".join(each.output for each in done)
    assert opened(superuser, ring(key_file)) == {"one": f"{_CANARY}-3", "two": f"{_CANARY}-2"}
    assert run("secret", "set", "one", "--new", input="another").exit_code == 5
    assert run("secret", "delete", "two", "--yes").exit_code == 0
    assert values(superuser, "select name from kronos.secrets") == ["one"]


def test_a_value_is_no_argument(run: Run) -> None:
    for verb in ("set", "create"):
        refused = run("secret", verb, "one", _CANARY)
        assert (refused.exit_code, _CANARY in refused.output) == (2, False), refused.output
    empty = run("secret", "set", "one", input="\n")
    assert (empty.exit_code, "standard input is empty" in empty.output) == (2, True)
    gone = run("secret", "set", "one", "--file", "/no/such/file")
    assert (gone.exit_code, "No such file" in gone.output) == (2, True)


@pytest.mark.parametrize(("scheme", "shown"), [("v1", "whsec_"), ("v1a", "whpk_")])
def test_a_signing_key_is_made_and_what_receivers_need_is_shown_once(
    run: Run, superuser: psycopg.Connection, key_file: Path, scheme: str, shown: str
) -> None:
    made = run("secret", "set", "key", "--generate", scheme)
    assert made.exit_code == 0
    assert f"key for receivers to verify with: {shown}" in made.output
    assert value(superuser, "select signs from kronos.secrets") == scheme
    stored = opened(superuser, ring(key_file))["key"]
    assert (stored in made.output) == (scheme == "v1")
    run("endpoint", "create", "hook", "--to", "http://127.0.0.1:9/", "--signing-secret", "key")
    assert '"key"' in run("endpoint", "get", "hook", "--json").output


def test_rotation_brings_all_under_the_first_key_and_goes_on_where_it_was_killed(
    run: Run, own_api: Api, superuser: psycopg.Connection, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nth in range(7):
        run("secret", "set", f"s{nth}", input=f"{_CANARY}-{nth}")
    old = ring(key_file).ids[0]
    prepend_key(key_file)
    keys = ring(key_file)
    monkeypatch.setattr(resealing, "_AT_ONCE", 2)

    def killed(looked_at: int, _: int) -> None:
        if looked_at >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resealing.rotate(own_api.database_url, keys, killed)
    assert value(superuser, "select count(*) from kronos.secrets where key_id = %s", [keys.ids[0]]) == 4
    done = run("secrets", "rotate")
    assert done.exit_code == 0
    assert f"3 secrets were re-encrypted with the key {keys.ids[0]}; 0 are left" in done.output
    assert opened(superuser, keys) == {f"s{nth}": f"{_CANARY}-{nth}" for nth in range(7)}
    assert values(superuser, "select distinct version from kronos.secrets") == [1]
    assert value(superuser, "select count(*) from kronos.secrets where key_id = %s", [old]) == 0
    again = run("secrets", "rotate")
    assert "0 secrets were re-encrypted" in again.output


def test_an_error_says_how_much_a_rotation_has_done(
    run: Run, superuser: psycopg.Connection, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nth in range(5):
        run("secret", "set", f"s{nth}", input=_CANARY)
    prepend_key(key_file)
    monkeypatch.setattr(resealing, "_AT_ONCE", 2)
    last = value(superuser, "select max(secret_id::text) from kronos.secrets")
    superuser.execute(
        "create function public.refuse() returns trigger language plpgsql as"
        " $$ begin raise exception using errcode = '53100', message = 'no space is left'; end $$;"
        "create trigger refuse before update on kronos.secrets for each row"
        f" when (old.secret_id = '{last}') execute function public.refuse()"
    )
    stopped = run("secrets", "rotate")
    assert stopped.exit_code != 0
    assert (
        "4 of 5 secrets processed before that; re-encrypted secrets stay so. To continue: kronos secrets rotate"
    ) in stopped.output
    superuser.execute("drop trigger refuse on kronos.secrets")
    assert "1 secret was re-encrypted" in run("secrets", "rotate").output


def test_what_a_rotation_cannot_open_is_named_and_left(run: Run, superuser: psycopg.Connection, key_file: Path) -> None:
    for name in ("whole", "moved", "stranger"):
        run("secret", "set", name, input=_CANARY)
    superuser.execute("update kronos.secrets set version = 2 where name = 'moved'")
    superuser.execute("update kronos.secrets set key_id = repeat('f', 16) where name = 'stranger'")
    prepend_key(key_file)
    done = run("secrets", "rotate")
    assert done.exit_code == 1
    assert "1 secret was re-encrypted" in done.output
    assert "2 are left" in done.output
    assert "failed: moved of workspace" in done.output
    assert "failed: stranger of workspace" in done.output
    assert _CANARY not in done.output


def test_the_doctor_names_secrets_under_old_and_unknown_keys(
    run: Run, superuser: psycopg.Connection, own_api: Api, own_workspace: str, key_file: Path
) -> None:
    def finding(source: KeySource) -> Finding:
        found = doctor.examine(own_api.database_url, fix=False, progress=lambda *_: None, keys=source)
        (only,) = [each for each in found if each.check == "secrets"]
        return only

    source = KeySource(file=key_file, command=None)
    assert finding(source).ok
    run("secret", "set", "token", input=_CANARY)
    assert finding(source).ok
    prepend_key(key_file)
    old = finding(source)
    assert (old.ok, f"{own_workspace}/token" in old.detail, old.fix) == (False, True, "run `kronos secrets rotate`")
    none = finding(KeySource(file=None, command=None))
    assert (none.ok, "set KRONOS_ENCRYPTION_KEY_FILE" in (none.fix or "")) == (False, True)
    wrong = finding(KeySource(file=None, command=f"echo {_CANARY}"))
    assert (wrong.ok, _CANARY in wrong.detail) == (False, False)
    superuser.execute("update kronos.secrets set key_id = repeat('f', 16)")
    unknown = finding(source)
    assert not unknown.ok
    assert f"1 under the key {'f' * 16}, which is not available: {own_workspace}/token" in unknown.detail


def test_a_lost_key_is_given_up_and_its_secrets_are_set_again(
    run: Run, superuser: psycopg.Connection, key_file: Path
) -> None:
    run("secret", "set", "token", input=_CANARY)
    lost = ring(key_file).ids[0]
    refused = run("secrets", "abandon", lost, "--yes")
    assert (refused.exit_code, "is not lost" in refused.output) == (5, True)
    key_file.write_text(b64encode(os.urandom(32)).decode())
    given_up = run("secrets", "abandon", lost, "--yes")
    assert given_up.output == f"1 secret encrypted with the key {lost} was given up: set it again\n"
    assert "nothing was changed" in run("secrets", "abandon", lost, "--yes").output
    assert value(superuser, "select ciphertext is null from kronos.secrets")
    assert run("secret", "set", "token", input=_CANARY).exit_code == 0
    assert opened(superuser, ring(key_file)) == {"token": _CANARY}


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_nothing_starts_without_the_keys(
    run: Run, key_file: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr("kronos.api.serve.run", lambda *_, **__: started.append("serve"))
    monkeypatch.setattr("kronos.worker.main.run", lambda *_: started.append("worker"))
    assert (run(command).exit_code, started) == (0, [command])
    run("secret", "set", "token", input=_CANARY)
    key = key_file.read_text()
    for content, mode, said, code in (
        (b64encode(os.urandom(32)).decode(), 0o600, "secrets are encrypted with the key", 1),
        (key, 0o644, "mode 0644", 2),
        (f"{_CANARY}!", 0o600, "line 1", 2),
    ):
        key_file.write_text(content)
        key_file.chmod(mode)
        refused = run(command)
        assert (refused.exit_code, said in refused.output, _CANARY in refused.output) == (code, True, False)
    key_file.unlink()
    assert "cannot be read" in run(command).output
    assert started == [command]


def test_migrate_says_that_it_makes_the_key(run: Run, key_file: Path) -> None:
    assert "encryption key" not in run("migrate", "--dry-run").output
    key_file.unlink()
    assert f"create the encryption key of {key_file}" in run("migrate", "--dry-run").output


def test_up_makes_the_keys_once_and_misses_them_later(
    run: Run, own_api: Api, superuser: psycopg.Connection, key_file: Path, tmp_path: Path
) -> None:
    source = KeySource(file=tmp_path / "home.key", command=None)
    keyfile.require_form(source)
    keyfile.ensure(own_api.database_url, source)
    made = (tmp_path / "home.key").read_text()
    keyfile.ensure(own_api.database_url, source)
    assert (tmp_path / "home.key").read_text() == made
    run("secret", "set", "token", input=_CANARY)  # under the API's
    lost = ring(key_file).ids[0]
    for is_there in (True, False):
        if not is_there:
            (tmp_path / "home.key").unlink()
        with pytest.raises(EncryptionKeysWrong, match=f"--abandon-key {lost}"):
            keyfile.ensure(own_api.database_url, source)
        assert (tmp_path / "home.key").exists() == is_there
    keyfile.ensure(own_api.database_url, source, abandoned=[lost])
    assert (tmp_path / "home.key").exists()
    assert value(superuser, "select ciphertext is null from kronos.secrets")
    (tmp_path / "home.key").chmod(0o640)
    with pytest.raises(EncryptionKeysWrong, match="mode 0640"):
        keyfile.require_form(source)


def test_a_person_is_asked_for_the_value_and_does_not_see_it(kronos: Kronos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    made = kronos("secret", "create", "typed", stdin=f"{_CANARY}\n")
    assert made.exit_code == 0, made.output
    assert "Value" in made.stderr
    assert _CANARY not in made.output


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read a value from"),
        (b"\xff\xfe", "is not UTF-8: encode the value in base64"),
        (b"\n", "is empty"),
    ],
)
def test_a_file_that_holds_no_value_is_named(kronos: Kronos, tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "token.txt"
    if content is not None:
        path.write_bytes(content)
    refused = kronos("secret", "create", "unread", "--file", str(path))
    assert (refused.exit_code, told in refused.stderr, str(path) in refused.stderr) == (Exit.USAGE, True, True)
    assert kronos("secret", "get", "unread").exit_code == Exit.NOT_FOUND


def test_a_value_is_made_or_read_and_not_both(kronos: Kronos, tmp_path: Path) -> None:
    refused = kronos("secret", "set", "both", "--generate", "v1", "--file", str(tmp_path / "token.txt"))
    assert (refused.exit_code, "pass only one of the two" in refused.stderr) == (Exit.USAGE, True)


def test_without_keys_nothing_is_encrypted_anew(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRONOS_ENCRYPTION_KEY_FILE", raising=False)
    refused = CliRunner().invoke(main, ["secrets", "rotate"], env={"KRONOS_DATABASE_URL": database_url})
    assert (refused.exit_code, "KRONOS_ENCRYPTION_KEY" in refused.output) == (Exit.USAGE, True)
