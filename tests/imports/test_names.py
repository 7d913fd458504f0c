"""The names that imported entries get: from their text, the same in each import, and never twice."""

import re

import pytest

from kronos.imports.names import MAX_ENDPOINT_NAME, MAX_NAME, Names, endpoint_name, of_command, slug


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Nightly report!", "Nightly-report"),
        ("a/b//c", "a-b-c"),
        ("--._a._--", "a"),
        ("ünï", "n"),
        ("日本", ""),
        ("", ""),
        ("A.b_c-9", "A.b_c-9"),
        ("799c11ba-e57f-4fe8-a569-c0685bd78e3d", "job-799c11ba-e57f-4fe8-a569-c0685bd78e3d"),
        ("799C11BA-E57F-4FE8-A569-C0685BD78E3D", "job-799C11BA-E57F-4FE8-A569-C0685BD78E3D"),
        ("x-799c11ba-e57f-4fe8-a569-c0685bd78e3d", "x-799c11ba-e57f-4fe8-a569-c0685bd78e3d"),
    ],
)
def test_a_text_becomes_a_name_that_no_id_looks_like(text: str, name: str) -> None:
    assert slug(text) == name


def test_a_name_is_never_too_long_and_ends_in_a_letter_or_a_digit() -> None:
    assert slug("a" * 500) == "a" * MAX_NAME
    assert slug("a" * (MAX_NAME - 1) + "-" + "b" * 9) == "a" * (MAX_NAME - 1)


def test_entries_of_one_name_differ_by_their_text_and_equal_ones_by_a_number() -> None:
    names = Names()
    first, second, third, fourth = (names.take("report", text) for text in ("a", "b", "b", "b"))
    assert first == "report"
    assert re.fullmatch(r"report-[0-9a-f]{6}", second)
    assert (third, fourth) == (f"{second}-2", f"{second}-3")


def test_equal_entries_take_no_longer_the_more_there_are() -> None:
    """Counting from 1 for each of them, 100,000 would take a quarter of an hour."""
    names = Names()
    taken = [names.take("report", "same") for _ in range(100_000)]
    assert len(set(taken)) == 100_000
    assert taken[-1] == f"{taken[1]}-99999"


def test_half_a_character_in_a_text_is_no_obstacle_to_a_name() -> None:
    """The entry is refused later, with its reason: the import used to end with a traceback."""
    names = Names()
    assert re.fullmatch("job-[0-9a-f]{6}", names.take("\ud800", "\ud800"))
    assert names.take("report", "\ud800") == "report"
    assert re.fullmatch("report-[0-9a-f]{6}", names.take("report", "a\ud800"))


def test_a_second_import_gives_the_same_names() -> None:
    taken = [[names.take(wanted, text) for wanted, text in (("a", "1"), ("a", "2"), ("", "3"))]
             for names in (Names(), Names())]  # fmt: skip
    assert taken[0] == taken[1]
    other = Names()
    assert other.take("a", "1") != other.take("a", "9") != taken[0][1]


def test_an_entry_without_a_name_gets_one_from_its_text() -> None:
    names = Names()
    assert re.fullmatch(r"job-[0-9a-f]{6}", names.take("日本", "a"))
    assert names.take("job", "a") == "job"  # one that is called so keeps its name


def test_long_names_stay_within_the_limit_however_many_there_are() -> None:
    names = Names()
    taken = [names.take("a" * 200, "same") for _ in range(12)]
    assert len(set(taken)) == 12
    assert max(map(len, taken)) <= MAX_NAME
    assert len(taken[0]) == MAX_NAME


def test_a_prefix_is_before_each_name() -> None:
    names = Names("web1-")
    assert names.take("report", "a") == "web1-report"
    assert re.fullmatch("web1-report-[0-9a-f]{6}", names.take("report", "b"))
    assert re.fullmatch("web1-job-[0-9a-f]{6}", names.take("!", "c"))
    assert len(names.take("long" * 100, "d")) <= MAX_NAME


def test_an_endpoint_has_its_jobs_name_shortened_where_it_must_be() -> None:
    longest = "a" * MAX_ENDPOINT_NAME
    assert endpoint_name(longest) == longest
    short, other = endpoint_name(longest + "b"), endpoint_name(longest + "c")
    assert len(short) == MAX_ENDPOINT_NAME
    assert short != other
    assert re.fullmatch(r"a{56}-[0-9a-f]{6}", short)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/bin/backup.sh daily", "backup.sh-daily"),
        ("cd /srv/app && ./run report", "run-report"),
        ("cd /srv; sudo -n exec /opt/run.py", "run.py"),
        ("[ -x /usr/bin/run ] && /usr/bin/run", "run"),
        ("PATH=/bin TZ=UTC backup", "backup"),
        ("backup --verbose daily", "backup"),
        ("--flag backup", "backup"),
        ("backup daily > /dev/null 2>&1", "backup-daily"),
        ("backup daily 2>/dev/null", "backup-daily"),
        ("backup | mail ada", "backup"),
        ("a b c d e", "a-b-c"),
        ("backup /var/lib/data/", "backup-data"),
        ("curl https://ada:secret@host/a", "curl"),
        ("run token=secret", "run"),
        ("run 'my secret'", "run"),
        ("run $SECRET", "run"),
        ("/very/long/" + "x" * 300, "x" * 48),
        ("日本", ""),
        ("", ""),
    ],
)
def test_a_command_is_named_by_its_program_and_words_that_are_no_secret(command: str, name: str) -> None:
    assert of_command(command) == name
