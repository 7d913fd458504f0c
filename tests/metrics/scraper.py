"""A real Prometheus for tests, and queries to it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from held_ports import held_port

needs_prometheus = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="Prometheus is not installed: apt-get install prometheus",
)


class Prometheus:
    """A running Prometheus: its address, and the file of its scrape targets."""

    def __init__(self, url: str, targets: Path) -> None:
        self.url = url
        self._targets = targets

    def scrape(self, **jobs: str) -> None:
        """Replace the scrape targets: one address per job name."""
        groups = [{"targets": [place], "labels": {"job": name.replace("_", "-")}} for name, place in jobs.items()]
        beside = self._targets.with_suffix(".new")
        beside.write_text(json.dumps(groups))
        beside.rename(self._targets)  # Prometheus may read it at any time

    def asked(self, query: str) -> list[dict[str, dict[str, str]]]:
        """Return the result of a query; empty while Prometheus starts."""
        try:
            answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=60)
        except httpx.TransportError:
            return []
        found: list[dict[str, dict[str, str]]] = answer.json()["data"]["result"] if answer.status_code == 200 else []
        return found


@contextmanager
def prometheus(directory: Path, rules: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes, and evaluates `rules`, every second; it starts without targets."""
    port, targets = held_port(), directory / "targets.json"
    targets.write_text("[]")
    often = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    found = {"job_name": "found", "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}]}
    (directory / "prometheus.yml").write_text(
        json.dumps({"global": often, "rule_files": [str(rules)], "scrape_configs": [found]})
    )
    command = [
        "prometheus",
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield Prometheus(f"http://127.0.0.1:{port}", targets)
        finally:
            process.terminate()
