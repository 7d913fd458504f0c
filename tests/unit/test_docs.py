"""The documentation names only things that exist, and its lists are complete: files by links, folders and decisions in
lists.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click

from kronos import sql
from kronos.__main__ import main
from kronos.config import Settings
from kronos.migrations import head
from kronos.model import ExecutionStatus, JobStatus

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "sql" / "README.md", *(ROOT / "docs").rglob("*.md")]
)
_NAMED = re.compile(r"(?<![\w./…])(?:\.\./)*((?:[\w-]+/)+[\w-]+\.(?:sql|py|md))\b")


def test_each_test_that_a_page_gives_as_evidence_is_there() -> None:
    named = {
        (file, name)
        for page in PAGES
        for file, name in re.findall(r"\b(tests/[\w/]+\.py)::(test_\w+)", page.read_text())
    }
    assert len(named) > 15
    absent = [f"{file}::{name}" for file, name in sorted(named) if f"def {name}(" not in (ROOT / file).read_text()]
    assert absent == []


def test_comments_name_files_that_are_there() -> None:
    """A function's file was moved to another floor but references to it were not: sql/schema sent its readers to a
    folder that did not contain it.
    """
    named = re.compile(r"\b(?:alembic|functions|kronos|queries|schema|sql|tests|views)/[\w/]+\.(?:py|sql)\b")
    files = [
        path
        for folder in ("alembic", "bench", "kronos", "sql")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sql")
    ]
    assert len(files) > 400
    absent = {
        f"{path.relative_to(ROOT)}: {each}"
        for path in files
        for each in named.findall(path.read_text())
        if not any((folder / each).exists() for folder in (ROOT, ROOT / "sql", path.parent))
    }
    assert absent == set()


def test_the_guides_migration_comes_to_this_release() -> None:
    assert re.findall(
        r"^migrated from nothing to (\w+)$", (ROOT / "docs" / "postgresql.md").read_text(), re.MULTILINE
    ) == [head()]


def test_each_decision_is_listed_by_its_title() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    listed = [
        f"| [{page.name[:4]}]({page.name}) | {page.read_text().splitlines()[0].removeprefix('# ')} |"
        for page in decisions
    ]
    shown = (ROOT / "docs" / "decisions" / "README.md").read_text().splitlines()
    assert [line for line in shown if line.startswith("| [")] == listed


def test_each_folder_of_functions_is_explained() -> None:
    folders = sorted(each.name for each in (sql.root() / "functions").iterdir() if each.is_dir())
    explained = re.findall(r"^\| `(\w+)/` \|", (sql.root() / "README.md").read_text(), re.MULTILINE)
    assert sorted(set(explained) - {"schema", "functions", "views", "queries"}) == folders


def test_each_setting_and_command_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert [name for name in Settings.model_fields if f"`KRONOS_{name.upper()}`" not in text] == []
    cells = [re.split(r"(?<!\\)\|", line)[1] for line in text.splitlines() if line.startswith("| `kronos ")]
    rows = [(cell, set(re.findall(r"[a-z][a-z0-9_-]*", cell))) for cell in cells]
    absent = {
        f"{name} {' '.join(verb)}".strip()
        for name, verb in _commands()
        if not any(re.match(rf" `kronos {name}(?![\w-])", cell) and set(verb) <= words for cell, words in rows)
    }
    assert absent == set()


def _commands() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each command, and each verb of the commands that have verbs. Aliases of a verb do not count."""
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        verbs = command.commands if isinstance(command, click.Group) else {}
        yield from ((name, (verb,)) for verb, each in verbs.items() if each.name == verb)
        yield name, ()


def test_the_index_lists_each_page_once() -> None:
    """When you add a page, add a row to docs/README.md, in the section where it belongs."""
    index = (ROOT / "docs" / "README.md").read_text()
    listed = re.findall(r"^\| \[([\w/-]+\.md)\]\(\1\) \| \S", index, re.MULTILINE)
    there = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    pages = [page for page in there if page != "README.md" and not page.startswith("decisions/")]
    assert sorted(listed) == sorted(pages)
    assert "](docs/README.md)" in (ROOT / "README.md").read_text()


def test_the_charts_have_each_state() -> None:
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    charts = re.findall(r"^```mermaid\nstateDiagram-v2\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    states = [set(re.findall(r"^    (?:\[\*\]|[A-Z]+) --> ([A-Z]+)", chart, re.MULTILINE)) for chart in charts]
    assert states == [set(get_args(JobStatus)), set(get_args(ExecutionStatus))]


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    lines = [line for line in (ROOT / "docs" / "glossary.md").read_text().splitlines() if line.startswith("- ")]
    words = [found[1] for line in lines if (found := re.match(r"- \*\*([a-z -]+)\*\* — \S", line))]
    assert len(words) == len(lines)
    assert words == sorted(set(words))
    assert {
        "tick",
        "ring",
        "alarm",
        "entry",
        "settle",
        "account for",
        "silence",
        "wave",
        "grace",
        "gate",
        "pointer",
        "floor",
        "lease",
    } <= set(words)


def test_docker_compose_gives_the_superuser_to_the_migration_alone() -> None:
    """The API and the workers log in with roles that cannot become any other role. Each `KRONOS_…` variable that it
    sets is documented.
    """
    text = (ROOT / "docker-compose.yml").read_text()
    services = re.split(r"^  (?=\w+:$)", text.partition("\nservices:\n")[2], flags=re.MULTILINE)
    users = {each.partition(":")[0]: re.findall(r"KRONOS_DATABASE_URL: postgresql://(\w+):", each) for each in services}
    assert {service: found for service, found in users.items() if found} == {
        "migrate": ["postgres"],
        "api": ["kronos_api"],
        "worker": ["kronos_worker"],
    }
    documented = {
        *re.findall(r"`(KRONOS_\w+)`", (ROOT / "docs" / "configuration.md").read_text()),
        "KRONOS_DB_PASSWORD",
    }
    assert set(re.findall(r"^ +(KRONOS_\w+):", text, re.MULTILINE)) - documented == set()


def test_each_file_of_ours_that_a_text_names_is_there() -> None:
    """A comment, docstring or page that names the old path of a moved file misleads its readers."""
    files = [path.relative_to(ROOT) for path in _texts(ROOT)]
    there = {"/".join(file.parts[at:]) for file in files for at in range(len(file.parts))}
    absent = [
        f"{file}: {named}"
        for file in files
        if file.parts[0] not in ("tests", "bin")  # these create and name files of their own
        for line in (ROOT / file).read_text().splitlines()
        if "/" in line and any(suffix in line for suffix in (".sql", ".py", ".md"))  # few: looked through much sooner
        for named in _NAMED.findall(line)
        if named not in there
    ]
    assert absent == []


def _texts(folder: Path) -> Iterator[Path]:
    """The repository's SQL, Python and pages."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "__", "node_modules")):
            yield from _texts(path)
        elif path.suffix in (".sql", ".py", ".md"):
            yield path


def test_each_label_that_the_page_of_the_dashboard_quotes_is_on_a_page() -> None:
    """Labels are in italics. One that was renamed would leave the reader looking for it."""
    folder = ROOT / "kronos" / "dashboard"
    pages = "\n".join(path.read_text() for path in [*folder.glob("*.py"), *folder.glob("templates/**/*.html")])
    text = " ".join((ROOT / "docs" / "dashboard.md").read_text().split())
    quoted = set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", text))
    assert len(quoted) > 30
    assert {label for label in quoted if label not in pages} == set()


def test_a_term_is_written_one_way() -> None:
    """The glossary's way: readers look for it by that."""
    other = re.compile(r"\b(fail-over|fail over)\b|>Began<", re.IGNORECASE)
    files = [*PAGES, *(ROOT / "kronos" / "dashboard" / "templates").rglob("*.html")]
    found = [f"{path.relative_to(ROOT)}: {each[0]}" for path in files for each in other.finditer(path.read_text())]
    assert found == []
