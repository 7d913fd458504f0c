"""The Dockerfile and the compose file, without Docker: the contents of a build, and each container's permissions."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = ROOT / "docker-compose.yml"
OURS = ("db", "migrate", "api", "worker")
Service = dict[str, Any]


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    read: dict[str, dict[str, Service]] = yaml.safe_load(COMPOSE.read_text())
    return read["services"]


def _stages() -> dict[str, str]:
    """The instructions of each stage by its name, and the stage or image that it is built from."""
    parts = re.split(r"^FROM (\S+) AS (\S+)\n", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {parts[at + 1]: f"{parts[at]}\n{parts[at + 2]}" for at in range(0, len(parts), 3)}


def test_a_build_is_given_what_it_copies() -> None:
    """The image's file list once named a file that .dockerignore excluded, so no image could be built."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        each for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for each in line.split()
    ]
    assert len(copied) >= 6
    for each in copied:
        assert (ROOT / each).exists(), each
        assert any(each == inside or each.startswith(f"{inside}/") for inside in allowed), each


def test_the_image_is_made_last_and_runs_as_nobody() -> None:
    stages = _stages()
    assert list(stages)[-1] == "kronos"
    assert re.findall(r"^USER (.*)$", stages["kronos"], re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^USER (.*)$", stages["database"], re.MULTILINE) == ["postgres"]
    for name in ("kronos", "database"):
        assert "HEALTHCHECK" in stages[name], name
        assert stages[name].startswith("base\n"), name
    for tool in ("pip", "npm", "binutils", "venv "):
        assert tool not in stages["base"] + stages["kronos"], tool


def test_the_compose_file_is_as_compose_reads_it(tmp_path: Path) -> None:
    from check_jsonschema import main  # type: ignore[import-untyped]  # it has no types

    def judged(file: Path) -> int:
        return CliRunner().invoke(main, ["--builtin-schema", "vendor.compose-spec", str(file)]).exit_code

    assert judged(COMPOSE) == 0
    misspelt = tmp_path / "docker-compose.yml"
    misspelt.write_text(COMPOSE.read_text().replace("healthcheck:", "healthchek:").replace("stop_grace", "stop_grac"))
    assert judged(misspelt) == 1


def test_each_of_our_containers_is_hardened_and_bounded(services: dict[str, Service]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert "privileged" not in service, name


def test_each_container_is_given_no_more_than_its_own(services: dict[str, Service]) -> None:
    who = {
        secret: {name for name, service in services.items() if f"{{{secret}" in str(service.get("environment", {}))}
        for secret in ("KRONOS_DB_PASSWORD", "KRONOS_API_PASSWORD", "KRONOS_WORKER_PASSWORD")
    }
    assert who == {
        "KRONOS_DB_PASSWORD": {"db", "migrate"},
        "KRONOS_API_PASSWORD": {"migrate", "api"},
        "KRONOS_WORKER_PASSWORD": {"migrate", "worker"},
    }
    volumes = {name: services[name]["volumes"] for name in OURS}
    assert volumes["migrate"] == ["admin:/var/lib/kronos/admin", "encryption:/var/lib/kronos/encryption"]
    for name in ("api", "worker"):
        assert volumes[name] == ["encryption:/var/lib/kronos/encryption:ro"], name


def test_nothing_is_reached_from_outside_this_machine(services: dict[str, Service]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_deliveries_are_given_time_to_end(services: dict[str, Service]) -> None:
    for name in ("api", "worker"):
        assert int(services[name]["stop_grace_period"].rstrip("s")) > 10 + 5, name  # KRONOS_SHUTDOWN_SECONDS, and 5


def test_images_of_others_are_of_one_version(services: dict[str, Service]) -> None:
    for name, service in services.items():
        if name not in OURS:
            assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", service["image"]), name
            assert service["profiles"], name


def test_prometheus_is_given_the_rules_and_grafana_the_dashboard(services: dict[str, Service]) -> None:
    mounted = {
        Path(volume.split(":")[0])
        for name in ("prometheus", "grafana")
        for volume in services[name]["volumes"]
        if volume.startswith("./")
    }
    assert {path.name for path in mounted} == {
        "rules.yml", "prometheus-compose.yml", "datasource.yml", "dashboards.yml", "dashboard.json",
    }  # fmt: skip
    for path in mounted:
        assert (ROOT / path).is_file(), path
    scraped = yaml.safe_load((ROOT / "monitoring" / "prometheus-compose.yml").read_text())
    names = {each["job_name"]: each["dns_sd_configs"][0]["names"] for each in scraped["scrape_configs"]}
    assert names == {"kronos-api": ["api"], "kronos-worker": ["worker"]}
    assert scraped["rule_files"] == ["rules.yml"]
    (place,) = yaml.safe_load((ROOT / "monitoring" / "grafana" / "dashboards.yml").read_text())["providers"]
    assert f"./monitoring/dashboard.json:{place['options']['path']}/" in str(services["grafana"]["volumes"])
