"""`kronos up` gives each of its processes a metrics port if it has one itself."""

from pathlib import Path

import pytest

from kronos import config
from kronos.embedded.cluster import Cluster
from kronos.embedded.supervisor import Plan, Supervisor


def _ports(home: Path, metrics_port: int | None) -> list[str | None]:
    settings = config.load(database_url="postgresql://", metrics_port=metrics_port)
    plan = Plan(home=home, settings=settings, workers=2)
    supervisor = Supervisor(plan, announce=lambda _: None, note=lambda _: None)
    return [supervisor._environment_of(each).get("KRONOS_METRICS_PORT") for each in supervisor._services()]


def test_its_processes_have_ports_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "url_as", lambda *_: "postgresql://")
    assert _ports(tmp_path, 9464) == ["9464", "9465", "9466"]
    assert _ports(tmp_path, None) == [None, None, None]
