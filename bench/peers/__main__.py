"""Kronos and its peers do the same work in turns: deliveries, creation, creation of many, pickup. `bin/bench`"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from bench import common
from bench.common import ENDPOINT, Sampler
from bench.peers.contest import Contestant, Kronos, Peer, Place, Sample
from bench.peers.installed import install

_SECTIONS = ("deliveries", "create", "bulk", "pickup")
_PROGRAMS = {"pg-boss": "pgboss_peer.mjs", "graphile-worker": "graphile_peer.mjs", "pgqueuer": "pgqueuer_peer.py"}
_CRON = {"endpoint": ENDPOINT, "trigger": "CRON", "cron": "0 0 1 2 *", "input": {"order": 4711, "customer": "someone"}}
_KEPT = (
    "graphile-worker deletes what is finished; pgqueuer moves it to a log; pg-boss keeps the job's row; Kronos keeps "
    "the job, its "
    "execution and each attempt with request and answer, sends its identity headers, checks every address and fences "
    "every result."
)
Column = tuple[str, str, int]
_RATE = ("rate", "a second", 0)
_P99 = ("p99", "p99 ms", 2)
_CPU = (("cpu", "CPU µs, worker or caller", 0), ("postgres", "PostgreSQL", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One kind of work."""

    name: str
    title: str
    kronos: Mapping[str, Contestant]
    take: Callable[[Contestant], Sample]
    columns: tuple[Column, ...]


def sections(place: Place, *, count: int, seconds: float, pickups: int) -> list[Section]:
    """Return all sections, in the order of their tables."""
    lone = Kronos(place)
    over_http = {
        "Kronos over HTTP": lone,
        "Kronos over HTTP, two API processes": Kronos(place, apis=2),
        "Kronos over HTTP, CRON": Kronos(place, body=_CRON),
    }
    return [
        Section(
            name="deliveries",
            title=f"{count:,} deliveries by HTTP",
            kronos={"Kronos, one worker": lone, "Kronos, two workers": Kronos(place, workers=2)},
            take=lambda each: each.deliveries(count),
            columns=(_RATE, *_CPU),
        ),
        Section(
            name="create",
            title="One job a call, 8 callers",
            kronos=over_http,
            take=lambda each: each.enqueued(8, seconds),
            columns=(_RATE, _P99, *_CPU),
        ),
        Section(
            name="create",
            title="One job a call, one caller",
            kronos={"Kronos over HTTP": lone},
            take=lambda each: each.enqueued(1, seconds),
            columns=(_RATE, _P99, *_CPU),
        ),
        Section(
            name="bulk",
            title="1,000 jobs a call",
            kronos={"Kronos, by SQL": lone},
            take=lambda each: each.bulk(count),
            columns=(_RATE, *_CPU),
        ),
        Section(
            name="pickup",
            title="From commit to the request at the sink",
            kronos={"Kronos": lone},
            take=lambda each: each.pickups(pickups),
            columns=(("p50", "p50 ms", 2), _P99, ("start", "p50 to a peer's first line", 2)),
        ),
    ]


def contest(section: Section, peers: Mapping[str, Contestant], *, runs: int, tries: int, installation: str) -> None:
    """Take samples in turns and print their table: the ratio is to the best peer's median."""

    def sampler(one: Contestant) -> Sampler:
        return lambda: section.take(one)

    contestants = {name: sampler(one) for name, one in [*section.kronos.items(), *peers.items()]}
    series = common.take_turns(contestants, runs=runs, tries=tries)
    measure = section.columns[0][0]
    best = (max if measure == "rate" else min)((series[name] for name in peers), key=lambda one: one.median(measure))
    note = f"{installation}, fsync on. The last column is the ratio to the best peer."
    common.report(section.title, series, section.columns, ratio=(measure, best.name), note=note)


@click.command(help=__doc__)
@click.option("--runs", default=3, show_default=True)
@common.tries
@click.option("--count", default=20_000, show_default=True, help="Jobs per sample of deliveries or of bulk creation.")
@click.option("--seconds", default=4.0, show_default=True, help="Seconds per sample of creation.")
@click.option("--pickups", default=200, show_default=True, help="Jobs per sample of pickup, one every 50 ms.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(_SECTIONS),
    help="Only this section. Can be given more than once. Default: all.",
)
@click.option("--peer", "chosen", multiple=True, type=click.Choice(list(_PROGRAMS)), help="Like --only, for peers.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir()) / "kronos-bench-peers",
    show_default=True,
    help="Where the peers are installed.",
)
def main(
    runs: int,
    tries: int,
    count: int,
    seconds: float,
    pickups: int,
    only: tuple[str, ...],
    chosen: tuple[str, ...],
    folder: Path,
) -> None:
    """Measure and print a table for each section, the worst rows too."""
    installed = install(folder)
    with ExitStack() as stack:
        sink = stack.enter_context(common.child(["-m", "bench.sink"]))
        url = f"http://127.0.0.1:{common.told(sink)['port']}/deliveries"
        one = stack.enter_context(common.instance(sink_url=url))
        place = Place(one=one, sink=sink, sink_url=url)
        peers = {name: Peer(place, installed, _PROGRAMS[name]) for name in chosen or _PROGRAMS}
        for section in sections(place, count=count, seconds=seconds, pickups=pickups):
            if not only or section.name in only:
                contest(section, peers, runs=runs, tries=tries, installation=str(one.cluster.installation))
        print(f"\n{_KEPT}")


if __name__ == "__main__":
    main()
