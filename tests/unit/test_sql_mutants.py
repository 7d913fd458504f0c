"""Which mutants are made of a SQL text: each is a mistake that a person could have made, in one place."""

from pathlib import Path

import pytest

from sql_mutants import mutants_of

_ROOT = Path(__file__).parents[2]
_HEAD = "-- f: at most 7 of them, and where\ncreate or replace function kronos.f() returns void\nas $$\n"


def changed(folder: Path, body: str) -> set[str]:
    """The bodies that replace this one, with runs of spaces collapsed."""
    path = folder / "f.sql"
    path.write_text(f"{_HEAD}{body}\n$$;")
    texts = [text for _, text, _ in mutants_of(path)]
    assert len(texts) == len(set(texts))
    assert all(text.startswith(_HEAD) and text.endswith("\n$$;") for text in texts)
    return {" ".join(text.removeprefix(_HEAD).removesuffix("\n$$;").split()) for text in texts}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("select a, 'a < 1 and true' -- a < 1", set()),
        ("select a < b", {"select a <= b"}),
        ("select 7", {"select 8"}),
        ("select a from t where b = c", {"select a from t where true"}),
        (
            "select a from t where b and (c or d)",
            {
                "select a from t where true and (c or d)",
                "select a from t where b",
                "select a from t where b and (c )",
            },
        ),
        (
            "select a from t order by b desc limit n",
            {
                "select a from t limit n",
                "select a from t order by b limit n",
                "select a from t order by b desc desc limit n",
                "select a from t order by b desc",
            },
        ),
        ("select coalesce(f(a, b), c)", {"select coalesce(f(a, b))", "select coalesce( c)"}),
        (
            "select from t for no key update skip locked",
            {"select from t", "select from t for no key update"},
        ),
        (
            "begin perform f(a); if b then return; end if; end",
            {
                "begin null; if b then return; end if; end",
                "begin perform f(a); if true then return; end if; end",
                "begin perform f(a); if false then return; end if; end",
                "begin perform f(a); if b then null; end if; end",
            },
        ),
        (
            "select case when a and b then c end",
            {
                "select case when true and b then c end",
                "select case when false then c end",
                "select case when a then c end",
            },
        ),
        ("select kronos.now()", {"select kronos.clock()"}),
        ("select max(a) from (select distinct b from t) as t", {
            "select min(a) from (select distinct b from t) as t", "select max(a) from (select b from t) as t",
        }),
    ],
)  # fmt: skip
def test_one_place_of_a_body_is_made_wrong(tmp_path: Path, body: str, wanted: set[str]) -> None:
    assert changed(tmp_path, body) == wanted


def test_a_mutant_says_where_it_is_and_how_the_line_reads(tmp_path: Path) -> None:
    path = tmp_path / "queries" / "f.sql"
    path.parent.mkdir()
    path.write_text("-- name: f\nselect a\n  from t where  b\n;")
    (only,) = mutants_of(path)
    assert only.text == "-- name: f\nselect a\n  from t where true\n;"
    assert only.what == "f.sql:3: 'b' -> ' true' in 'from t where  b'"


def test_mutants_are_made_of_every_file_of_sql() -> None:
    made = {path: sum(1 for _ in mutants_of(path)) for path in (_ROOT / "sql" / "functions" / "overlap").glob("*.sql")}
    assert all(made.values())
