"""The cost of one call of kronos.next_tick, tick after tick, in UTC, in zones, and for intervals. `python -m
bench.next_tick`

Measured inside PostgreSQL in a plpgsql loop, minus the same loop without the call. A sample is the fastest of its
slices of 100 calls. A slice takes a few milliseconds at most, so some slices are never interrupted, whatever else the
machine does.
"""

import sys
from functools import partial

import click

from bench import common
from bench.common import Instance

_FUNCTION = """
create function bench_next_tick_us(p_schedule kronos.schedule, p_from timestamptz, p_until timestamptz,
    p_slices integer) returns float8
language plpgsql as $$
declare
    c_calls   constant integer := 100;
    v_tick    timestamptz := p_from;
    v_started timestamptz;
    v_empty   interval;
    v_called  interval;
begin
    for v_slice in 1..p_slices loop
        v_started := clock_timestamp();
        for v_call in 1..c_calls loop
            v_tick := case when v_tick < p_until then v_tick else p_from end;
        end loop;
        v_empty := least(v_empty, clock_timestamp() - v_started);
        v_started := clock_timestamp();
        for v_call in 1..c_calls loop
            v_tick := kronos.next_tick(p_schedule, v_tick);
            v_tick := case when v_tick < p_until then v_tick else p_from end;
        end loop;
        v_called := least(v_called, clock_timestamp() - v_started);
    end loop;
    return extract(epoch from v_called - v_empty) * 1000000 / c_calls;
end
$$
"""
_MEASURE = """
select bench_next_tick_us(schedule, %(from)s, %(until)s, %(slices)s)
  from kronos.read_schedule(%(cron)s, %(every)s, %(anchor)s, %(zone)s, %(gap)s, 'FIRST', %(anchor_local)s) as schedule
"""
_CRONS = ["* * * * *", "*/5 9-17 * * 1-5", "30 2 * * *", "0 9 * * 1", "0 9 15W,LW * 5#2", "0 0 1 1 *", "0 0 29 2 *"]
_ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata"]
_REFERENCE = "* * * * * UTC"
_LONG = ("2026-03-10 12:00+00", "2090-01-01 00:00+00")
# The only calls that search for a clock change: from a few hours before it to a few hours after it.
_CHANGES = {
    "30 2 * * * Europe/Berlin, clocks put forward": ("2026-03-28 12:00+00", "2026-03-29 01:00+00"),
    "30 2 * * * Europe/Berlin, clocks put back": ("2026-10-25 00:30+00", "2026-10-26 01:30+00"),
    "*/30 * * * * Europe/Berlin, clocks put back": ("2026-10-24 23:00+00", "2026-10-25 01:30+00"),
}


_USUAL: dict[str, object] = {
    "every": None,
    "cron": None,
    "anchor": None,
    "anchor_local": None,
    "zone": "UTC",
    "gap": "SHIFT",
}


def _sample(one: Instance, slices: int, given: dict[str, object]) -> dict[str, float]:
    with one.connect() as connection:
        (cost,) = connection.execute(_MEASURE, _USUAL | {"slices": slices} | given).fetchone() or (0.0,)
    return {"us": cost}


def _given() -> dict[str, dict[str, object]]:
    """Return the measured cases, by name."""
    given: dict[str, dict[str, object]] = {}
    for zone in _ZONES:
        for cron in _CRONS:
            given[f"{cron} {zone}"] = {"cron": cron, "zone": zone, "from": _LONG[0], "until": _LONG[1]}
    for name, (begin, end) in _CHANGES.items():
        given[name] = {"cron": name.partition(" Europe")[0], "zone": "Europe/Berlin", "from": begin, "until": end}
    given["every 90m"] = {"every": "90m", "anchor": "2026-01-01 00:00+00", "from": _LONG[0], "until": _LONG[1]}
    for zone in _ZONES:
        for every in ("2w", "1mo"):
            name = f"every {every} on the wall clock {zone}"
            given[name] = {
                "every": every,
                "anchor_local": "2026-01-31 09:00",
                "zone": zone,
                "from": _LONG[0],
                "until": _LONG[1],
            }
    by_gap: dict[str, object] = {"cron": "30 2 * * *", "zone": "Europe/Berlin", "gap": "SHIFT_BY_GAP"}
    given["30 2 * * * Europe/Berlin, SHIFT_BY_GAP"] = by_gap | {"from": _LONG[0], "until": _LONG[1]}
    return given


@click.command(help=__doc__)
@click.option("--runs", default=7, show_default=True)
@common.tries
@click.option("--slices", default=200, show_default=True, help="Slices of 100 calls per sample.")
def main(runs: int, tries: int, slices: int) -> None:
    """Measure and print the table."""
    with common.instance() as one:
        with one.connect() as connection:
            connection.execute(_FUNCTION)
            connection.execute("update cron.job set active = false")
        contestants = {name: partial(_sample, one, slices, given) for name, given in _given().items()}
        series = common.take_turns(contestants, runs=runs, tries=tries)
        note = f"{one.cluster.installation}; a sample is the fastest of {slices} slices of 100 calls, in plpgsql."
        common.report(
            "One call of kronos.next_tick", series, [("us", "us a call", 1)], ratio=("us", _REFERENCE), note=note
        )


if __name__ == "__main__":
    sys.exit(main())
