"""Check that the tables have the indexes and constraints of sql/schema. A partial restore, or a change by hand, may
have left some out."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from kronos import sql
from kronos.doctor.finding import Finding, some

_INDEX = re.compile(r"^create (?:unique )?index (?P<name>\w+) on [^;]+;", re.MULTILINE)
_CONSTRAINT = re.compile(r"^    constraint (?P<name>\w+) ", re.MULTILINE)
_LAYOUT = re.compile(r"(?:\s|--[^\n]*\n)+")


def wanted() -> Mapping[str, str]:
    """Return what creates each index and constraint, by its name: a statement, or the file that contains it."""
    return _wanted(sql.root())


@cache
def _wanted(root: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for path in sorted((root / "schema").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        found |= {each["name"]: _LAYOUT.sub(" ", each[0]) for each in _INDEX.finditer(text)}
        found |= {
            each["name"]: f"alter table … add constraint {each['name']} …; as sql/schema/{path.name} has it"
            for each in _CONSTRAINT.finditer(text)
        }
    return found


def tables(there: set[str]) -> Finding:
    """`there`: the valid indexes and constraints of Kronos's tables."""
    absent = {name: made for name, made in wanted().items() if name not in there}
    return Finding(
        check="tables",
        ok=not absent,
        detail=f"missing, or not valid: {some(list(absent))}" if absent else "each has its indexes and constraints",
        meaning="rows that a missing unique index or constraint forbids can be stored; queries that need another "
        "missing index read the whole table",
        fix=f"as kronos_owner, once the rows are valid: {some(list(absent.values()))}",
    )
