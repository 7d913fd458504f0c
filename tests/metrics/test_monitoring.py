"""The documentation, the alert rules and the dashboard name existing metrics. Prometheus itself loads the rules, fires
each of them, and reads a real instance."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api_process import serving
from conftest import await_condition
from held_ports import held_port
from kronos.metrics import catalog, instance
from kronos.metrics.definition import Metric
from kronos.metrics.exposition import Exposition
from metrics.scraper import needs_prometheus, prometheus

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
ALL = (*catalog.PROCESSES, *catalog.APIS, *catalog.WORKERS, *instance.DATABASE)
_TEXTS = {name: (MONITORING / name).read_text() for name in ("rules.yml", "rules_test.yml", "dashboard.json")}
_NAMED = re.compile(r"\b(?:kronos|process|python)_[a-z_]+\b")


def row(metric: Metric) -> str:
    """The metric's row of docs/metrics.md."""
    labels = ", ".join(f"`{each}`" for each in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


@pytest.fixture(scope="module")
def series() -> set[str]:
    """Every name that a series may have."""
    found = {each.name for each in ALL}
    for metric in ALL:
        if metric.kind == "histogram":
            found |= {f"{metric.name}_{suffix}" for suffix in ("bucket", "count", "sum")}
    text, _ = Exposition(list).text("")
    return found | {each.name for family in text_string_to_metric_families(text.decode()) for each in family.samples}


def test_each_metric_has_a_name_of_its_own_and_stands_in_one_list() -> None:
    modules = (catalog, instance)
    defined = [each for module in modules for each in vars(module).values() if isinstance(each, Metric)]
    assert len({each.name for each in defined}) == len(defined)
    assert {each.name for each in defined} == {each.name for each in ALL}


def test_the_documentation_lists_each_metric_as_it_is_and_no_other() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    assert [row(each) for each in ALL if row(each) not in text] == []
    assert set(re.findall(r"^\| `(kronos_\w+)`", text, re.MULTILINE)) == {each.name for each in ALL}


@pytest.mark.parametrize("name", _TEXTS)
def test_each_metric_that_is_named_is_there(name: str, series: set[str]) -> None:
    named = set(_NAMED.findall(_TEXTS[name]))
    assert len(named) > 20
    assert named - series == set()


def test_each_alert_is_tested_and_documented() -> None:
    rules = [rule for group in yaml.safe_load(_TEXTS["rules.yml"])["groups"] for rule in group["rules"]]
    names = {rule["alert"] for rule in rules}
    assert len(names) == len(rules) > 20
    assert {each["name"] for each in yaml.safe_load(_TEXTS["rules_test.yml"])["tests"]} == names | {
        "healthy",
        "a quiet instance",
    }
    documented = (ROOT / "docs" / "metrics.md").read_text()
    for rule in rules:
        assert f"`{rule['alert']}`" in documented
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}


def test_what_an_alert_takes_the_growth_of_is_there_before_it_grows() -> None:
    """Prometheus sees no growth in a series that first appears as 1."""
    grown = set(re.findall(r"increase\((kronos_\w+)", _TEXTS["rules.yml"]))
    assert len(grown) > 3
    shown = {each.name for each in ALL if not each.labels or each.known} | {catalog.REQUESTS.name}  # by its meter
    assert grown - shown == set()


def test_the_dashboard_is_one() -> None:
    shown = json.loads(_TEXTS["dashboard.json"])
    panels = [each for each in shown["panels"] if each["type"] != "row"]
    assert len(panels) > 20
    assert len({each["id"] for each in shown["panels"]}) == len(shown["panels"])
    for panel in panels:
        assert all(target["expr"] for target in panel["targets"])
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def promtool(*arguments: str) -> str:
    ended = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, cwd=MONITORING)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@needs_prometheus
def test_promtool_takes_the_rules_and_the_configuration() -> None:
    assert "SUCCESS" in promtool("check", "rules", "rules.yml")
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


@needs_prometheus
def test_each_alert_fires_by_what_it_is_for_and_none_beside_a_healthy_instance() -> None:
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml")


@needs_prometheus
def test_promtool_finds_nothing_to_say_of_the_names(database_url: str) -> None:
    port = held_port()
    with serving(database_url, KRONOS_METRICS_PORT=str(port)):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).content
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_prometheus
def test_prometheus_reads_an_instance_and_knows_its_rules(database_url: str, tmp_path: Path) -> None:
    port = held_port()
    with serving(database_url, KRONOS_METRICS_PORT=str(port)), prometheus(tmp_path, MONITORING / "rules.yml") as one:
        one.scrape(kronos_api=f"127.0.0.1:{port}")
        queries = ("kronos_database_up == 1", "up == 1", "kronos_recent_ticks")
        # All at once: on a busy machine the next scrape may come too late, and show nothing.
        await_condition(lambda: all(map(one.asked, queries)), f"Prometheus to have {queries}")
        rules = httpx.get(f"{one.url}/api/v1/rules", timeout=60).json()["data"]["groups"]
        assert [each["health"] for group in rules for each in group["rules"] if each["health"] == "err"] == []
