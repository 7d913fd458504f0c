"""The lines of a crontab: each is a job, a rejection with its reason, a remark, or a comment."""

import pytest

from kronos.imports import crontab
from kronos.imports.translation import Found, Remark, Terms, Translated, Untranslated

TERMS = Terms(endpoint="box")


def read(text: str, *, is_system: bool = False, terms: Terms = TERMS) -> list[Found]:
    return list(crontab.translate(text, terms, is_system=is_system))


def only(text: str, *, is_system: bool = False, terms: Terms = TERMS) -> Found:
    (found,) = read(text, is_system=is_system, terms=terms)
    return found


def job(text: str, *, is_system: bool = False) -> Translated:
    found = only(text, is_system=is_system)
    assert isinstance(found, Translated), found
    return found


def reason(text: str, *, is_system: bool = False) -> str:
    found = only(text, is_system=is_system)
    assert isinstance(found, Untranslated), found
    return found.reason


def test_a_line_becomes_a_job_whose_input_is_its_command() -> None:
    found = job("0 9 * * mon  /usr/local/bin/report.sh --all  >/dev/null\n")
    assert found.where == "line 1"
    assert found.job == {
        "name": "report.sh",
        "endpoint": "box",
        "trigger": "CRON",
        "cron": "0 9 * * mon",
        "timezone": "UTC",
        "catch_up": {"policy": "SKIP"},
        "input": {"command": "/usr/local/bin/report.sh --all  >/dev/null"},
        "tags": ["from-crontab"],
    }
    assert found.endpoint is None


def test_an_endpoint_that_is_made_tries_once_as_cron_does() -> None:
    found = only("* * * * * a\n", terms=Terms(endpoint="box", url="https://box.example.com/run"))
    assert isinstance(found, Translated)
    assert found.endpoint == {
        "name": "box",
        "type": "HTTP",
        "spec": {"url": "https://box.example.com/run", "timeout_ms": 900_000, "connect_timeout_ms": 5_000},
        "retry_policy": {"max_attempts": 1, "retry_unknown": False},
    }
    refused = only("* * * * * a\n", terms=Terms())
    assert isinstance(refused, Untranslated)
    assert "--endpoint" in refused.reason


@pytest.mark.parametrize(
    ("command", "plain", "stdin"),
    [
        ("mail bob", "mail bob", None),
        ("mail bob%Hello%there", "mail bob", "Hello\nthere\n"),
        (r"date +\%Y-\%m", "date +%Y-%m", None),
        (r"cat%100\%%end", "cat", "100%\nend\n"),
        ("cat%", "cat", ""),
        ("cat%%", "cat", "\n"),
        ("cat%a%", "cat", "a\n"),
        (r"cat%a\\b", "cat", "a\\\\b\n"),
    ],
)
def test_a_percent_sign_ends_the_command_and_begins_its_input(command: str, plain: str, stdin: str | None) -> None:
    given = job(f"0 0 * * * {command}\n").job["input"]
    assert (given["command"], given.get("stdin")) == (plain, stdin)


def test_lines_of_the_system_have_a_user() -> None:
    line = "25 6 * * *\troot\ttest -x /usr/sbin/anacron || run-parts /etc/cron.daily\n"
    found = job(line, is_system=True).job
    assert found["input"] == {"command": "test -x /usr/sbin/anacron || run-parts /etc/cron.daily", "user": "root"}
    assert job("@daily root /bin/a\n", is_system=True).job["input"]["user"] == "root"
    assert "not a user" in reason("0 0 * * * /bin/a x\n", is_system=True)


def test_assignments_are_of_the_lines_that_follow() -> None:
    text = (
        '0 1 * * * first\nSHELL=/bin/bash\nMAILTO="ops@example.com"\nPATH = /usr/bin:/bin \n'
        "CRON_TZ=America/New_York\nPGPASSWORD=hunter2\nRANDOM_DELAY=90\n0 2 * * * second\n"
    )
    found = read(text)
    first, second = (each for each in found if isinstance(each, Translated))
    assert first.job["input"] == {"command": "first"}
    assert first.job["timezone"] == "UTC"
    assert second.job["input"] == {
        "command": "second",
        "environment": {"SHELL": "/bin/bash", "PATH": "/usr/bin:/bin"},
    }
    assert second.job["timezone"] == "America/New_York"
    assert second.job["jitter_seconds"] == 3600
    assert any("PGPASSWORD" in note for note in second.notes)
    assert [each.where for each in found if isinstance(each, Remark)] == [f"line {n}" for n in range(2, 8)]
    assert "hunter2" not in repr(found)


def test_macros_stand_for_their_fields_and_reboot_for_no_time() -> None:
    assert [job(f"{name} a\n").job["cron"] for name in ("@hourly", "@daily", "@midnight", "@weekly", "@monthly")] == [
        "0 * * * *",
        "0 0 * * *",
        "0 0 * * *",
        "0 0 * * 0",
        "0 0 1 * *",
    ]
    assert job("@yearly a\n").job["cron"] == job("@annually a\n").job["cron"] == "0 0 1 1 *"
    assert "init" in reason("@reboot a\n")
    assert "not supported" in reason("@Daily a\n")
    assert "not supported" in reason("@every_5_minutes a\n")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("5/15 * * * * a", "crons disagree on a step without a range: write 5-59/15, or 5"),
        ("0 22-6 * * * a", "backward"),
        ("0~30 * * * * a", "jitter_seconds"),
        ("H * * * * a", "Jenkins"),
        ("0 0 L * * a", "this cron does not support"),
        ("0 0 * * 5#2 a", "this cron does not support"),
        ("0 0 ? * * a", "does not support ?"),
        ("0 0 * * friday a", "three letters"),
        ("61 * * * * a", "61 is not between 0 and 59"),
        ("0 0 0 * * a", "0 is not between 1 and 31"),
        ("*/0 * * * * a", "at least 1"),
        ("1,,2 * * * * a", "empty part"),
        ("* * * mon", "neither NAME=value nor a schedule"),
        ("0 0 * * *", "no command"),
        ("nonsense", "neither NAME=value nor a schedule"),
        ("0 0 * * * a \\", "no line continuation"),
        ("0 0 * * * root\t/bin/a", "pass --system"),
        (r"0 0 * * * date \\%H", "crons disagree"),
    ],
)
def test_what_cron_does_not_read_as_kronos_would_is_refused_with_the_reason(line: str, why: str) -> None:
    assert why in reason(f"{line}\n")


def test_nothing_is_dropped_without_a_word() -> None:
    text = "# a comment\n\n   \n0 0 * * * a\nbad line\nX=1\n@reboot b\n0 1 * * * c"
    assert [(type(each).__name__, each.where) for each in read(text)] == [
        ("Remark", "file"),
        ("Translated", "line 4"),
        ("Untranslated", "line 5"),
        ("Remark", "line 6"),
        ("Untranslated", "line 7"),
        ("Translated", "line 8"),
    ]


def test_lines_of_windows_are_read_and_said() -> None:
    remark, found = read("0 0 * * * a\r\n")
    assert isinstance(remark, Remark)
    assert "CR LF" in remark.text
    assert isinstance(found, Translated)
    assert found.job["input"] == {"command": "a"}


def test_names_are_the_same_in_each_import_and_tell_entries_apart() -> None:
    text = "0 1 * * * /opt/run.sh a\n0 2 * * * /opt/run.sh a\n0 2 * * * /opt/run.sh a\n0 3 * * * é\n"
    names = [each.name for each in read(text) if isinstance(each, Translated)]
    assert names == [each.name for each in read(text) if isinstance(each, Translated)]
    assert names[0] == "run.sh-a"
    assert len(set(names)) == 4
    # lines added at the end rename nothing
    assert names == [each.name for each in read(text + "0 4 * * * /opt/run.sh a\n") if isinstance(each, Translated)][:4]


@pytest.mark.parametrize(
    "command",
    [
        "mysqldump --password=hunter2 shop",
        "mysqldump -u root -phunter2 shop",
        "sshpass -p hunter2 ssh box",
        "curl -s -u me:hunter2 https://example.com",
        "curl 'https://example.com/?token=hunter2'",
        "curl -H 'Authorization: Basic hunter2' https://example.com",
        "PGPASSWORD=hunter2 psql",
        "run --api-key hunter2",
        'curl -d \'{"password": "hunter2"}\' https://example.com',
        "git pull https://me:hunter2@example.com",
    ],
)
def test_a_password_of_a_command_is_said_and_not_shown(command: str) -> None:
    found = job(f"0 0 * * * {command}\n")
    assert any("password" in note for note in found.notes)
    assert "hunter2" not in found.text
    assert "hunter2" not in found.name


@pytest.mark.parametrize(
    "command",
    [
        "mkdir -p /var/x",
        "cp -p a b",
        "ssh -p 22 box",
        "mysql -P3306 shop",
        "curl -u $LOGIN https://example.com",
        "a --token $T",
    ],
)
def test_what_is_no_password_is_no_matter(command: str) -> None:
    found = job(f"0 0 * * * {command}\n")
    assert found.notes == ()
    assert command in found.text


def test_a_delay_that_is_cut_is_said() -> None:
    remark = read("RANDOM_DELAY=90\n")[0]
    assert isinstance(remark, Remark)
    assert "at most 60 min: cron's 90" in remark.text
