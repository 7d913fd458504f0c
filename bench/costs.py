"""CPU time of a delivery and of a creation, compared with the repository's figures. `bin/bench costs`

The unit is a loop: CPU time relative to that of a fixed piece of Python on the same machine in the same minute, so that
a slower or busier machine changes both. This is a report for authors of code that runs per delivery or per request; it
never fails.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click

from bench import common
from bench.common import ENDPOINT, Instance
from bench.peers.contest import Kronos, Place, Sample
from kronos.capacity import loop

_FIGURES = Path(__file__).with_name("costs.json")
_CRON = {"endpoint": ENDPOINT, "trigger": "CRON", "cron": "0 0 1 2 *", "input": {"order": 4711, "customer": "someone"}}


def _taken(one: Instance, place: Place, count: int, seconds: float) -> dict[str, float]:
    """Return the µs for each: {"delivery, worker": 100, …}"""
    kronos = Kronos(place)
    works: dict[str, tuple[str, Callable[[], Sample]]] = {
        "delivery": ("worker", lambda: kronos.deliveries(count)),
        "one-shot created": ("API", lambda: kronos.enqueued(8, seconds)),
        "CRON job created": ("API", lambda: Kronos(place, body=_CRON).enqueued(8, seconds)),
    }
    found = {}
    for name, (process, work) in works.items():
        with common.console.status(name):
            sample = work()
        found[f"{name}, {process}"] = sample["cpu"]
        found[f"{name}, PostgreSQL"] = sample["postgres"]
    one.forget_jobs()
    return found


@click.command(help=__doc__)
@click.option("--runs", default=3, show_default=True)
@click.option("--count", default=20_000, show_default=True, help="Deliveries per sample.")
@click.option("--seconds", default=4.0, show_default=True, help="Seconds per sample of creation.")
@click.option("--write", is_flag=True, help="Save this run's figures as the repository's.")
def main(runs: int, count: int, seconds: float, write: bool) -> None:
    """Measure, compare and print."""
    samples: list[tuple[dict[str, float], float]] = []
    with ExitStack() as stack:
        sink = stack.enter_context(common.child(["-m", "bench.sink"]))
        url = f"http://127.0.0.1:{common.told(sink)['port']}/deliveries"
        one = stack.enter_context(common.instance(sink_url=url))
        place = Place(one=one, sink=sink, sink_url=url)
        for _ in range(runs):
            before = loop()
            taken = _taken(one, place, count, seconds)
            samples.append((taken, (before + loop()) / 2))
    now = {name: median(taken[name] / turn for taken, turn in samples) for name in samples[0][0]}
    known: dict[str, float] = json.loads(_FIGURES.read_text()) if _FIGURES.exists() else {}
    print("| CPU time of a | µs | thousand loops | the repository's figure | ratio |\n|---|---|---|---|---|")
    for name in now:
        cells = f"{median(taken[name] for taken, _ in samples):.0f} | {now[name]:.4f}"
        was = f"{known[name]:.4f} | {now[name] / known[name]:.2f}" if name in known else "none | "
        print(f"| {name} | {cells} | {was} |")
    if write:
        _FIGURES.write_text(json.dumps({name: round(cost, 4) for name, cost in now.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
