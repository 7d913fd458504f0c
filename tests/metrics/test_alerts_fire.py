"""Each alert rule fires in a real Prometheus, from metrics that Kronos itself writes when everything is wrong.

The rules' durations are shortened. promtool tests that each rule waits for its full duration, and that none fires for a
healthy instance (monitoring/rules_test.yml).
"""

import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from held_ports import held_port
from kronos.metrics import catalog, instance
from kronos.metrics.definition import Distribution, Measured, Metric
from kronos.metrics.exposition import Exposition
from looking import looks
from metrics.scraper import needs_prometheus, prometheus

RULES = Path(__file__).parents[2] / "monitoring" / "rules.yml"
_STAND: dict[Metric, tuple[float, tuple[str, ...]]] = {
    instance.DATABASE_UP: (0, ()),
    instance.READ_ONLY: (1, ()),
    instance.HELD: (1, ()),
    instance.SILENT_SECONDS: (600, ()),
    instance.ALARMS_ENDED: (200, ()),
    instance.ALARMS_FAILED: (50, ()),
    instance.ALARM_QUOTA: (0.95, ()),
    instance.HEARTBEATS_UNACCOUNTED: (400, ()),
    instance.CRON_RUNNING: (32, ()),
    instance.CRON_LIMIT: (32, ()),
    instance.INTERNAL_JOBS: (5, ()),
    instance.INTERNAL_ENTRIES: (4, ()),
    instance.OVERDUE: (3, ()),
    instance.RECENT_TICKS: (2, ("missed",)),
    instance.TICK_LAG: (90, ("recorded", "0.99")),
    instance.WORKERS: (0, ()),
    instance.STARVED_SECONDS: (200, ()),
    instance.UNSERVED: (1, ()),
    instance.DRIFT_LEFT: (1, ()),
    instance.REAPED_SECONDS: (400, ()),
    instance.RETENTION_AGE: (90_000, ()),
    instance.COVERED_SECONDS: (600_000, ()),
    instance.UNSEALED: (10_000, ()),
    instance.TZDATA_AGE: (4e7, ()),
    instance.TZDATA_DIFFERS: (0, ()),
    instance.FINDINGS: (2, ("critical",)),
    instance.SELDOM_AGE: (4000, ()),
}
# Metrics that grow with each scrape.
_GROWS: dict[Metric, tuple[str, ...]] = {
    instance.DEAD_LETTERS: (),
    catalog.DELIVERIES: ("http", "failed"),
    catalog.LEASES_ENDED: ("requeued",),
    catalog.RESULTS: ("dropped",),
    catalog.REQUESTS: ("GET", "/v1/x", "5xx"),
    catalog.POOL_ERRORS: (),
    catalog.SPANS_DROPPED: ("refused",),
    catalog.STATEMENTS: ("claims.upkeep",),
    catalog.STATEMENT_ERRORS: ("claims.upkeep",),
}


class Broken:
    """The metrics of a process in which everything is wrong, written by Kronos's own code; its numbers grow per
    scrape."""

    def __init__(self) -> None:
        self._looks = 0
        self._exposition = Exposition(self._source)

    def _source(self) -> Iterator[Measured | Distribution]:
        grown = 20_000 + 100 * self._looks
        for metric, (number, labels) in _STAND.items():
            yield Measured(metric, number, labels)
        for metric, labels in _GROWS.items():
            yield Measured(metric, grown, labels)
        for metric, labels in ((catalog.REQUEST_SECONDS, ("GET", "/v1/x")), (catalog.LOOP_LAG, ())):
            yield Distribution(metric, (*(0 for _ in metric.bounds), grown), 1000.0 * grown, labels)

    def text(self) -> bytes:
        """Return the text for Prometheus. The process metrics are replaced by those of a process that keeps
        restarting."""
        self._looks += 1
        text, _ = self._exposition.text("")
        for name, number in {"start_time_seconds": self._looks, "open_fds": 990, "max_fds": 1000}.items():
            text, found = re.subn(rf"(?m)^process_{name} .*$".encode(), f"process_{name} {number}".encode(), text)
            assert found == 1, name
        return text


@pytest.fixture
def broken() -> Iterator[str]:
    """The address where it is served."""
    process = Broken()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = process.text()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *arguments: object) -> None:
            """Write no log."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def hurried(directory: Path) -> tuple[Path, set[str]]:
    """The rules, with seconds instead of minutes and hours, and their names."""
    text = RULES.read_text()
    names = {each["alert"] for group in yaml.safe_load(text)["groups"] for each in group["rules"]}
    text = re.sub(r"(?m)^ +for: .*\n", "", text)
    text, ranges = re.subn(r"\[\d+[mh]\]", "[6s]", text)
    text, offsets = re.subn(r"offset 1h", "offset 3s", text)
    assert (ranges > 10, offsets) == (True, 1)
    path = directory / "rules.yml"
    path.write_text(text)
    return path, names


@needs_prometheus
def test_each_alert_fires_in_prometheus_where_all_is_wrong(broken: str, tmp_path: Path) -> None:
    rules, names = hurried(tmp_path)
    fired = set[str]()
    with prometheus(tmp_path, rules) as one:
        for pause in looks(90):
            found = {each["metric"]["alertname"] for each in one.asked('ALERTS{alertstate="firing"}')}
            if not fired and found:
                assert found == {"KronosAbsent"}  # no targets yet
                one.scrape(kronos_api=broken, kronos_worker=f"127.0.0.1:{held_port()}")
            fired |= found
            if fired == names:
                break
            time.sleep(pause)
    assert names - fired == set()
