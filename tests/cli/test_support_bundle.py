"""kronos support-bundle: it contains what helps support, and nothing confidential."""

import errno
import json
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from alert_rows import add_incident
from beat_rows import make_beat, ping
from calendar_rows import day, put_calendar
from factory import add_endpoint, add_executions, add_key
from kronos.__main__ import main
from kronos.config import Settings
from kronos.doctor.checks import CHECKS
from kronos.encryption import KeySource, make_key_file
from kronos.support import allowed, bundle
from sql_factory import make_cron_job, value


def run(url: str, *options: str, **environment: str) -> Result:
    known = {"KRONOS_DATABASE_URL": url} | environment
    return CliRunner().invoke(main, ["support-bundle", *options], env=known, catch_exceptions=False)


def contents(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        return {
            each.name.removeprefix("kronos-support/"): taken.read().decode()
            for each in archive
            if (taken := archive.extractfile(each)) is not None
        }


@pytest.fixture
def planted(superuser: psycopg.Connection, tmp_path: Path) -> dict[str, str]:
    """A secret in each place that can hold one, by place."""
    found = {
        place: f"{place}-{uuid4().hex}" for place in ("input", "output", "error", "url", "header", "name", "title")
    }
    endpoint = add_endpoint(
        superuser,
        url=f"https://u:{found['url']}@example.com/{found['url']}",
        spec={"headers": {"Authorization": f"Bearer {found['header']}"}},
    )
    superuser.execute(
        "update kronos.endpoints set name = %s where endpoint_id = %s", [found["name"], endpoint.endpoint_id]
    )
    superuser.execute(
        "insert into kronos.endpoint_health (endpoint_id, workspace_id, state, reason) values (%s, %s, 'DISABLED', %s)",
        [endpoint.endpoint_id, endpoint.workspace_id, Jsonb({"message": found["error"]})],
    )
    job_id = make_cron_job(superuser)  # without an entry, so that a finding names it
    superuser.execute("update kronos.jobs set title = %s, input = %s where job_id = %s",
                      [found["title"], Jsonb({"k": found["input"]}), job_id])  # fmt: skip
    for execution in add_executions(superuser, endpoint, 2):
        superuser.execute(
            "update kronos.execution_live set input = %s, error = %s where execution_id = %s",
            [Jsonb({"k": found["input"]}), Jsonb({"type": "x", "message": found["error"]}), execution],
        )
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                           status, scheduled_at, run_at, created_at, max_attempts, input, output)
        select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'MANUAL', 'SUCCESS', now(), now(), now(), 1, %s, %s
          from kronos.jobs where job_id = %s
        """,
        [Jsonb({"k": found["input"]}), Jsonb({"k": found["output"]}), job_id],
    )
    superuser.execute("analyze")
    make_key_file(tmp_path / "keys")
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
    return found | {
        "slug": slug,
        "key": add_key(superuser, slug, "admin"),
        "encryption": (tmp_path / "keys").read_text().strip(),
        "key file": str(tmp_path / "keys"),
        "address": "10.77.66.0/24",
        "password": superuser.info.password,
    }


def test_nothing_that_was_entrusted_to_kronos_is_in_it(
    database_url: str, planted: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "bundle.tar.gz"
    given = {"KRONOS_EGRESS_ALLOW": planted["address"], "KRONOS_ENCRYPTION_KEY_FILE": planted["key file"]}
    told = run(database_url, "--output", str(file), **given)
    assert (told.exit_code, told.stdout.startswith(f"{file}: 10 files, ")) == (0, True), told.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = contents(file)
    assert [(place, name) for place, text in planted.items() for name in found if text in found[name]] == []

    plans = found["plans.txt"]
    assert (plans.count("-- "), "no plan" in plans) == (len(bundle._HOT), False)
    assert "execution_live" in plans
    settings = json.loads(found["settings.json"])
    shown = Settings.model_fields["worker_concurrency"].default
    assert (settings["database_url"], settings["egress_allow"], settings["worker_concurrency"]) == ("set", "set", shown)
    findings = {each["check"]: each for each in json.loads(found["doctor.json"])}
    assert (findings["endpoints"]["ok"], findings["endpoints"]["detail"].startswith("left out")) == (False, True)
    assert findings["workers"]["detail"] == "no worker is connected to this database"
    assert {"fsync", "max_connections"} <= {each["name"] for each in json.loads(found["postgresql-settings.json"])}
    assert "kronos.execution_live" in {each["name"] for each in json.loads(found["tables.json"])}
    assert json.loads(found["postgresql.json"])[0]["revision"]


def test_no_secret_of_heartbeats_calendars_sign_in_or_other_servers_is_in_it(
    database_url: str, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    """Each kind of secret, in each place where Kronos stores or receives one, even when names are requested."""
    places = ("token", "ping", "beat", "holiday", "incident", "client", "group", "server", "mapping", "sealed")
    secret = {place: f"{place}-{uuid4().hex}" for place in places}
    endpoint = add_endpoint(superuser)
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
    beat = make_beat(superuser, endpoint.workspace_id, name=secret["beat"], token=secret["token"], cron="* * * * *")
    ping(superuser, beat, "FAIL", log=secret["ping"])
    put_calendar(superuser, endpoint.workspace_id, days=[day("2026-12-24", name=secret["holiday"])])
    superuser.execute(
        "update kronos.incidents set detail = %s where incident_id = %s",
        [secret["incident"], add_incident(superuser, slug)],
    )
    superuser.execute("create foreign data wrapper planted")
    superuser.execute(
        f"create server planted foreign data wrapper planted options (host '{secret['server']}')".encode()
    )
    superuser.execute(
        f"create user mapping for current_user server planted options (password '{secret['mapping']}')".encode()
    )
    (tmp_path / "client").write_text(secret["client"])
    (tmp_path / "keys").write_text(secret["sealed"])
    head = "2026-11-29 10:00:00.123 INFO    kronos.api: "
    lines = [f"{head}GET /ping/{each} 200\n{head}it failed: {each}\n{each}\n" for each in secret.values()]
    (tmp_path / "api.log").write_text("".join(lines))
    settings = Settings(
        database_url=SecretStr(database_url),
        oidc_issuer="https://id.example.com",
        oidc_client_id=secret["group"],
        oidc_client_secret_file=tmp_path / "client",
        oidc_redirect_url="https://kronos.example.com/auth/callback",
        encryption_key_file=tmp_path / "keys",
    )
    made = bundle.parts(database_url, settings=settings, keys=KeySource.of(settings), logs=tmp_path, with_names=True)
    try:
        found = {name: content.decode() for name, content in made}
    finally:
        superuser.execute("drop foreign data wrapper planted cascade")
    assert "GET" in found["logs.txt"]
    assert [(place, name) for place, text in secret.items() for name in found if text in found[name]] == []


def test_names_are_in_it_where_that_is_asked_for_and_nothing_else(
    database_url: str, planted: dict[str, str], tmp_path: Path
) -> None:
    assert run(database_url, "--with-names", "--output", str(tmp_path / "b.tar.gz")).exit_code == 0
    found = contents(tmp_path / "b.tar.gz")
    assert planted["name"] in found["doctor.json"]
    kept = {place: text for place, text in planted.items() if place not in ("name", "slug")}
    assert [(place, name) for place, text in kept.items() for name in found if text in found[name]] == []


def test_a_container_that_can_write_nothing_sends_it_to_standard_output(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run(database_url, "--output", "-")
    (tmp_path / "taken").write_bytes(told.stdout_bytes)
    assert (told.exit_code, len(contents(tmp_path / "taken"))) == (0, 10)
    assert told.stderr.startswith("10 files, ")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_what_stands_behind_a_programs_name_is_not_in_it(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, application_name="kronos-worker-db1.plugh.internal-17"):
        assert run(database_url, "--output", str(tmp_path / "b.tar.gz")).exit_code == 0
    found = contents(tmp_path / "b.tar.gz")
    assert [name for name, text in found.items() if "plugh" in text] == []
    assert "kronos-worker" in {each["program"] for each in json.loads(found["sessions.json"])}


def test_a_file_that_is_there_stays_and_a_database_that_is_not_is_said(tmp_path: Path) -> None:
    file = tmp_path / "there.tar.gz"
    file.write_text("mine")
    told = run("postgresql://nobody:s3cret-word@127.0.0.1:1/nothing", "--output", str(file))
    assert (told.exit_code, file.read_text(), "another one with --output" in told.output) == (2, "mine", True)
    file.unlink()
    assert run("postgresql://nobody:s3cret-word@127.0.0.1:1/nothing", "--output", str(file)).exit_code == 0
    found = contents(file)
    assert found["database.txt"].startswith("PostgreSQL could not be queried: Unconnected")
    assert [name for name, text in found.items() if "s3cret-word" in text or "nobody" in text] == []


@pytest.fixture(scope="module")
def words() -> allowed.Words:
    """Reads all of Kronos's files: not when the tests are collected."""
    return allowed.Words()


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (
            "2026-11-29 10:00:00.123 INFO    kronos.worker: worker swordfish-17 started",
            "2026-11-29 10:00:00.123 INFO    kronos.worker: worker … started",
        ),
        (
            "2026-11-29 10:00:00.123 ERROR   kronos.pool: no connection to 'db.xyzzy.internal' as plughuser (2 of 10)",
            "2026-11-29 10:00:00.123 ERROR   kronos.pool: no connection to '…' as … (2 of 10)",
        ),
        ("2026-11-29 10:00:00.123 INFO    kronos.api: 4242424242424242 kr_inst_abc_aaaaaaaaaaaaaaaaaaaaaaaa",
         "2026-11-29 10:00:00.123 INFO    kronos.api: … …"),
        ("2026-11-29 10:00:00.123 ERROR   kronos.pool: 10.0.12.7:5432 [fd00::12] ::1 1a2b3c4d5e6f s3-cr-3t, 5432",
         "2026-11-29 10:00:00.123 ERROR   kronos.pool: … […] … … …, 5432"),
        ("2026-11-29 10:00:00.123 INFO    kronos.worker: at 2026-11-29T11:12:13.5Z, 09:30, 1.6 and 0.034 s",
         "2026-11-29 10:00:00.123 INFO    kronos.worker: at 2026-11-29T11:12:13.5Z, 09:30, 1.6 and 0.034 s"),
        ('  File "/home/plugh/x.py", line 3', None),
        ("password=xyzzy", None),
        ('{"at":"2026-11-29T10:00:00.123Z","level":"INFO","logger":"kronos.worker","message":"worker xyzzy-17 started",'
         '"job":"plughplugh"}', "2026-11-29T10:00:00.123Z INFO kronos.worker: worker … started"),
        ('{"at":"xyzzy","level":"INFO","logger":"kronos","message":"started"}', None),
        ('{"at":"2026-11-29T10:00:0', None),
    ],
)  # fmt: skip
def test_of_a_log_what_the_program_wrote_is_kept(words: allowed.Words, line: str, kept: str | None) -> None:
    assert words.line(line) == kept


def test_logs_of_kronos_up_are_in_it(tmp_path: Path) -> None:
    lines = ["2026-11-29 10:00:00.123 INFO    kronos.worker: worker xyzzyplugh started", "xyzzyplugh"]
    (tmp_path / "worker.log").write_text("\n".join(lines))
    assert list(bundle._logs(tmp_path)) == [
        "== worker.log",
        "2026-11-29 10:00:00.123 INFO    kronos.worker: worker … started",
    ]
    assert list(bundle._logs(None)) == ["there are no logs of `kronos up` here: add the logs of your own collector"]


def test_the_lists_name_what_there_is() -> None:
    """No setting that holds a text, a path or a secret is on a list."""
    free: dict[str, Any] = {name: field.annotation for name, field in Settings.model_fields.items()}
    assert [name for name in allowed.SETTINGS if name not in free] == []
    assert [name for name in allowed.SETTINGS if "str" in str(free[name]) or "Path" in str(free[name])] == []
    assert [name for name in allowed.DETAILS if name not in CHECKS] == []


def test_a_disk_that_is_full_keeps_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leftover file made the next try fail, and a truncated one was useless to support."""

    def parts(*_: object, **__: object) -> Iterator[tuple[str, bytes]]:
        yield "program.json", b"{}"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundle, "parts", parts)
    file = tmp_path / "b.tar.gz"
    told = run("postgresql://nobody@127.0.0.1:1/nothing", "--output", str(file))
    assert (told.exit_code, f"{file} cannot be written: No space left on device" in told.stderr) == (1, True)
    assert not file.exists()
