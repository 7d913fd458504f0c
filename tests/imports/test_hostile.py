"""Hostile sources: bounded work, and an error that names the line."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from depth import depth
from kronos.cli import import_file, yaml_files
from kronos.imports import amazon, crontab, google, kubernetes, names, pg_cron
from kronos.imports.translation import (
    MAX_BYTES,
    MAX_ENTRIES,
    Found,
    Terms,
    Translated,
    UnreadableError,
    Untranslated,
    bounded,
    text_of,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TERMS = Terms(endpoint="box")


def everything(text: str) -> list[list[Found] | UnreadableError]:
    """Each translator's results for a text."""

    def found(translate: object) -> list[Found] | UnreadableError:
        try:
            return list(translate())  # type: ignore[operator]
        except UnreadableError as error:
            return error

    return [
        found(lambda: crontab.translate(text, TERMS, is_system=False)),
        found(lambda: crontab.translate(text, TERMS, is_system=True)),
        found(lambda: kubernetes.translate(text, TERMS)),
        found(lambda: amazon.translate(text, TERMS, now=NOW)),
        found(lambda: google.translate(text, Terms())),
        found(lambda: google.translate(text, TERMS)),
        found(lambda: pg_cron.translate(pg_cron.entries_of(text), pg_cron.Reading(), TERMS)),
    ]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (b"a\nb\0c", "line 2: NUL bytes are not allowed"),
        (b"a\n\xff", "line 2: the file is not UTF-8"),
        ("0 0 * * * a".encode("utf-16"), "line 1: the file is UTF-16"),
        (b"x" * (MAX_BYTES + 1), "larger than 8 MiB"),
    ],
)
def test_what_is_no_text_is_said_with_its_line(source: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        text_of(source)


def test_a_mark_at_the_beginning_is_no_part_of_the_text() -> None:
    (found,) = crontab.translate(text_of(b"\xef\xbb\xbf0 0 * * * a\n"), TERMS, is_system=False)
    assert isinstance(found, Translated)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "line 2: not valid YAML"),
        ("kind: CronJob\nkind: List\n", "line 2: duplicate key 'kind'"),
        ("[" * 100_000, "nest"),
        ("a: " + "{b: " * 80 + "1" + "}" * 80, "nested more than 64"),
        ("a: &x [*x]", "nested more|not valid YAML"),
        ("? [a]\n: b\n", "line 1: a key must be a text"),
        ("a: !!python/object:os.system x\nb: \x01", "YAML"),
    ],
)
def test_strange_yaml_is_answered_with_its_line(text: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        list(kubernetes.translate(text, TERMS))


def test_names_for_names_do_not_grow_without_bound() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 9):
        text += f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n"
    with pytest.raises(UnreadableError, match="more than 2,000,000 values"):
        list(kubernetes.translate(text, TERMS))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[\n{"Name": 1},\n{"Name": NaN}]', "line 3"),
        ("[\n1\n2]", "line 3: expected a comma or the end of the list"),
        ("[" * 100_000, "not valid JSON"),
        ('{"Schedules": [{}', "expected a comma or the end of the list"),
        ("[", "not valid JSON"),
        ('{"Schedules": [{}],\n"NextToken": "x"}', "line 1: the list continues on another page"),
        ("nonsense", "line 1: not valid JSON"),
    ],
)
def test_strange_json_is_answered_with_its_line(text: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        list(amazon.translate(text, TERMS, now=NOW))


@example('{"kind": "CronJob", "metadata": ""}')
@given(
    st.text(
        st.sampled_from([*"a0x12e.+-:#'\"{}[]&*!|>%@`\\ \t~?,=<", *"\n\r\x07\x00\x85\u2028\u2029\ufeff\xa0é😀"]),
        max_size=12,
    )
    | st.sampled_from(["12e3", "08", "0o17", "0x1f", ".nan", ".inf", "null", "~", "yes", "on", "<<", "---", "...", "-"])
)
@settings(max_examples=depth(100, deep=5_000))
def test_whatever_an_input_holds_is_read_back_from_the_file_for_apply(text: str) -> None:
    given_input = {"command": text, "environment": {f"{text}k": text}}
    job = {"name": "a", "trigger": "CRON", "input": given_input}
    written = import_file.written([Translated(where="line 1", text="x", job=job)], "a source")
    (document,) = yaml_files.documents(written.encode(), "jobs.yaml")
    assert document.content["jobs"] == [{"name": "a", "input": given_input}]


def test_too_many_entries_are_refused_with_the_line() -> None:
    lines = "0 0 * * * a\n" * (MAX_ENTRIES + 1)
    with pytest.raises(UnreadableError, match=f"line {MAX_ENTRIES + 1}: more than 10,000 entries"):
        list(bounded(crontab.translate(lines, TERMS, is_system=False)))


@pytest.mark.parametrize(
    "line",
    ["0 " * 500_000, "=" * 1_000_000, "a" * 1_000_000, "0 0 * * * " + "%" * 500_000, "\\" * 500_000, "1," * 500_000],
)
def test_long_lines_take_no_time(line: str) -> None:
    """Each is read in linear time: a quadratic parser would take hours."""
    (found,) = crontab.translate(line + "\n", TERMS, is_system=False)
    assert len(repr(found)) < 2_000 or isinstance(found, Untranslated) is False


@settings(max_examples=depth(75, deep=3000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(st.sampled_from(["0", "*", "*/5", "mon", "@daily", "a=b", "\t", "\n", "%", "\\", "é", "\x1b"])).map(
            " ".join
        ),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=9)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(
                        [
                            "kind",
                            "spec",
                            "metadata",
                            "schedule",
                            "Name",
                            "ScheduleExpression",
                            "Target",
                            "name",
                            "httpTarget",
                            "jobTemplate",
                            "items",
                            "Schedules",
                            "StartDate",
                            "FlexibleTimeWindow",
                        ]
                    ),
                    st.one_of(inner, st.sampled_from(["CronJob", "List", "0 0 * * *", "rate(1 day)", "every 5 hours"])),
                    max_size=6,
                ),
            ),
            max_leaves=12,
        ).map(__import__("json").dumps),
    )
)
def test_whatever_it_is_it_is_answered(text: str) -> None:
    """Only this error type, no control character in its text, a place and a reason each; and the output file can be
    read."""
    import yaml

    for found in everything(text):
        if isinstance(found, UnreadableError):
            assert str(found)
            continue
        for each in found:
            assert each.where
            assert each.text.isprintable(), each
            assert not isinstance(each, Untranslated) or each.reason
        translated = [each for each in found if isinstance(each, Translated)]
        for each in translated:
            assert names.slug(each.name) == each.name
        written = yaml.safe_load(import_file.written(translated, "a source"))
        wanted = [each.name for each in translated if each.job["trigger"] == "CRON"]
        assert [job["name"] for job in (written or {}).get("jobs", [])] == wanted
