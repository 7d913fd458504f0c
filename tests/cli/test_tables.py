"""Tables on terminals of any width: shown values can be read and copied, and omitted ones are named."""

from rich.cells import cell_len
from rich.text import Text

from depth import depth
from kronos.cli.tables import laid_out

ID = "799c11ba-e57f-4fe8-a569-c0685bd78e3d"
AT = "2026-11-30T09:00:00.123456Z"
TITLES = ["NAME", "JOB", "STATUS", "NEXT RUN", "DESCRIPTION"]
ROWS = [["report", ID, "ACTIVE", AT, "At 09:00 on Monday, and then some more of it"], ["b", ID, "PAUSED", "-", "-"]]


def table(width: int, rows: list[list[str]] = ROWS) -> tuple[list[str], list[str]]:
    lines, left_out = laid_out(TITLES, [[Text(cell) for cell in row] for row in rows], width)
    return [line.plain for line in lines], left_out


def test_all_is_whole_where_there_is_room() -> None:
    lines, left_out = table(200)
    assert left_out == []
    assert lines[1].split("  ") == ["report", ID, "ACTIVE", "2026-11-30T09:00:00Z", ROWS[0][4]]


def test_at_80_columns_names_and_states_are_whole_and_an_id_gives_way() -> None:
    lines, left_out = table(80)
    assert left_out == ["JOB"]
    assert lines[0].split() == ["NAME", "STATUS", "NEXT", "RUN", "DESCRIPTION"]
    assert lines[1].startswith("report  ACTIVE  2026-11-30T09:00:00Z  At 09:00 on Monday")
    assert lines[1].endswith("…")


def test_a_status_is_shown_where_what_is_left_of_it_is_not() -> None:
    lines, left_out = laid_out(
        ["EXECUTION", "JOB", "CAUSE", "STATUS"], [[Text(each) for each in (ID, "a", "API", "FAILED")]], 50
    )
    assert (left_out, lines[1].plain.split()) == (["CAUSE"], [ID, "a", "FAILED"])


def test_what_has_no_name_keeps_its_id() -> None:
    lines, left_out = table(60, [*ROWS, ["-", ID, "ACTIVE", "-", "-"]])
    assert left_out == ["NEXT RUN", "DESCRIPTION"]
    assert ID in lines[3]


def test_no_line_is_wider_and_no_id_or_instant_is_cut() -> None:
    wide = [["日本語" * 9, ID, "ACTIVE", AT, "x"], ["é", ID, "-", AT, "日" * 50]]
    for width in range(1, depth(160, deep=400)):
        for rows in (ROWS, wide):
            lines, left_out = table(width, rows)
            assert max(map(cell_len, lines)) <= max(width, 1), width
            assert len(left_out) < len(TITLES)
            if width >= len("2026-11-30T09:00:00Z"):
                assert ("JOB" in left_out) == all(ID not in line for line in lines)
                assert ("NEXT RUN" in left_out) == all("2026-11-30T09:00:00Z" not in line for line in lines)


def laid(width: int, titles: list[str], *rows: list[str]) -> tuple[list[str], list[str]]:
    lines, left_out = laid_out(titles, [[Text(cell) for cell in row] for row in rows], width)
    return [line.plain for line in lines], left_out


def test_columns_are_as_wide_as_their_widest_cell_and_two_blanks_apart() -> None:
    assert laid(80, ["A", "LONG TITLE", "C"], ["aaa", "b", "c"], ["a", "日本", "cc"]) == (
        ["A    LONG TITLE  C", "aaa  b           c", "a    日本        cc"],
        [],
    )


def test_the_widest_text_is_cut_first_and_none_below_what_can_be_read() -> None:
    row = ["x" * 30, "y" * 20, "z" * 14]
    assert [len(each) for each in laid(68, ["A", "B", "C"], row)[0][1].split()] == [30, 20, 14]
    assert [len(each) for each in laid(60, ["A", "B", "C"], row)[0][1].split()] == [22, 20, 14]
    assert [len(each) for each in laid(50, ["A", "B", "C"], row)[0][1].split()] == [16, 16, 14]
    assert [len(each) for each in laid(40, ["A", "B", "C"], row)[0][1].split()] == [12, 12, 12]
    lines, left_out = laid(39, ["A", "B", "C"], row)
    assert ([len(each) for each in lines[1].split()], left_out) == ([19, 18], ["C"])


def test_a_single_column_is_cut_where_it_must_be() -> None:
    assert laid(5, ["NAME"], ["abcdefgh"]) == (["NAME", "abcd…"], [])
    assert laid(5, ["NAME", "B"], ["abcdefgh", "b"]) == (["NAME", "abcd…"], ["B"])


def test_an_instant_loses_its_fraction_and_keeps_its_offset() -> None:
    instants = [AT, "2026-11-30T09:00:00.5+01:00", "2026-11-30T09:00:00Z", "at 2026-11-30T09:00:00.5Z"]
    lines, _ = laid(80, ["AT"], *[[each] for each in instants])
    assert lines[1:] == [
        "2026-11-30T09:00:00Z",
        "2026-11-30T09:00:00+01:00",
        "2026-11-30T09:00:00Z",
        "at 2026-11-30T09:00:00.5Z",
    ]


def test_of_several_ids_the_last_gives_way_first_and_the_first_column_stays() -> None:
    row = ["name", ID, ID, "text"]
    assert laid(86, ["A", "B", "C", "D"], row)[1] == []
    assert laid(85, ["A", "B", "C", "D"], row)[1] == ["C"]
    assert laid(48, ["A", "B", "C", "D"], row)[1] == ["C"]
    assert laid(47, ["A", "B", "C", "D"], row)[1] == ["B", "C"]
    assert laid(40, ["B", "C"], [ID, ID])[1] == ["C"]


def test_an_empty_cell_says_nothing_about_its_column() -> None:
    assert laid(30, ["NAME", "ID"], ["report", "-"], ["b", "-"]) == (["NAME    ID", "report  -", "b       -"], [])
    assert laid(45, ["NAME", "ID", "C"], ["report", ID, "c"], ["b", "-", "c"])[1] == ["ID"]
