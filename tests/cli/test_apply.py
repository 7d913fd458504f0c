"""kronos plan, apply and export: files, the positions that errors name, and the output for people and programs."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands import Kronos
from kronos.api.middleware import MAX_BODY_BYTES
from kronos.cli import files, yaml_files
from kronos.cli.apply import MOST_BYTES_SENT
from kronos.cli.exits import Ended, Exit

FILE = """\
endpoints:
  - name: report
    type: HTTP
    spec: {url: https://example.com/report}
---
jobs:
  - name: weekly
    endpoint: report
    cron: "0 9 * * 1"
    input: {region: no, at: 12:30, n: 1e3}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kronos.yaml").write_text(FILE)
    return tmp_path


def test_a_folder_is_planned_applied_and_then_there(kronos: Kronos, folder: Path) -> None:
    planned = kronos("plan", "-f", str(folder), "--exit-code")
    assert planned.exit_code == Exit.PENDING, planned.output
    assert planned.stdout.splitlines()[:4] == [
        "+ endpoint report", "+ job weekly", "    At 09:00 on Monday", planned.stdout.splitlines()[3],
    ]  # fmt: skip
    assert "Plan: 2 to create, 0 to change, 0 to remove, 0 unchanged." in planned.stdout
    assert "Runs within 7 days: 1 added, 0 removed, 0 moved." in planned.stdout
    assert kronos("job", "get", "weekly").exit_code == Exit.NOT_FOUND

    applied = kronos("apply", "-f", str(folder), "--yes")
    assert (applied.exit_code, "Applied: 2 created" in applied.stdout) == (0, True), applied.output
    assert kronos("plan", "-f", str(folder), "--exit-code").exit_code == 0
    job = json.loads(kronos("job", "get", "weekly", "--json").stdout)
    assert job["input"] == {"region": "no", "at": "12:30", "n": 1000.0}

    changed = FILE.replace("0 9 * * 1", "0 10 * * 1")
    planned = kronos("plan", "-f", "-", stdin=changed)
    assert '    cron: "0 9 * * 1" -> "0 10 * * 1"' in planned.stdout
    assert kronos("plan", "-f", "-", "--plain", stdin=changed).stdout == "changed\tjob\tweekly\n"
    assert json.loads(kronos("plan", "-f", "-", "--json", stdin=changed).stdout)["counts"]["changed"] == 1
    alone = FILE.partition("---")[0]
    assert "--prune removes it" in kronos("plan", "-f", "-", stdin=alone).stdout
    assert "- job weekly" in kronos("apply", "-f", "-", "--prune", "--yes", stdin=alone).stdout


def test_more_than_the_api_takes_is_refused_with_what_to_do(kronos: Kronos) -> None:
    assert MOST_BYTES_SENT == MAX_BODY_BYTES
    refused = kronos("plan", "-f", "-", stdin=f"configs: [{{name: a, values: {{b: {'x' * MAX_BODY_BYTES}}}}}]")
    assert (refused.exit_code, "divide them into sets" in refused.output) == (Exit.USAGE, True)


def test_what_only_becomes_the_sets_is_said_and_done(kronos: Kronos, folder: Path) -> None:
    kronos("apply", "-f", str(folder), "--set", "other", "--yes")
    asked = ("-f", str(folder), "--take-over")
    planned = kronos("plan", *asked, "--exit-code")
    assert planned.exit_code == Exit.PENDING
    assert "= job weekly exists, and belongs to this set from now on" in planned.stdout
    assert "adopted\tjob\tweekly\n" in kronos("plan", *asked, "--plain").stdout
    assert kronos("apply", *asked, "--yes").exit_code == 0
    assert kronos("plan", *asked, "--exit-code").exit_code == 0


def test_nobody_is_asked_where_nobody_is(kronos: Kronos, folder: Path) -> None:
    refused = kronos("apply", "-f", str(folder))
    assert (refused.exit_code, "pass --yes" in refused.output) == (Exit.USAGE, True)
    assert kronos("apply", "-f", str(folder), "--dry-run").stdout.splitlines()[-3].startswith("Plan: 2 to create")


def test_what_is_exported_is_read_back_as_no_change(kronos: Kronos, folder: Path, tmp_path: Path) -> None:
    kronos("apply", "-f", str(folder), "--yes")
    exported = kronos("export", "--set", "default")
    assert exported.stdout.startswith("# yaml-language-server: $schema=http")
    assert kronos("plan", "-f", "-", "--exit-code", stdin=exported.stdout).exit_code == 0
    to = tmp_path / "out.yaml"
    assert kronos("export", "-o", str(to)).stdout == f"wrote {to}\n"
    assert "name: weekly" in to.read_text()
    assert kronos("export", "--all", "--set", "x").exit_code == Exit.USAGE


def test_what_the_api_refuses_is_said_with_file_line_and_column(kronos: Kronos, folder: Path) -> None:
    (folder / "more.yml").write_text(
        "jobs:\n\n  - name: daily\n    endpoint: nobody\n    cron: 0 6 * * *\n    crom: x\n"
    )
    refused = kronos("plan", "-f", str(folder))
    assert refused.exit_code == Exit.USAGE
    assert f"{folder}/more.yml:6:5: unknown field (/jobs/1/crom)" in refused.output
    (folder / "more.yml").write_text("jobs:\n\n  - name: daily\n    endpoint: nobody\n    cron: 0 6 * * *\n")
    refused = kronos("plan", "-f", str(folder))
    assert f"{folder}/more.yml:4:5: no endpoint 'nobody'" in refused.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs:\n  - name: a\n    name: b\n", "f.yaml:3:5: duplicate key 'name', first in line 2"),
        ("jobs: [\n", "f.yaml:2:1: not valid YAML"),
        ("- a\n", "f.yaml:1:1: a document must be a mapping"),
        ("jobs:\n  - {<<: {a: 1}}\n", "f.yaml:2:6: YAML 1.2 has no merge keys"),
        ("set: !!python/object:os.system x\n", "f.yaml:1:6: tags such as"),
        ("a: 012\n", "f.yaml:1:4: 012: YAML readers disagree"),
        ("a: .inf\n", "f.yaml:1:4: .inf: YAML readers disagree"),
        ("a: 1e999\n", "f.yaml:1:4: 1e999: this number is too large"),
        ("a: 9223372036854775808\n", "f.yaml:1:4: 9223372036854775808: this number is too large"),
        ("a: " + "1" * 5000 + "\n", "f.yaml:1:4: 111111111111111111111111…: this number is too large"),
        ("a: \n  - b\n  - \x07\n", "f.yaml:3: not valid YAML: control characters are not allowed"),
        ("a: &a [*a]\n", "f.yaml:1:8: *a refers to itself"),
        ("? [a]\n: b\n", "f.yaml:1:3: a key must be a text"),
        ("a: " + "[" * 70 + "]" * 70, "nested more than 66"),
        (
            "a: &a [" + "x," * 100 + "]\nb: &b [" + "*a," * 100 + "]\nc: &c [" + "*b," * 100 + "]\n",
            "more than 200000 values",
        ),
        ("a: &a " + "x" * 1_000_000 + "\nb: [" + "*a," * 100 + "]\n", "f.yaml:2:"),
    ],
)
def test_what_is_no_file_of_ours_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Ended) as refused:
        yaml_files.documents(text.encode(), "f.yaml")
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs:\n---\njobs: [{name: a}]\n", "f.yaml:1:1: jobs must be a list"),
        ("jobs: {a: 1}\n---\njobs: [{name: a}]\n", "f.yaml:1:1: jobs must be a list"),
        ("set: a\nprune: true\n", "f.yaml:2:1: prune is set with --prune"),
        ("validate_only: true\n", "f.yaml:1:1: validate_only is set with --dry-run"),
        ("# all\n# gone\n", "f.yaml: no content"),
        ("", "f.yaml: no content"),
    ],
)
def test_a_file_that_would_be_misread_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With --prune, an empty file would delete the whole set. A generator that failed writes one, and is reported."""
    (tmp_path / "f.yaml").write_text(text)
    with pytest.raises(Ended) as refused:
        files.gathered([str(tmp_path / "f.yaml")])
    assert said in refused.value.message


_ODD = st.text(alphabet=" \n\t\r\x85\u2028\u2029\ufeff#:-a\"'\\0&*!|>%@?{}[],1.eE+_~<=/", max_size=12)
_TEXTS = st.text() | _ODD | st.sampled_from(["no", "on", "<<", "=", "~", "---", "...", "1e3", "0o7", ".inf", "null"])
_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(_TEXTS, each, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_TEXTS, _VALUES, max_size=3))
def test_what_is_written_is_read_back_as_it_was(document: dict[str, Any]) -> None:
    (found,) = yaml_files.documents(yaml_files.written(document).encode(), "f.yaml")
    assert json.dumps(found.content) == json.dumps(document)


def test_values_mean_what_yaml_1_2_says() -> None:
    (found,) = yaml_files.documents(
        b"a: yes\nb: no\nc: on\nd: true\ne: 1e3\nf: ~\ng: 2026-12-01\nh: '1'\ni: 0.5\n", "f"
    )
    assert found.content == {
        "a": "yes", "b": "no", "c": "on", "d": True, "e": 1000.0, "f": None, "g": "2026-12-01", "h": "1", "i": 0.5,
    }  # fmt: skip


def test_documents_and_files_are_one_and_name_one_set(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("set: billing\njobs: [{name: a}]\n---\njobs: [{name: b}]\n")
    (tmp_path / ".hidden.yaml").write_text("set: other\n")
    (tmp_path / "b.json").write_text('{"jobs": [{"name": "c"}]}')
    found = files.gathered([str(tmp_path)])
    assert found.body == {"set": "billing", "jobs": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
    assert str(found.place("/jobs/2/name/x")) == f"{tmp_path}/b.json:1:12"
    (tmp_path / "b.json").write_text('{"set": "reports"}')
    with pytest.raises(Ended, match="write it once"):
        files.gathered([str(tmp_path)])
    empty = tmp_path / "nothing"
    empty.mkdir()
    with pytest.raises(Ended, match="no file ending in"):
        files.gathered([str(empty)])


def test_a_folder_that_goes_away_while_it_is_read_is_said(
    kronos: Kronos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path, pattern: str) -> list[Path]:
        raise FileNotFoundError(2, "No such file or directory", str(path / "inner"))

    monkeypatch.setattr(Path, "rglob", gone)
    refused = kronos("plan", "-f", str(tmp_path))
    assert (refused.exit_code, "inner cannot be read: No such file" in refused.stderr) == (2, True), refused.output


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000])
def test_a_path_that_no_system_has_is_a_sentence(kronos: Kronos, name: str) -> None:
    refused = kronos("plan", "-f", name)
    assert (refused.exit_code, "cannot be read: File name too long" in refused.stderr) == (2, True), refused.output


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is a terminal, so commands can ask."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", Exit.CANCELLED)])
def test_a_person_is_shown_the_plan_and_asked(kronos: Kronos, folder: Path, answer: str, code: int) -> None:
    asked = kronos("apply", "-f", str(folder), stdin=f"{answer}\n")
    assert (asked.exit_code, "Plan: 2 to create" in asked.stdout, "Apply these changes?" in asked.stderr) == (
        code,
        True,
        True,
    )
    assert ("Applied: 2 created" in asked.stdout) == (answer == "y")
    assert (kronos("job", "get", "weekly").exit_code == 0) == (answer == "y")
    if answer == "y":  # with nothing to do, the command does not ask
        again = kronos("apply", "-f", str(folder), stdin="")
        assert (again.exit_code, "Apply these changes?" in again.stderr) == (0, False)


def test_who_cannot_be_asked_says_yes_or_looks_first(kronos: Kronos, folder: Path) -> None:
    refused = kronos("apply", "-f", str(folder))
    assert (refused.exit_code, "pass --yes, or preview with --dry-run" in refused.stderr) == (Exit.USAGE, True)
    assert kronos("job", "get", "weekly").exit_code == Exit.NOT_FOUND


def test_an_export_is_of_one_set_or_of_all_and_to_where_it_can_be_written(kronos: Kronos, tmp_path: Path) -> None:
    both = kronos("export", "--all", "--set", "billing")
    assert (both.exit_code, "--all and --set cannot be combined" in both.stderr) == (Exit.USAGE, True)
    nowhere = kronos("export", "-o", str(tmp_path / "none" / "kronos.yaml"))
    assert nowhere.exit_code == Exit.USAGE
    assert "kronos.yaml cannot be written: No such file or directory" in nowhere.stderr
    written = kronos("export", "-o", str(tmp_path / "kronos.yaml"))
    assert (written.exit_code, (tmp_path / "kronos.yaml").read_text()[:23]) == (0, "# yaml-language-server:")
