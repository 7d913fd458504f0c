"""`kronos audit list|export|verify`: the API says who changed what, the database whether the chains are intact."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from cli.commands import Kronos
from conftest import Api
from factory import add_endpoint
from kronos import audit as trail
from kronos import errors
from kronos.__main__ import main
from kronos.cli.client import Client, LostError
from sql_factory import Connection, make_cron_job, value


def verify(url: str | None, *options: str) -> Result:
    return CliRunner().invoke(
        main, ["audit", "verify", *options], env={"KRONOS_DATABASE_URL": url}, catch_exceptions=False
    )


def test_changes_are_listed_exported_and_verified(
    kronos: Kronos, workspace: str, shared_superuser: Connection, tmp_path: Path
) -> None:
    assert kronos("config", "create", "colours", '{"a": 1}').exit_code == 0
    listed = kronos("audit", "list", "--object", "colours").stdout.split()
    assert "config.create" in listed
    assert workspace in listed
    assert "no change matches" in kronos("audit", "list", "--actor", "nobody").stderr
    while value(shared_superuser, "select kronos.seal_audit(1000)"):
        pass
    exported = kronos("audit", "export")
    assert exported.exit_code == 0, exported.output
    file = tmp_path / "audit.jsonl"
    file.write_bytes(exported.stdout_bytes)
    found = verify(None, "--file", str(file))
    assert (found.exit_code, " rows hold, 1 to " in found.stdout) == (0, True), found.output
    head = found.stdout.strip().rpartition("head ")[2]
    assert verify(None, "--file", str(file), "--head", f"{workspace}:{head}").exit_code == 0
    file.write_bytes(exported.stdout_bytes.replace(b"colours", b"colors"))
    changed = verify(None, "--file", str(file))
    assert (changed.exit_code, "CHANGED" in changed.stdout) == (1, True)


def test_the_database_is_verified_and_a_change_is_reported(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    make_cron_job(superuser, endpoint)
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
    found = verify(database_url)
    assert (found.exit_code, f"{slug}: 3 rows hold, 1 to 3; head 3:" in found.stdout) == (0, True), found.output
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update kronos.audit set actor = 'x' where workspace_id = %s", [endpoint.workspace_id])
    changed = verify(database_url)
    assert changed.exit_code == 1
    assert f"{slug}: CHANGED: number 1 is not what was sealed" in changed.stdout


def test_chains_that_were_verified_before_an_error_are_printed(
    superuser: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault among them would not be seen otherwise."""
    for _ in range(2):
        make_cron_job(superuser, add_endpoint(superuser))
    whole, seen = trail._verified, 0

    def lost(*given: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 2:
            raise errors.DatabaseUnavailable("it went away")
        return whole(*given)

    monkeypatch.setattr(trail, "_verified", lost)
    stopped = verify(database_url)
    assert (stopped.exit_code, len(stopped.stdout.splitlines()), "it went away" in stopped.stderr) == (6, 1, True)


def test_an_export_that_is_cut_off_says_how_to_continue(kronos: Kronos, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object, **__: object) -> Iterator[bytes]:
        yield b'{"number": 1}\n{"numb'
        raise LostError("the API went away")

    def away(*_: object, **__: object) -> Iterator[bytes]:
        raise LostError("the API went away")

    monkeypatch.setattr(Client, "pieces", cut)
    stopped = kronos("audit", "export")
    assert (stopped.exit_code, stopped.stdout) == (6, '{"number": 1}\n{"numb')
    assert stopped.stderr == (
        "Error: the API went away\nwhat was written before that is incomplete. To continue, run the same command with "
        "--after-number and the number of the last whole line\n"
    )
    assert "the same command from the start" in kronos("audit", "export", "--one-shots").stderr
    monkeypatch.setattr(Client, "pieces", away)
    assert "what was written" not in kronos("audit", "export").stderr


@pytest.mark.parametrize("head", ["x", "acme:7", "acme:7:zz", f"acme:{'9' * 30}:{'a' * 64}"])
def test_a_head_that_is_none_is_refused(database_url: str, head: str) -> None:
    refused = verify(database_url, "--head", head)
    assert (refused.exit_code, "write it like acme:1412" in refused.output) == (2, True)


def test_who_may_not_act_as_the_owner_verifies_nothing(superuser: Connection, database_url: str) -> None:
    info = psycopg.conninfo.conninfo_to_dict(database_url)
    superuser.execute("alter role kronos_worker password 'w'")
    url = psycopg.conninfo.make_conninfo(database_url, user="kronos_worker", password="w") if info else ""
    refused = verify(url)
    assert refused.exit_code == 1
    assert "KRONOS_DATABASE_URL as for `kronos migrate`" in refused.output


def test_the_workspace_is_taken_from_where_the_other_commands_take_it(
    shared_api: Api, workspace: str, tmp_path: Path
) -> None:
    """The workspace of a context was ignored, and the command queried the whole instance."""

    def run(*typed: str, **env: str) -> Result:
        return CliRunner().invoke(main, list(typed), env={"XDG_CONFIG_HOME": str(tmp_path), **env})

    url, key = str(shared_api.client.base_url), shared_api.key
    added = run("context", "add", "here", "--url", url, "-w", workspace, "--use", KRONOS_API_KEY=key)
    assert added.exit_code == 0, added.output
    kept = {"KRONOS_API_KEY": key}
    changed = run("config", "create", "colours", "{}", **kept)
    assert changed.exit_code == 0, changed.output
    listed = [line.split("\t") for line in run("audit", "list", "--plain", **kept).stdout.splitlines()]
    assert {row[4] for row in listed} == {workspace}
    assert json.loads(run("audit", "head", "--json", **kept).stdout)["workspace"] == workspace
    assert json.loads(run("audit", "head", "--instance", "--json", **kept).stdout)["workspace"] is None
    assert run("audit", "export", "--one-shots", **kept).exit_code == 0
    refused = run("audit", "export", "--one-shots", "--instance", **kept)
    assert (refused.exit_code, "needs a workspace" in refused.stderr) == (2, True)
    elsewhere = run("audit", "list", "-w", "no-such", **kept)
    assert (elsewhere.exit_code, "no-such" in elsewhere.stderr) == (3, True)
