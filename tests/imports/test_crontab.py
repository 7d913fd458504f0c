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


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a b", "a b"),
        ("'a b'", "a b"),
        ('"a b"', "a b"),
        ("'a b\"", "'a b\""),
        ("abca", "abca"),
        ("''", ""),
        ("'", "'"),
        ("", ""),
    ],
)
def test_an_assigned_value_may_be_quoted(written: str, value: str) -> None:
    found = read(f"X={written}\n0 0 * * * a\n")[1]
    assert isinstance(found, Translated)
    assert found.job["input"]["environment"] == {"X": value}


def test_a_value_that_holds_a_password_is_left_out_by_name() -> None:
    remark, found = read("DATABASE_URL=postgres://me:hunter2@box/shop\n0 0 * * * a\n")
    assert isinstance(remark, Remark)
    assert remark.text == "DATABASE_URL looks like a secret and is left out: set it where the command runs"
    assert isinstance(found, Translated)
    assert found.notes == ("its environment lacks DATABASE_URL",)


def test_a_zone_without_a_value_is_the_default_again() -> None:
    found = read("CRON_TZ=Asia/Tokyo\n0 0 * * * a\nCRON_TZ=\n0 0 * * * b\n")
    assert [each.job["timezone"] for each in found if isinstance(each, Translated)] == ["Asia/Tokyo", "UTC"]


@pytest.mark.parametrize(
    ("minutes", "jitter", "said"),
    [
        ("5", 300, "at most 5 min"),
        ("60", 3600, "at most 60 min"),
        ("61", 3600, "at most 60 min: cron's 61 min exceed Kronos's maximum"),
        ("0", None, "at most 0 min"),
        ("soon", None, "at most 0 min"),
        ("12345", None, "at most 0 min"),
    ],
)
def test_a_random_delay_is_a_jitter(minutes: str, jitter: int | None, said: str) -> None:
    remark, found = read(f"RANDOM_DELAY={minutes}\n0 0 * * * a\n")
    assert isinstance(remark, Remark)
    assert remark.text == f"RANDOM_DELAY: becomes jitter_seconds of the following lines, {said}"
    assert isinstance(found, Translated)
    note = "cronie's RANDOM_DELAY differs each time; jitter_seconds is fixed per job"
    assert (found.job.get("jitter_seconds"), found.notes) == (jitter, (note,) if jitter else ())


QUIET = "the leading - or -n (less log, less mail) has no equivalent"


@pytest.mark.parametrize(
    ("line", "command", "notes"),
    [
        ("0 0 * * * a", "a", ()),
        ("-0 0 * * * a", "a", (QUIET,)),
        ("0 0 * * * -n  a", "a", (QUIET,)),
        ("0 0 * * * -next", "-next", ()),
        (r"0 0 * * * a \\ b", r"a \\ b", ("some crons read two backslashes as one; both are kept, as in cronie",)),
    ],
)
def test_marks_of_a_line_are_noted_and_no_part_of_the_command(line: str, command: str, notes: tuple[str, ...]) -> None:
    found = job(f"{line}\n")
    assert (found.job["input"]["command"], found.notes, found.job["cron"]) == (command, notes, "0 0 * * *")


def test_an_entry_that_follows_the_clock_is_noted() -> None:
    found = only("* 2 * * * a\n", terms=Terms(endpoint="box", timezone="Europe/Berlin"))
    assert isinstance(found, Translated)
    assert found.notes == ("cron follows the clock at clock changes: dst_gap SKIP, dst_overlap BOTH",)
    assert "dst_gap" not in job("* 2 * * * a\n").job


def test_a_command_is_as_long_as_cron_allows() -> None:
    assert job(f"0 0 * * * {'a' * 131_072}\n").job["input"]["command"] == "a" * 131_072
    assert reason(f"0 0 * * * {'a' * 131_073}\n") == "the command has 131,073 characters, cron's maximum is 131,072"


def test_a_command_of_the_system_may_begin_with_root() -> None:
    assert job("0 0 * * * bob root x\n", is_system=True).job["input"] == {"command": "root x", "user": "bob"}


def test_an_empty_crontab_is_nothing() -> None:
    assert read("") == []
