"""Settings come from KRONOS_* variables. An error names the wrong one, and never quotes a value that could be a
secret.
"""

import os
import re
from pathlib import Path

import pytest

from kronos import config

URL = "postgresql://kronos:s3cret-of-the-database@db/app"


@pytest.fixture(autouse=True)
def no_kronos_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in config.unknown_variables() + [f"KRONOS_{field.upper()}" for field in config.Settings.model_fields]:
        monkeypatch.delenv(name, raising=False)


def test_every_setting_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_DATABASE_URL", URL)
    monkeypatch.setenv("KRONOS_PORT", "9000")
    monkeypatch.setenv("KRONOS_LEASE_SECONDS", "2.5")
    settings = config.load()
    assert (settings.database_url.get_secret_value(), settings.port, settings.lease_seconds) == (URL, 9000, 2.5)


def test_an_override_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_DATABASE_URL", URL)
    monkeypatch.setenv("KRONOS_PORT", "9000")
    assert (config.load(port=1).port, config.load(port=None).port) == (1, 9000)


def test_a_missing_database_is_named() -> None:
    with pytest.raises(config.SettingsInvalid, match="KRONOS_DATABASE_URL"):
        config.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KRONOS_PORT", "eighty"),
        ("KRONOS_PORT", "70000"),
        ("KRONOS_LEASE_SECONDS", "0"),
        ("KRONOS_WORKER_CONCURRENCY", "-1"),
        ("KRONOS_LOG_FORMAT", "xml"),
        ("KRONOS_PATH_PREFIX", "kronos/"),
        ("KRONOS_MAX_CONNECTIONS", "0"),
        ("KRONOS_MAX_CONNECTIONS_PER_ADDRESS", "-1"),
        ("KRONOS_MAX_HEADER_BYTES", "100"),
        ("KRONOS_MAX_URL_BYTES", "8k"),
        ("KRONOS_HEAD_SECONDS", "0"),
        ("KRONOS_WRITE_SECONDS", "inf"),
        ("KRONOS_MAX_REQUESTS", "0"),
        ("KRONOS_MAX_HEADERS", "15"),
        ("KRONOS_OIDC_SCOPES", "profile email"),
        ("KRONOS_OIDC_SCOPES", 'openid "s3cret"'),
        ("KRONOS_OIDC_GROUPS_CLAIM", ""),
        ("KRONOS_OIDC_SESSION_SECONDS", "59"),
        ("KRONOS_KEY_SESSION_SECONDS", "2592001"),
        ("KRONOS_METRICS_HOST", ""),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("KRONOS_DATABASE_URL", URL)
    monkeypatch.setenv(name, value)
    with pytest.raises(config.SettingsInvalid, match=name) as raised:
        config.load()
    assert "s3cret" not in str(raised.value)


def test_the_database_url_is_never_shown() -> None:
    assert "s3cret" not in repr(config.load(database_url=URL))


def test_an_unknown_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_WORKER_CONCURENCY", "5")
    assert config.unknown_variables() == ["KRONOS_WORKER_CONCURENCY"]


def test_every_setting_is_documented_with_its_default() -> None:
    documented = dict(
        re.findall(
            r"^\| `(KRONOS_\w+)` \| `?([^|`]*?)`? \|",
            (Path(__file__).parents[2] / "docs/configuration.md").read_text(),
            re.M,
        )
    )
    defaults = {f"KRONOS_{name.upper()}": field for name, field in config.Settings.model_fields.items()}
    assert sorted(documented) == sorted(defaults)
    shown = {name: "required" if field.is_required() else str(field.default or "") for name, field in defaults.items()}
    assert {name: value.strip() for name, value in documented.items()} == shown


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "has no certificate (-----BEGIN CERTIFICATE-----): write certificates in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\ns3cret\n", "it holds a private key; write the authority's certificate"),
        (b"-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----\n", "certificate 1 of 1 in"),
        (b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n", "certificate 1 of 1 in"),
        (b"x" * (4 * 1024 * 1024 + 1), "it is not a file of certificates"),
    ],
)
def test_a_wrong_file_of_authorities_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("KRONOS_DATABASE_URL", URL)
    monkeypatch.setenv("KRONOS_CA_FILE", str(file))
    with pytest.raises(config.SettingsInvalid) as raised:
        config.load()
    assert str(raised.value).startswith(
        f"KRONOS_CA_FILE: {file}" if "certificate 1" not in told else "KRONOS_CA_FILE: certificate 1"
    )
    assert told in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_file_whose_name_is_not_utf_8_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_DATABASE_URL", URL)
    monkeypatch.setenv("KRONOS_CA_FILE", os.fsdecode(b"/no/\xff"))
    with pytest.raises(config.SettingsInvalid, match=r"^KRONOS_CA_FILE: /no/\\udcff cannot be read"):
        config.load()
