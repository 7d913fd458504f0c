"""The Helm chart: its manifests are valid for Kubernetes, and its pods run unprivileged with minimal access."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "kronos"
HELM = shutil.which("helm", path=str(Path(sys.executable).parent)) or shutil.which("helm")
pytestmark = pytest.mark.skipif(HELM is None, reason="helm is not installed (bin/install brings it on Linux, x86-64)")
OLDEST = "1.27"
"""The oldest Kubernetes that the chart supports."""
EVERYTHING = {
    "admin": {"existingSecret": "kronos-admin"},
    "database": {"existingSecret": "db", "caConfigMap": "rds-ca"},
    "api": {"autoscaling": {"enabled": True}, "env": {"KRONOS_RATE_LIMIT": 60000}},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "trustedProxies": "10.0.0.0/8"},
    "workers": {"default": {"autoscaling": {"enabled": True}}, "gpu": {"groups": ["gpu", "lab"], "concurrency": 4}},
    "metrics": {"podMonitor": {"enabled": True}, "rules": {"enabled": True, "labels": {"release": "prometheus"}}},
    "networkPolicy": {"metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]},
    "priorityClassName": "high",
    "image": {"repository": "registry.example.com/kronos", "tag": "9", "pullSecrets": ["registry"]},
}
CUSTOM = ("PodMonitor", "PrometheusRule")  # of the Prometheus Operator: Kubernetes has no schema of them
Manifest = dict[str, Any]


def _helm(*arguments: str, values: Manifest | None = None) -> "subprocess.CompletedProcess[str]":
    assert HELM is not None
    with_values = ["--values", "-"] if values is not None else []
    return subprocess.run(
        [HELM, *arguments, str(CHART), *with_values],
        input=json.dumps(values) if values is not None else "",
        capture_output=True,
        text=True,
        check=False,
    )


def _made(values: Manifest, *, release: str = "kronos") -> list[Manifest]:
    answer = _helm("template", release, "--namespace", "jobs", values=values)
    assert answer.returncode == 0, answer.stderr
    return [each for each in yaml.safe_load_all(answer.stdout) if each]


@pytest.fixture(scope="module", params=[{}, EVERYTHING], ids=["defaults", "everything"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return _made(request.param)


def _pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for each in manifests:
        if each["kind"] in ("Deployment", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def _env(pod: Manifest) -> dict[str, Manifest]:
    return {each["name"]: each for each in pod["containers"][0]["env"]}


def _kubernetes() -> ModuleType:
    """Kubernetes' schemas. Loading them takes 0.1 s: all of pytest's processes collect this file, only one runs it."""
    return importlib.import_module("kubernetes_validate")


def _validate(manifest: Manifest, version: str | None = None) -> None:
    """Validate with the schemas of this version of Kubernetes, or of the newest known. Raises ValidationError."""
    _kubernetes().validate(manifest, version or _kubernetes().latest_version(), strict=True)


def test_helm_finds_nothing_wrong() -> None:
    answer = _helm("lint", "--strict")
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("version", [OLDEST, None], ids=["oldest", "newest"])
def test_kubernetes_reads_what_it_makes(manifests: list[Manifest], version: str | None) -> None:
    assert len(manifests) >= 8
    for each in manifests:
        if each["kind"] not in CUSTOM:
            _validate(each, version)


def test_the_schemas_refuse_what_is_misspelt(manifests: list[Manifest]) -> None:
    """Proves that the test above can fail."""
    (api,) = [each for each in manifests if each["metadata"]["name"] == "kronos-api" and each["kind"] == "Deployment"]
    misspelt = json.loads(json.dumps(api).replace("readinessProbe", "readynessProbe"))
    with pytest.raises(_kubernetes().ValidationError, match="readynessProbe"):
        _validate(misspelt)


def test_each_pod_runs_as_nobody_and_writes_nowhere(manifests: list[Manifest]) -> None:
    pods = dict(_pods(manifests))
    assert {"kronos-api", "kronos-worker-default", "kronos-migrate"} <= set(pods)
    for name, pod in pods.items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert container["resources"]["limits"]["memory"], name
        assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}, name


def test_only_the_migration_knows_the_administrators_url(manifests: list[Manifest]) -> None:
    of = {
        name: {key: each["valueFrom"]["secretKeyRef"]["key"] for key, each in _env(pod).items() if "valueFrom" in each}
        for name, pod in _pods(manifests)
    }
    assert of.pop("kronos-migrate") == {
        "KRONOS_DATABASE_URL": "migrate-url",
        "KRONOS_API_PASSWORD": "api-password",
        "KRONOS_WORKER_PASSWORD": "worker-password",
    }
    assert of.pop("kronos-api") == {"KRONOS_DATABASE_URL": "api-url"}
    assert of
    assert all(each == {"KRONOS_DATABASE_URL": "worker-url"} for each in of.values()), of


def test_no_secret_is_made_or_named_twice(manifests: list[Manifest]) -> None:
    assert not [each for each in manifests if each["kind"] == "Secret"]
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(names) == len(set(names))


def test_the_migration_comes_before_and_after_its_account(manifests: list[Manifest]) -> None:
    hooks = {
        each["kind"]: each["metadata"]["annotations"]
        for each in manifests
        if "helm.sh/hook" in each["metadata"].get("annotations", {})
    }
    assert set(hooks) == {"Job", "ServiceAccount"}
    assert {each["helm.sh/hook"] for each in hooks.values()} == {"pre-install,pre-upgrade"}
    assert int(hooks["ServiceAccount"]["helm.sh/hook-weight"]) < int(hooks["Job"]["helm.sh/hook-weight"])


def test_selectors_find_the_pods_that_they_mean(manifests: list[Manifest]) -> None:
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in manifests
        if each["kind"] == "Deployment"
    }

    def chosen(labels: dict[str, str]) -> set[str]:
        return {name for name, has in pods.items() if labels.items() <= has.items()}

    (service,) = [each for each in manifests if each["kind"] == "Service"]
    assert chosen(service["spec"]["selector"]) == {"kronos-api"}
    budgets = [each for each in manifests if each["kind"] == "PodDisruptionBudget"]
    assert {each["metadata"]["name"] for each in budgets} == set(pods)
    for each in budgets:
        assert chosen(each["spec"]["selector"]["matchLabels"]) == {each["metadata"]["name"]}
    scalers = [each for each in manifests if each["kind"] == "HorizontalPodAutoscaler"]
    assert {each["spec"]["scaleTargetRef"]["name"] for each in scalers} <= set(pods)
    (policy,) = [each for each in manifests if each["kind"] == "NetworkPolicy"]
    assert chosen(policy["spec"]["podSelector"]["matchLabels"]) == set(pods)


def test_a_group_of_workers_is_as_the_default_where_it_says_nothing() -> None:
    pods = dict(_pods(_made(EVERYTHING)))
    gpu, default = _env(pods["kronos-worker-gpu"]), _env(pods["kronos-worker-default"])
    assert gpu["KRONOS_WORKER_GROUPS"]["value"] == "gpu,lab"
    assert gpu["KRONOS_WORKER_CONCURRENCY"]["value"] == "4"
    assert "KRONOS_WORKER_GROUPS" not in default
    assert gpu["KRONOS_LOG_FORMAT"] == default["KRONOS_LOG_FORMAT"]


def test_numbers_are_written_out() -> None:
    """Helm reads a file's numbers as floats, and writes large ones as 1e+06, which Kronos cannot read."""
    pods = dict(_pods(_made({"api": {"env": {"KRONOS_RATE_LIMIT": 60_000_000, "KRONOS_POLL_SECONDS": 0.5}}})))
    assert _env(pods["kronos-api"])["KRONOS_RATE_LIMIT"]["value"] == "60000000"
    assert _env(pods["kronos-api"])["KRONOS_POLL_SECONDS"]["value"] == "0.5"
    large = 10_000_000
    made = _made(
        {
            "migrate": {"activeDeadlineSeconds": large, "backoffLimit": large},
            "terminationGracePeriodSeconds": large,
            "workers": {
                "default": {
                    "concurrency": large,
                    "replicas": large,
                    "podDisruptionBudget": {"maxUnavailable": large},
                },
                "gpu": {"autoscaling": {"enabled": True, "maxReplicas": large, "targetSeconds": large}},
            },
        }
    )
    for each in made:
        _validate(each)
    assert "e+0" not in json.dumps(made)


def test_a_setting_of_its_own_switches_off_what_all_have() -> None:
    """Empty text, false and 0 are values: an API without private networks stays so when the workers may reach them."""
    all_have = {"KRONOS_EGRESS_ALLOW": "10.0.0.0/8", "KRONOS_METRICS_BY_JOB": True, "KRONOS_RATE_LIMIT": 5}
    own = {"KRONOS_EGRESS_ALLOW": "", "KRONOS_METRICS_BY_JOB": False, "KRONOS_RATE_LIMIT": 0}
    pods = dict(_pods(_made({"env": all_have, "api": {"env": own}, "workers": {"gpu": {"env": own}}})))
    for name, wanted in {
        "kronos-api": ("", "false", "0"),
        "kronos-worker-gpu": ("", "false", "0"),
        "kronos-worker-default": ("10.0.0.0/8", "true", "5"),
    }.items():
        env = _env(pods[name])
        assert tuple(env[each]["value"] for each in own) == wanted, name


@pytest.mark.parametrize("release", ["2026", "v1.kronos", "true", f"{'x' * 49}.ab"])
def test_whatever_a_release_is_called_its_names_are_names(release: str) -> None:
    """A service's name may not start with a digit or contain a dot, and YAML reads some words as other types than
    text."""
    for each in _made({"metrics": {"podMonitor": {"enabled": True}}}, release=release):
        assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", each["metadata"]["name"]), each["metadata"]["name"]
        assert each["kind"] != "Service" or len(each["metadata"]["name"]) <= 63
        if each["kind"] not in CUSTOM:
            _validate(each)


def test_what_the_chart_sets_and_what_is_secret_is_no_setting() -> None:
    """It would be set twice, and a URL would be readable."""
    own = {
        each: "1"
        for each in ("KRONOS_DATABASE_URL", "KRONOS_DATABASE_READ_URL", "KRONOS_API_PASSWORD", "KRONOS_METRICS_PORT")
    }
    of_workers = own | {"KRONOS_WORKER_GROUPS": "gpu"}
    answer = _helm(
        "template", "kronos", values={"env": own, "api": {"env": own}, "workers": {"default": {"env": of_workers}}}
    )
    refused = re.findall(r"invalid propertyName '(\w+)'", answer.stderr)
    assert sorted(refused) == sorted([*own, *own, *of_workers]), answer.stderr


def test_workers_are_scaled_by_how_long_deliveries_wait() -> None:
    made = {(each["kind"], each["metadata"]["name"]): each for each in _made(EVERYTHING)}
    scaler = made["HorizontalPodAutoscaler", "kronos-worker-default"]
    metric = scaler["spec"]["metrics"][0]["external"]["metric"]["name"]
    assert f'"{metric}"' in "".join(path.read_text() for path in (ROOT / "kronos" / "metrics").glob("*.py"))
    deployment = made["Deployment", "kronos-worker-default"]
    assert "replicas" not in deployment["spec"]  # an upgrade would reset them


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"api": {"replica": 3}}, "replica"),
        ({"env": {"KRONO_LOG_FORMAT": "json"}}, "KRONO_LOG_FORMAT"),
        ({"workers": {"gpu": {"group": ["gpu"]}}}, "group"),
        ({"database": {"existingSecret": ""}}, "existingSecret"),
        ({"terminationGracePeriodSeconds": 5}, "terminationGracePeriodSeconds"),
        ({"metrics": {"port": 8080}}, "/metrics/port"),
        ({"service": {"port": 70000}}, "/service/port"),
        ({"image": {"tag": "sha256:ab"}}, "/image/tag"),
        ({"api": {"podAnnotations": {"restarted": 1}}}, "/api/podAnnotations/restarted"),
        ({"workers": {"default": {"groups": ["a,b"]}}}, "/workers/default/groups/0"),
    ],
)
def test_values_that_mean_nothing_are_refused(values: Manifest, named: str) -> None:
    answer = _helm("template", "kronos", values=values)
    assert answer.returncode != 0
    assert named in answer.stderr


def test_its_rules_are_those_of_the_release() -> None:
    assert (CHART / "files" / "rules.yml").read_text() == (ROOT / "monitoring" / "rules.yml").read_text()
    (rule,) = [each for each in _made(EVERYTHING) if each["kind"] == "PrometheusRule"]
    assert rule["spec"] == yaml.safe_load((ROOT / "monitoring" / "rules.yml").read_text())


def test_its_versions_are_the_products() -> None:
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
