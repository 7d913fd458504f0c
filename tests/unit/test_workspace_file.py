"""The JSON Schema of workspace files, and the examples next to it."""

import json
import re
from pathlib import Path

import yaml
from check_jsonschema import main  # type: ignore[import-untyped]  # it has no types
from click.testing import CliRunner

from conftest import ROOT
from kronos.api.apply_schemas import file_schema
from kronos.cli import yaml_files
from unit.test_workflows import judged as judged_by_github

SCHEMA = ROOT / "docs" / "schemas" / "workspace-file.json"
PAGE = (ROOT / "docs" / "declarative.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def wrong_among(files: dict[str, str], folder: Path) -> set[str]:
    """The names of the files that the schema rejects. It is itself checked each time, so files go together."""
    for name, text in files.items():
        (folder / name).write_text(text)
    options = ["--schemafile", str(SCHEMA), "--output-format", "json"]
    answer = CliRunner().invoke(main, [*options, *(str(folder / name) for name in files)])
    told = json.loads(answer.output)
    assert told["parse_errors"] == []
    return {Path(each["filename"]).name for each in told["errors"]}


def test_the_schema_is_the_models() -> None:
    """If it fails, write the schema again: python -c 'from kronos.api.apply_schemas import file_schema; …'."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == file_schema()


def test_an_editor_tells_the_example_from_what_is_misspelt(tmp_path: Path) -> None:
    changes = [("timezone:", "timzone:"), ("type: HTTP", "type: FTP"), ("name: reminders", "title: x")]
    assert all(was in EXAMPLE for was, _ in changes)
    misspelt = {f"{number}.yaml": EXAMPLE.replace(*change) for number, change in enumerate(changes)}
    assert wrong_among({"kronos.yaml": EXAMPLE, **misspelt}, tmp_path) == set(misspelt)


def test_the_example_is_read_as_it_is_meant() -> None:
    (document,) = yaml_files.documents(EXAMPLE.encode(), "example")
    assert [each["name"] for each in document.content["jobs"]] == ["monthly-invoices", "reminders"]
    assert str(document.places["/jobs/1/cron"]) == "example:19:5"


def test_the_workflow_is_as_github_reads_it() -> None:
    workflow = ROOT / "docs" / "examples" / "kronos-apply.yml"
    code, said = judged_by_github(workflow)
    assert code == 0, said
    # otherwise GitHub's shell has no pipefail, and an apply that fails before a pipe leaves the job green
    assert yaml.safe_load(workflow.read_text())["defaults"]["run"]["shell"] == "bash"
