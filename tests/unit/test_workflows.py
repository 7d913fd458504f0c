"""GitHub's workflows, checked with GitHub's own schema: a misspelling there only shows when the workflow does
not run.
"""

from pathlib import Path

from check_jsonschema import main  # type: ignore[import-untyped]  # it has no types
from click.testing import CliRunner

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))


def judged(*files: Path) -> tuple[int, str]:
    answer = CliRunner().invoke(main, ["--builtin-schema", "vendor.github-workflows", *map(str, files)])
    return answer.exit_code, answer.output


def test_the_workflows_are_as_github_reads_them(tmp_path: Path) -> None:
    assert WORKFLOWS
    assert judged(*WORKFLOWS)[0] == 0, judged(*WORKFLOWS)[1]
    misspelt = tmp_path / "tests.yml"
    misspelt.write_text(WORKFLOWS[-1].read_text().replace("runs-on:", "run-on:"))
    code, said = judged(misspelt)
    assert (code, "run-on" in said) == (1, True), said
