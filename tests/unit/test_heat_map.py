"""The heat map of future load: what its cells, colors and links tell, whatever minute the window begins in."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from kronos.dashboard.heat import HEIGHT, WIDTH, HeatMap, map_of

HOUR = datetime(2026, 11, 30, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = 24 * 60
WEEK = 7 * DAY


def cells(drawn: HeatMap, hours: int) -> dict[tuple[int, int], int]:
    """Return the least number of runs of each colored cell, by hour and first minute, as the paths draw them."""
    width, height = WIDTH / hours, HEIGHT / (60 / drawn.minutes_of_cell)
    found: dict[tuple[int, int], int] = {}
    for level in drawn.levels:
        for x, top, bottom in _lines(level.path):
            for at in range(round(top / height), round(bottom / height)):
                cell = round(x / width - 0.5), at * drawn.minutes_of_cell
                assert cell not in found  # no cell has two colors
                found[cell] = level.least
    return found


def _lines(path: str) -> Iterator[tuple[float, float, float]]:
    """Yield the vertical lines of a path of M, m and v: where each is, and from where to where."""
    x = y = 0.0
    for pen, first, second in re.findall(r"([Mmv])(-?[\d.]+)(?: (-?[\d.]+))?", path):
        if pen == "M":
            x, y = float(first), float(second)
        elif pen == "m":
            x, y = x + float(first), y + float(second)
        else:
            yield x, y, y + float(first)
            y += float(first)


def test_each_minute_with_runs_is_one_cell_in_its_hour_and_at_its_minute() -> None:
    runs = [0] * DAY
    runs[0], runs[59], runs[60 * 3 + 17], runs[60 * 3 + 19] = 1, 1, 1, 1
    drawn = map_of(HOUR, runs)
    assert drawn.minutes_of_cell == 1
    assert set(cells(drawn, 24)) == {(0, 0), (0, 59), (3, 17), (3, 19)}


def test_a_window_that_begins_within_an_hour_is_drawn_from_that_hour_on() -> None:
    runs = [0] * DAY
    runs[0], runs[14] = 1, 1
    drawn = map_of(HOUR + 45 * MINUTE, runs)
    assert set(cells(drawn, 27)) == {(0, 45), (0, 59)}  # 25 hours begin in it, drawn as 9 links of 3 hours
    assert [(each.begins_at, each.ends_at) for each in drawn.zones][:2] == [
        (HOUR, HOUR + 3 * 60 * MINUTE),
        (HOUR + 3 * 60 * MINUTE, HOUR + 6 * 60 * MINUTE),
    ]


def test_a_cell_of_a_week_is_five_minutes_and_has_the_color_of_its_busiest_one() -> None:
    runs = [0] * WEEK
    runs[60 * 50 + 7], runs[60 * 50 + 9] = 2, 10
    drawn = map_of(HOUR, runs)
    assert (drawn.minutes_of_cell, cells(drawn, 168)) == (5, {(50, 5): 9})


@pytest.mark.parametrize(("hours", "minutes"), [(48, 1), (49, 5)])
def test_two_days_are_drawn_by_the_minute_and_more_by_five(hours: int, minutes: int) -> None:
    assert map_of(HOUR, [1] * 60 * hours).minutes_of_cell == minutes


def test_five_colors_divide_the_numbers_up_to_the_busiest_minute_evenly() -> None:
    runs = list(range(101)) + [0] * (DAY - 101)
    drawn = map_of(HOUR, runs)
    assert [(each.level, each.least) for each in drawn.levels] == [(1, 1), (2, 21), (3, 41), (4, 61), (5, 81)]
    found = cells(drawn, 24)
    assert [found[divmod(number, 60)] for number in (1, 20, 21, 40, 41, 80, 81, 100)] == [1, 1, 21, 21, 41, 61, 81, 81]
    assert (0, 0) not in found  # a minute without runs has no color


def test_fewer_numbers_than_colors_take_the_strongest_ones() -> None:
    drawn = map_of(HOUR, [1, 2, *[0] * 58])
    assert [(each.level, each.least) for each in drawn.levels] == [(4, 1), (5, 2)]


def test_nothing_is_drawn_where_nothing_runs() -> None:
    drawn = map_of(HOUR, [0] * DAY)
    assert drawn.levels == []
    assert [(zone.most, zone.whole) for zone in drawn.zones] == [(0, 0)] * 12


def test_a_map_that_is_compared_with_a_busier_one_has_its_colors() -> None:
    before, after = [100, *[0] * 59], [20, *[20] * 4, *[0] * 55]
    assert [each.least for each in map_of(HOUR, after, max(before)).levels] == [1, 21, 41, 61, 81]
    assert set(cells(map_of(HOUR, after, max(before)), 1).values()) == {1}
    assert set(cells(map_of(HOUR, after), 1).values()) == {17}


def test_cells_next_to_each_other_are_one_line() -> None:
    (level,) = (each for each in map_of(HOUR, [1, 1, 1, 0, 1, *[0] * 55]).levels if each.path)
    assert level.path == "M480 0v12m0 4v4"


def test_a_link_says_the_busiest_minute_of_its_hours_and_all_of_their_runs() -> None:
    runs = [0] * DAY
    runs[60], runs[61], runs[119], runs[120] = 3, 9, 9, 50
    zone, following = map_of(HOUR, runs).zones[:2]
    assert (zone.most, zone.whole, zone.busiest_at) == (9, 21, HOUR + 61 * MINUTE)  # the first of the busiest
    assert (following.most, following.busiest_at) == (50, HOUR + 120 * MINUTE)


def test_links_are_equally_wide_and_cover_the_map() -> None:
    for hours in (1, 5, 24, 25, 168):
        zones = map_of(HOUR, [1] * 60 * hours).zones
        assert {each.width for each in zones} == {round(WIDTH / len(zones), 1)}
        assert [each.x for each in zones] == [round(WIDTH / len(zones) * nth, 1) for nth in range(len(zones))]
        assert len(zones) <= 12


def test_the_last_link_may_end_after_the_window_and_leads_to_a_minute_of_it() -> None:
    last = map_of(HOUR, [1] * (25 * 60)).zones[-1]  # 25 hours, in links of 3 hours
    assert (last.begins_at, last.ends_at) == (HOUR + 24 * 60 * MINUTE, HOUR + 27 * 60 * MINUTE)
    assert (last.most, last.whole, last.busiest_at) == (1, 60, HOUR + 24 * 60 * MINUTE)


@pytest.mark.parametrize("runs", [[1], [1] * 59, [1] * 61, [1] * (48 * 60 + 1), [1] * (WEEK - 1)])
def test_each_run_belongs_to_one_link(runs: list[int]) -> None:
    zones = map_of(HOUR + 59 * MINUTE, runs).zones
    assert sum(each.whole for each in zones) == len(runs)
    assert all(each.begins_at <= each.busiest_at < each.ends_at for each in zones)


def test_the_lines_leave_a_gap_between_the_hours() -> None:
    assert (map_of(HOUR, [1] * DAY).stroke, map_of(HOUR, [1] * WEEK).stroke) == (39.4, 5.1)
