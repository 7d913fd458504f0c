"""The documentation site: every link leads somewhere, every page is in a menu, every alert has its runbook."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from lxml import html

from kronos.__main__ import main

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "site" / "mkdocs.yml"


def _build(config: Path, into: Path) -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(into),
    ]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; the build fails on broken links and anchors and on pages without a menu."""
    into = tmp_path_factory.mktemp("site")
    answer = _build(CONFIG, into)
    assert answer.returncode == 0, answer.stderr[-3000:]
    return into


def test_its_pages_are_all_there(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert len(pages) > 140
    absent = {str(page) for page in pages if page.name != "README.html" and not (site / page).exists()}
    assert absent == set()
    for beside in ("index.html", "tour.html", "CHANGELOG.html", "CONTRIBUTING.html", "sql.html"):
        assert (site / beside).exists(), beside


def test_links_between_docs_and_what_is_beside_lead_there(site: Path) -> None:
    read = html.parse(str(site / "index.html"))
    links = {each.get("href") for each in read.iterfind(".//article//a")}
    assert {"tour.html", "CHANGELOG.html", "sql.html", "decisions/index.html"} <= links
    tour = {each.get("href") for each in html.parse(str(site / "tour.html")).iterfind(".//article//a")}
    assert {"schedules.html", "index.html", "CONTRIBUTING.html"} <= tour


def test_nothing_is_asked_of_anybody_else(site: Path) -> None:
    """No font, script, style or image from another server, on any page."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        asked = re.findall(r"<(?:script|img|iframe)[^>]+src=\"?(https?:[^\">\s]+)", text)
        asked += re.findall(
            r"<link[^>]+rel=\"?(?:stylesheet|preload|preconnect|icon)\"?[^>]+href=\"?(https?:[^\">\s]+)", text
        )
        assert asked == [], page


def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    """Proves that the build, on which the other tests rely, can fail."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# One\n\n[two](two.md) and [three](#three)\n")
    config = tmp_path / "mkdocs.yml"
    strict = yaml.dump({"site_name": "x", "validation": {"anchors": "warn"}})
    config.write_text(strict)
    answer = _build(config, tmp_path / "site")
    assert answer.returncode != 0
    assert "two.md" in answer.stderr
    assert "#three" in answer.stderr


def test_each_alert_has_its_runbook() -> None:
    rules = yaml.safe_load((ROOT / "monitoring" / "rules.yml").read_text())["groups"][0]["rules"]
    alerts = [each["alert"] for each in rules]
    text = (ROOT / "docs" / "runbooks.md").read_text()
    assert sorted(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == sorted(alerts)
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        assert "- **Look**: " in part, part
        assert "- **Do**: " in part, part


def test_runbooks_name_commands_that_are_there() -> None:
    named = re.findall(r"`kronos ([a-z-]+)(?: ([a-z-]+))?", (ROOT / "docs" / "runbooks.md").read_text())
    assert len(named) > 15
    context = click.Context(main)
    for first, second in named:
        command = main.get_command(context, first)
        assert command is not None, first
        if second and isinstance(command, click.Group):
            assert command.get_command(context, second) is not None, f"{first} {second}"


def test_runbooks_name_internal_jobs_that_are_there() -> None:
    """One runbook named a job `partitions`, which has no executions."""
    made = (ROOT / "sql" / "functions" / "tasks" / "ensure_internal_jobs.sql").read_text()
    jobs = set(re.findall(r"\('([a-z-]+)', '[\d*]+ \* \* \* \*'\)", made))
    assert len(jobs) == 5
    text = (ROOT / "docs" / "runbooks.md").read_text()
    named = set(re.findall(r"-w kronos-system --job ([a-z-]+)|internal job `([a-z-]+)`", text))
    assert len(named) > 2
    assert {one or other for one, other in named} - jobs == set()
    listed = set(re.findall(r"`([a-z-]+)`", text.partition("Kronos's own jobs (")[2].partition(")")[0]))
    assert listed == jobs
    assert "`partitions`" not in text
