"""Files of a workspace: what their values mean, where each stands, and how several become one request."""

from pathlib import Path

import pytest

from kronos.cli.exits import Ended, Exit
from kronos.cli.files import gathered, refused
from kronos.cli.yaml_files import MOST_BYTES, MOST_DEPTH, documents, scalar
from kronos.model import Json

FIRST = """set: shop
jobs:
- name: a
  cron: '0 9 * * 1'
- name: b
"""
SECOND = """# more of the same
set: shop
jobs:
- name: c
  input: {team: sales}
configs: []
---
jobs: [{name: d}]
"""


def made(folder: Path, **texts: str) -> list[str]:
    """Write the files, and return their paths."""
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return [str(folder / f"{name}.yaml") for name in texts]


def why(folder: Path, **texts: str) -> str:
    with pytest.raises(Ended) as caught:
        gathered(made(folder, **texts))
    assert caught.value.exit_code == Exit.USAGE
    return caught.value.message.replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None), ("nULL", "nULL"), ("true", True), ("TRUE", True),
        ("False", False), ("yes", "yes"), ("on", "on"), ("y", "y"), ("0", 0), ("-7", -7), ("+7", 7), ("1.5", 1.5),
        (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("1E-3", 0.001), ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)), ("2026-01-01", "2026-01-01"), ("12:30", "12:30"), ("1_000", "1_000"),
        ("0.0", 0.0), ("00:30", "00:30"), ("1.2.3", "1.2.3"), ("\u0661", "\u0661"), ("-", "-"), ("e3", "e3"),
    ],
)  # fmt: skip
def test_an_unquoted_value_means_what_yaml_1_2_and_json_say(text: str, value: Json) -> None:
    found = scalar(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["010", "-010", "0o17", "0x1F", ".inf", "-.INF", ".nan", "+.Inf", "00"])
def test_a_value_on_which_readers_disagree_must_be_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="YAML readers disagree"):
        scalar(text)


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "1" * 5000, "1e400", "-1e400"])
def test_a_number_that_cannot_be_kept_exactly_must_be_quoted_and_is_shown_short(text: str) -> None:
    with pytest.raises(ValueError, match="too large to be stored exactly") as caught:
        scalar(text)
    assert len(str(caught.value)) < 120


def test_files_and_documents_become_one_request_and_each_value_keeps_its_place(tmp_path: Path) -> None:
    found = gathered(made(tmp_path, first=FIRST, second=SECOND))
    assert found.body == {
        "set": "shop", "configs": [],
        "jobs": [{"name": "a", "cron": "0 9 * * 1"}, {"name": "b"}, {"name": "c", "input": {"team": "sales"}},
                 {"name": "d"}],
    }  # fmt: skip
    places = {pointer: str(found.place(pointer)).replace(f"{tmp_path}/", "") for pointer in (
        "/set", "/jobs", "/jobs/0/cron", "/jobs/1/name", "/jobs/2", "/jobs/2/input/team", "/jobs/3/name", "/configs",
    )}  # fmt: skip
    assert places == {
        "/set": "first.yaml:1:1", "/jobs": "first.yaml:2:1", "/jobs/0/cron": "first.yaml:4:3",
        "/jobs/1/name": "first.yaml:5:3", "/jobs/2": "second.yaml:4:3", "/jobs/2/input/team": "second.yaml:5:11",
        "/jobs/3/name": "second.yaml:8:9", "/configs": "second.yaml:6:1",
    }  # fmt: skip


def test_a_value_that_a_file_lacks_is_located_at_what_surrounds_it(tmp_path: Path) -> None:
    found = gathered(made(tmp_path, first=FIRST))
    assert str(found.place("/jobs/1/input/a/b")).endswith("first.yaml:5:3")
    assert str(found.place("/jobs/9")).endswith("first.yaml:2:1")
    assert found.place("/endpoints/0") is None
    assert found.place("") is None


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("set: other\n", "second.yaml:1:1: set is 'other' here and 'shop' at first.yaml:1:1: write it once"),
        ("jobs: {}\n", "second.yaml:1:1: jobs must be a list; for an empty list write jobs: []"),
        ("jobs:\n", "second.yaml:1:1: jobs must be a list"),
        ("a: 1\nprune: true\n", "second.yaml:2:1: prune is set with --prune, not in a file"),
        ("take_over: true\n", "take_over is set with --take-over"),
        ("validate_only: true\n", "validate_only is set with --dry-run"),
        ("- a\n", "second.yaml:1:1: a document must be a mapping, such as jobs: […]"),
        ("text\n", "second.yaml:1:1: a document must be a mapping"),
        ("a: 1\na: 2\n", "second.yaml:2:1: duplicate key 'a', first in line 1"),
        ("a: !!python/none x\n", "second.yaml:1:4: tags such as tag:yaml.org,2002:python/none are not allowed"),
        ("? [1]\n: 2\n", "second.yaml:1:3: a key must be a text"),
        ("b: &b {x: 1}\na:\n  <<: *b\n", "second.yaml:3:3: YAML 1.2 has no merge keys"),
        ("a: *b\n", "second.yaml:1:4: "),
        ("a: &a [*a]\n", "second.yaml:1:8: *a refers to itself"),
        ("a: 010\n", "second.yaml:1:4: 010: YAML readers disagree"),
        ("a: [1\nb: 2\n", "second.yaml:2:"),
        ("a: \t- b\n", "second.yaml:1:"),
        ("a: " + "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), f"nested more than {MOST_DEPTH} levels deep"),
    ],
)
def test_a_fault_of_a_file_is_reported_with_its_line_and_column(tmp_path: Path, second: str, said: str) -> None:
    assert said in why(tmp_path, first=FIRST, second=second)


def test_values_may_be_nested_up_to_the_limit(tmp_path: Path) -> None:
    assert gathered(made(tmp_path, deep="a: " + "[" * MOST_DEPTH + "]" * MOST_DEPTH)).body["a"]


def test_the_same_name_of_a_set_may_be_written_in_each_file(tmp_path: Path) -> None:
    assert gathered(made(tmp_path, first="set: shop\n", second="set: shop\njobs: []\n")).body == {
        "set": "shop", "jobs": [],
    }  # fmt: skip


def test_files_without_content_describe_nothing_and_are_refused(tmp_path: Path) -> None:
    """With --prune, they would delete the whole set."""
    assert "no content; to describe an empty workspace, write jobs: []" in why(
        tmp_path, a="", b="# nothing\n---\n...\n"
    )


def test_an_alias_counts_as_what_it_stands_for(tmp_path: Path) -> None:
    """A file of a few lines cannot become a million values."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 200000 values" in why(tmp_path, a="\n".join(lines))
    (document,) = documents("\n".join([*lines[:4], "b: *a1"]).encode(), "few")
    assert document.content["b"] == [[1] * 10] * 10


def test_a_quoted_value_is_a_text_and_a_block_too() -> None:
    (document,) = documents(b"a: '010'\nb: \"null\"\nc: |\n  true\nd: !!str 7\ne: ! 8\n", "quoted")
    assert document.content == {"a": "010", "b": "null", "c": "true\n", "d": "7", "e": "8"}


def test_a_key_is_a_text_whatever_it_looks_like() -> None:
    (document,) = documents(b"true: 1\nnull: 2\n7: 3\n'<<': 4\na/b~c: 5\n", "keys")
    assert document.content == {"true": 1, "null": 2, "7": 3, "<<": 4, "a/b~c": 5}
    assert str(document.places["/a~1b~0c"]) == "keys:5:1"


def test_a_file_that_is_too_large_or_no_text_is_refused() -> None:
    assert documents(b"#" * MOST_BYTES, "large") == []
    for text, said in ((b"#" * (MOST_BYTES + 1), "large: the file is larger than"), (b"a: 1\nb: \xff\n", "large:2: "),
                       (b"a: \x00", "large:1: ")):  # fmt: skip
        with pytest.raises(Ended, match=said):
            documents(text, "large")


def test_a_folder_is_its_files_by_name_without_hidden_and_other_ones(tmp_path: Path) -> None:
    for name in ("b/z.yaml", "a.yml", "c.json", ".hidden.yaml", ".git/x.yaml", "b/.y.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'{{"jobs": [{{"name": "{name}"}}]}}')
    assert [each["name"] for each in gathered([str(tmp_path)]).body["jobs"]] == ["a.yml", "b/z.yaml", "c.json"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(Ended, match=r"contains no file ending in \.yaml, \.yml, \.json"):
        gathered([str(tmp_path / "empty")])
    with pytest.raises(Ended, match="missing cannot be read: No such file"):
        gathered([str(tmp_path / "missing")])


def test_an_error_of_the_api_is_reported_at_its_cause_in_the_file(tmp_path: Path) -> None:
    files = gathered(made(tmp_path, first=FIRST))
    error = Ended("2 faults", Exit.USAGE, faults=[
        {"pointer": "/jobs/0/cron", "detail": "weekday 9", "hint": "0 to 7"}, {"pointer": "/prune", "detail": "no"},
        {"detail": "too many\x1b[31m"},
    ])  # fmt: skip
    told = refused(error, files)
    assert told.message.replace(f"{tmp_path}/", "").splitlines() == [
        "nothing was applied", "first.yaml:4:3: weekday 9 (/jobs/0/cron)", "  hint: 0 to 7", "/prune: no",
        "the files: too many\\x1b[31m",
    ]  # fmt: skip
    assert told.exit_code == Exit.USAGE
    plain = Ended("the API is unavailable", Exit.UNAVAILABLE)
    assert refused(plain, files) is plain
