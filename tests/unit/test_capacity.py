"""The capacity of an instance of a given size: the arithmetic, and that more work never needs less of anything."""

import json
import random
from dataclasses import asdict, fields, replace
from itertools import pairwise
from typing import Any

import pytest
from click.testing import CliRunner

from kronos import capacity
from kronos.__main__ import main
from kronos.capacity import COSTS, AskedInstance, Costs, Workload, answer, took

NOTHING = Costs(**{each.name: 0.0 for each in fields(Costs)})
GROWING = ("schedules", "runs_per_minute", "busiest_minute", "rings_per_minute", "one_shots_per_second",
           "payload_bytes", "latency_ms", "history_days")  # fmt: skip
NEEDS = ("postgres_cores", "worker_cores", "api_cores", "busy", "busiest_minute_seconds", "workers_needed",
         "api_processes_needed", "connections", "wal_mib_per_hour", "wal_gib_per_day", "history_rows",
         "history_gib")  # fmt: skip


def test_a_workload_takes_the_sum_of_its_parts() -> None:
    costs = replace(
        NOTHING,
        idle_us=1,
        idle_worker_us=2,
        ring_us=10,
        row_us=100,
        alone_us=3,
        alone_worker_us=4,
        alone_api_us=2,
        delivery_us=1000,
        delivery_kib_us=50,
        creation_api_us=7,
        delivery_wal=5,
    )
    work = Workload(seconds=60, rings=2, rows=3, alone=5, deliveries=4, creations=6, payload_bytes=200 + 2048)
    found = took(costs, work)
    assert (found.postgres, found.worker, found.api, found.wal) == (
        60 + 20 + 300 + 15 + 4 * (1000 + 2 * 50), 120 + 20, 42 + 10, 20,
    )  # fmt: skip
    assert found.cpu == found.postgres + found.worker + found.api


def test_each_cost_counts() -> None:
    """A cost that the arithmetic ignored would have been measured for nothing."""
    work = Workload(seconds=1, rings=1, rows=1, alone=1, creations=1, deliveries=1, payload_bytes=10_000)
    for each in fields(Costs):
        dearer = replace(COSTS, **{each.name: 2 * getattr(COSTS, each.name)})
        asked = AskedInstance(payload_bytes=10_000)
        is_kept = answer(asked, dearer).history_gib > answer(asked).history_gib
        assert (took(dearer, work) != took(COSTS, work)) != is_kept, each.name


@pytest.mark.parametrize("name", GROWING)
def test_more_of_anything_never_needs_less_of_anything(name: str) -> None:
    choose = random.Random(f"capacity {name}")
    for _ in range(40):
        asked = AskedInstance(
            cores=choose.choice([1, 2, 8, 64]),
            schedules=choose.randrange(200_000),
            runs_per_minute=choose.uniform(0, 30_000),
            busiest_minute=choose.uniform(0, 60_000),
            rings_per_minute=choose.uniform(0, 9_000),
            one_shots_per_second=choose.uniform(0, 500),
            payload_bytes=choose.randrange(50_000),
            latency_ms=choose.uniform(0, 5_000),
            history_days=choose.uniform(0, 365),
            workers=choose.randint(1, 8),
        )
        less, more = answer(asked), answer(replace(asked, **{name: getattr(asked, name) * 1.7 + 3}))
        for need in NEEDS:
            assert getattr(more, need) >= getattr(less, need), need
        assert less.fits or not more.fits
        if name != "busiest_minute":
            assert more.most_runs_per_minute <= less.most_runs_per_minute


@pytest.mark.parametrize("name", ["cores", "speed"])
def test_a_larger_machine_is_less_busy_and_does_more(name: str) -> None:
    small = AskedInstance(runs_per_minute=9_000, rings_per_minute=10)
    large = replace(small, **{name: getattr(small, name) * 2})
    assert answer(large).busy < answer(small).busy
    assert answer(large).most_runs_per_minute > 1.9 * answer(small).most_runs_per_minute


def test_what_it_can_do_at_most_is_what_keeps_it_seven_tenths_busy() -> None:
    asked = AskedInstance(cores=4, rings_per_minute=10, one_shots_per_second=20)
    most = answer(asked).most_runs_per_minute
    assert answer(replace(asked, runs_per_minute=most)).busy == pytest.approx(0.7, abs=0.001)


def test_one_shots_beyond_a_rate_cost_what_one_among_many_does() -> None:
    at = [answer(AskedInstance(one_shots_per_second=rate, runs_per_minute=0)).api_cores for rate in (50, 100, 150, 200)]
    alone, first, second = (more - less for less, more in pairwise(at))
    assert first == pytest.approx(second)
    assert alone == pytest.approx(first + 50 * COSTS.alone_api_us / 1e6)


def test_an_entry_for_each_job_ends_where_pg_cron_does() -> None:
    asked = AskedInstance(cores=64, runs_per_minute=9_000)
    assert answer(asked).most_runs_per_minute == capacity.ENTRIES_PER_MINUTE
    assert not answer(asked).fits
    assert answer(asked).advice[0].startswith("share alarms")
    assert answer(replace(asked, rings_per_minute=60)).fits


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (AskedInstance(), None),
        (AskedInstance(one_shots_per_second=100, latency_ms=30_000), "add workers"),
        (AskedInstance(cores=64, one_shots_per_second=5_000), "add API processes"),
        (AskedInstance(cores=1, runs_per_minute=400_000, rings_per_minute=10), "a bigger primary"),
        (
            AskedInstance(cores=1, runs_per_minute=10_000, rings_per_minute=10, busiest_minute=900_000),
            "spread the load",
        ),
        (AskedInstance(cores=64, runs_per_minute=100_000, rings_per_minute=10, history_days=365), "keep less history"),
        (AskedInstance(cores=1, one_shots_per_second=1_000), "to other machines"),
    ],
)
def test_what_to_add_is_said_where_something_is_short(asked: AskedInstance, said: str | None) -> None:
    advice = answer(asked).advice
    assert advice == [] if said is None else any(said in each for each in advice), advice


FREE = replace(NOTHING, row_us=1e-9)
"""Costs of almost nothing: a run that took no time at all would have no limit."""
ONE = replace(FREE, ring_us=1e6)
"""Costs of which a ring takes a second of CPU time, and nothing else takes any."""


def test_a_workload_writes_the_sum_of_its_parts() -> None:
    costs = replace(NOTHING, ring_wal=1, row_wal=10, delivery_wal=100, creation_wal=1000, delivery_kib_wal=20,
                    creation_kib_wal=300)  # fmt: skip
    work = Workload(rings=2, rows=3, deliveries=4, creations=5, payload_bytes=200 + 1024)
    assert took(costs, work).wal == 2 + 30 + 4 * 120 + 5 * 1300


def test_each_live_job_costs_the_reaper_a_little_each_minute() -> None:
    work = Workload(seconds=120, schedules=1000)
    assert took(NOTHING, work).postgres == pytest.approx(120 * 1000 * capacity.SCHEDULE_US / 60)


@pytest.mark.parametrize(("payload_bytes", "kib"), [(0, 0), (200, 0), (201, 1 / 1024), (200 + 3 * 1024, 3)])
def test_a_small_payload_adds_no_cost(payload_bytes: int, kib: float) -> None:
    costs = replace(NOTHING, delivery_us=5, delivery_kib_us=7, kept=2**30, kept_kib=2**20)
    work = Workload(deliveries=1, payload_bytes=payload_bytes)
    assert took(costs, work).postgres == pytest.approx(5 + 7 * kib)
    kept = answer(AskedInstance(payload_bytes=payload_bytes, runs_per_minute=1, history_days=1 / 1440), costs)
    assert kept.history_gib == pytest.approx(1 + kib / 1024)


def test_the_wal_of_an_hour_and_a_day_and_the_history_of_its_days_are_sums_of_minutes() -> None:
    costs = replace(FREE, row_wal=2**20, kept=2**30)
    found = answer(AskedInstance(runs_per_minute=60, one_shots_per_second=1, payload_bytes=0, history_days=3), costs)
    assert (found.wal_mib_per_hour, found.wal_gib_per_day) == (3600, 1440 * 60 / 1024)
    assert (found.history_rows, found.history_gib) == (6 * 86_400, 6 * 86_400)


@pytest.mark.parametrize(("rings", "cores", "fits"), [(84, 2, True), (84.1, 2, False), (42, 1, True), (42.1, 1, False)])
def test_a_machine_fits_up_to_seven_tenths_of_its_time(rings: float, cores: int, fits: bool) -> None:
    found = answer(AskedInstance(runs_per_minute=0, rings_per_minute=rings, cores=cores, schedules=0), ONE)
    assert found.busy == pytest.approx(rings / 60 / cores)
    assert found.fits == fits
    assert any("a bigger primary" in each for each in found.advice) != fits


def test_a_busiest_minute_that_takes_longer_than_a_minute_does_not_fit() -> None:
    dear = replace(NOTHING, row_us=1e6)
    asked = AskedInstance(runs_per_minute=1, rings_per_minute=1, busiest_minute=120, cores=2, schedules=0)
    assert (answer(asked, dear).busiest_minute_seconds, answer(asked, dear).fits) == (60, True)
    longer = answer(replace(asked, busiest_minute=121), dear)
    assert (longer.busiest_minute_seconds, longer.fits) == (60.5, False)
    assert any("spread the load" in each for each in longer.advice)
    assert not any("spread the load" in each for each in answer(asked, dear).advice)
    twice = answer(replace(asked, busiest_minute=121, speed=2), dear)
    assert (twice.busiest_minute_seconds, twice.fits) == (30.25, True)


def test_a_busiest_minute_is_never_less_than_the_average_one() -> None:
    dear = replace(NOTHING, row_us=1e6)
    asked = AskedInstance(runs_per_minute=60, busiest_minute=1, cores=2, schedules=0)
    assert answer(asked, dear).busiest_minute_seconds == 30


@pytest.mark.parametrize(("runs", "fits"), [(8_000, True), (8_001, False)])
def test_pg_cron_runs_so_many_entries_and_no_more(runs: int, fits: bool) -> None:
    found = answer(AskedInstance(cores=64, runs_per_minute=1, busiest_minute=runs), FREE)
    assert (found.fits, any("share alarms" in each for each in found.advice)) == (fits, not fits)


def test_sharing_alarms_is_not_advised_where_they_are_shared_already() -> None:
    busy = AskedInstance(cores=1, runs_per_minute=100, schedules=0)
    dear = replace(NOTHING, row_us=1e6)
    assert any("share alarms" in each for each in answer(busy, dear).advice)
    assert not any("share alarms" in each for each in answer(replace(busy, rings_per_minute=1), dear).advice)


@pytest.mark.parametrize(
    ("asked", "costs", "workers", "apis"),
    [
        (AskedInstance(runs_per_minute=0), FREE, 1, 1),
        (AskedInstance(runs_per_minute=60, latency_ms=300_000), FREE, 1, 1),  # 300 deliveries at a time
        (AskedInstance(runs_per_minute=60, latency_ms=300_001), FREE, 2, 1),
        (AskedInstance(runs_per_minute=0, one_shots_per_second=2, latency_ms=450_000), FREE, 3, 1),
        (AskedInstance(runs_per_minute=0), replace(FREE, idle_worker_us=7e5, idle_api_us=7e5), 1, 1),
        (AskedInstance(runs_per_minute=0), replace(FREE, idle_worker_us=7.1e5, idle_api_us=1.5e6), 2, 3),
        (AskedInstance(runs_per_minute=0, speed=2), replace(FREE, idle_worker_us=1.5e6, idle_api_us=1.5e6), 2, 2),
        (AskedInstance(runs_per_minute=0, busiest_minute=60), replace(FREE, delivery_worker_us=1.5e6), 3, 1),
        (
            AskedInstance(runs_per_minute=0, busiest_minute=60, speed=3),
            replace(FREE, delivery_worker_us=1.5e6),
            1,
            1,
        ),
    ],
)
def test_workers_and_api_processes_are_counted_by_their_cpu_and_their_deliveries(
    asked: AskedInstance, costs: Costs, workers: int, apis: int
) -> None:
    found = answer(asked, costs)
    assert (found.workers_needed, found.api_processes_needed) == (workers, apis)


def test_connections_are_those_of_the_processes_there_are_or_are_needed() -> None:
    asked = AskedInstance(runs_per_minute=0)
    assert answer(asked, FREE).connections == 6 + 11 + 34
    assert answer(replace(asked, workers=3, api_processes=2), FREE).connections == 18 + 22 + 34
    needed = replace(FREE, idle_worker_us=2e6, idle_api_us=2e6)
    assert answer(replace(asked, workers=2), needed).connections == 18 + 33 + 34


@pytest.mark.parametrize(("rings", "said"), [(60, False), (61, True)])
def test_a_replica_is_named_once_postgresql_takes_more_than_half(rings: int, said: bool) -> None:
    found = answer(AskedInstance(runs_per_minute=0, rings_per_minute=rings, cores=2, schedules=0), ONE)
    assert any("KRONOS_DATABASE_READ_URL" in each for each in found.advice) == said


@pytest.mark.parametrize(("api", "said"), [(0.7e6, "other machines"), (0.0, "alone needs 3 cores")])
def test_a_bigger_primary_is_named_only_where_moving_other_processes_is_not_enough(api: float, said: str) -> None:
    costs = replace(ONE, idle_api_us=api)
    rings = 60 * (0.3 if api else 1.45)
    found = answer(AskedInstance(runs_per_minute=0, rings_per_minute=rings, cores=1, schedules=0), costs)
    assert [each for each in found.advice if "machines" in each or "alone needs" in each] != []
    assert any(said in each for each in found.advice)


@pytest.mark.parametrize(("days", "said"), [(1000, False), (1001, True)])
def test_a_billion_rows_fit_on_one_machine(days: int, said: bool) -> None:
    found = answer(AskedInstance(runs_per_minute=1_000_000 / 1440, rings_per_minute=1, history_days=days), FREE)
    assert found.history_rows == days * 1_000_000
    assert any(f"{found.history_rows:,} rows" in each and f"{days} days" in each for each in found.advice) == said


def run(*arguments: str) -> Any:
    ended = CliRunner().invoke(main, ["capacity", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_the_command_answers_with_the_model() -> None:
    found = json.loads(run("--cores", "4", "--runs-per-minute", "6000", "--rings-per-minute", "30", "--json"))
    model = answer(AskedInstance(cores=4, runs_per_minute=6000, rings_per_minute=30))
    assert set(found) == set(asdict(model))
    assert found["busy"] == pytest.approx(model.busy, abs=0.001)
    assert (found["fits"], found["advice"]) == (True, [])
    assert "most_runs_per_minute" in run("--one-shots-per-second", "10")


def test_here_is_this_machines_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "loop", lambda: capacity.LOOP_US * 2)
    slow, known = (json.loads(run(*here, "--json")) for here in (["--here"], []))
    assert slow["postgres_cores"] == pytest.approx(2 * known["postgres_cores"], rel=0.01)


def test_the_loop_takes_time() -> None:
    assert 10 < capacity.loop() < 1e6


def test_costs_are_all_there() -> None:
    assert all(value > 0 for value in asdict(COSTS).values()), asdict(COSTS)


MOST = ("--runs-per-minute", "1e9", "--busiest-minute", "1e9", "--rings-per-minute", "1e9", "--schedules", "1000000000")
MORE = ("--one-shots-per-second", "1e9", "--latency-ms", "86400000", "--history-days", "36500", "--cores", "4096")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_whatever_may_be_asked_is_answered(form: tuple[str, ...]) -> None:
    assert run(*MOST, *MORE, "--workers", "10000", "--api-processes", "10000", "--payload-bytes", "1073741824", *form)
    assert run("--runs-per-minute", "0", "--rings-per-minute", "0", "--latency-ms", "0", "--history-days", "0", *form)


@pytest.mark.parametrize("number", ["nan", "inf", "1e308", "-1", "-0.1"])
@pytest.mark.parametrize(
    "option",
    [
        "--runs-per-minute",
        "--busiest-minute",
        "--rings-per-minute",
        "--one-shots-per-second",
        "--latency-ms",
        "--history-days",
    ],
)
def test_what_no_instance_has_is_refused(option: str, number: str) -> None:
    ended = CliRunner().invoke(main, ["capacity", option, number])
    assert (ended.exit_code, option in ended.stderr) == (2, True), ended.output


@pytest.mark.parametrize("option", ["--schedules", "--workers", "--api-processes"])
def test_so_many_nobody_has(option: str) -> None:
    assert CliRunner().invoke(main, ["capacity", option, "9" * 30]).exit_code == 2
