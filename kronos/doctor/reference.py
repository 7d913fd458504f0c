"""Write the list of checks into docs/doctor.md, between its marks."""

from itertools import groupby

from kronos.doctor.checks import CHECKS

BEGIN, END = "<!-- the checks: bin/docs writes these -->", "<!-- the checks end here -->"


def markdown(page: str) -> str:
    """Return the page with the current list. Raises ValueError if it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{_listed()}{END}{after}"


def _listed() -> str:
    parts = []
    for area, checks in groupby(CHECKS.values(), key=lambda each: each.area):
        parts.append(f"\n### {area}\n\n| check | severity | passes if | fix | |\n")
        parts.append("| --- | --- | --- | --- | --- |\n")
        for each in checks:
            marks = [name for name, is_so in (("status", each.is_asked), ("`--fix`", each.is_fixed)) if is_so]
            cells = (f"`{each.name}`", each.severity, each.looks_at, each.remedy, ", ".join(marks))
            parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n")
    return "".join(parts) + "\n"
