"""Migrations expand first and contract one release later (decision 0038). A statement that removes something the
previous release uses, or that locks history while it works, is reported when it is written.
"""

import re

import pytest

from conftest import ROOT

_VERSIONS = ROOT / "alembic" / "versions"
# The rule applies from here on; older migrations ran before the first release.
_FIRST = 55
# Each with the word that permits it, in a comment on the line before that says why the previous release can do without.
_TAKES_AWAY = {
    "drops a table": r"\bdrop table\b",
    "drops a column": r"\bdrop column\b",
    "renames": r"\brename (?:to|column)\b",
    "changes a type": r"\balter column \w+ (?:set data )?type\b",
    "refuses what was allowed": r"\bset not null\b",
    "adds a column that the release before cannot fill": r"\badd column \w+ [^;,]*\bnot null\b(?![^;,]*\bdefault\b)",
    "drops a function": r"\bdrop function\b",
}
_HOLDS_HISTORY = {
    "builds an index of history": r"\bcreate (?:unique )?index [^;]*\bon (?:only )?kronos\."
    r"(?:execution_done|attempt)\b",
    "rewrites history": r"\bupdate kronos\.(?:execution_done|attempt)\b",
    "checks all of history": r"\balter table kronos\.(?:execution_done|attempt)\b[^;]*\badd constraint\b"
    r"(?![^;]*\bnot valid\b)",
    "a default that is computed for each row": r"\badd column \w+ [^;]*\bdefault [^;]*\b(?:gen_random_uuid|random)\(",
}
_LIFTED = re.compile(r"-- contract: .{20,}")


def faults(text: str) -> list[str]:
    """The statements that a migration may not contain, unless a comment `-- contract: …` is directly before them."""
    found = []
    for statement in re.split(r";[ \t]*(?:--[^\n]*)?\n", text.lower()):
        bare = re.sub(r"--[^\n]*", "", statement)
        for name, pattern in (_TAKES_AWAY | _HOLDS_HISTORY).items():
            if re.search(pattern, bare, re.DOTALL) and not _LIFTED.search(statement):
                found.append(name)
    return found


def test_migrations_of_today_keep_the_rule() -> None:
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(_VERSIONS.glob("*.sql"))
        if int(path.name[:4]) >= _FIRST
    }
    assert {name: found for name, text in texts.items() if (found := faults(text))} == {}, (
        "write `-- contract: why the release before does without it` before the statement, or do it a release later"
    )


def test_the_template_says_the_rule_and_how_it_is_lifted() -> None:
    template = (ROOT / "alembic" / "script.py.mako").read_text(encoding="utf-8")
    for text in ("add; do not take away", "-- contract: ", "not valid", "test_expand_and_contract"):
        assert text in template, text


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("alter table kronos.jobs drop column title;", "drops a column"),
        ("drop table kronos.zones;", "drops a table"),
        ("alter table kronos.jobs rename column a to b;", "renames"),
        ("alter table kronos.jobs alter column name type varchar(9);", "changes a type"),
        ("alter table kronos.jobs alter column name set not null;", "refuses what was allowed"),
        ("alter table kronos.jobs add column n integer not null;", "adds a column that the release before cannot fill"),
        ("create index x on kronos.execution_done (job_id);", "builds an index of history"),
        ("update kronos.attempt set error = null;", "rewrites history"),
        ("alter table kronos.attempt add constraint c check (true);", "checks all of history"),
    ],
)
def test_what_breaks_the_rule_is_found_and_a_reason_lifts_it(statement: str, fault: str) -> None:
    assert faults(f"create table kronos.t (a integer);\n{statement}\n") == [fault]
    assert faults(f"-- contract: no release reads it since 0.3.0\n{statement}\n") == []


@pytest.mark.parametrize(
    "statement",
    [
        "alter table kronos.jobs add column n integer not null default 0;",
        "alter table kronos.attempt add constraint c check (true) not valid;",
        "create index x on kronos.jobs (job_id);",
        "-- drop table kronos.zones;\nselect 1;",
        "alter table kronos.execution_done add column created_by jsonb;",
    ],
)
def test_what_adds_is_let_through(statement: str) -> None:
    assert faults(statement + "\n") == []
