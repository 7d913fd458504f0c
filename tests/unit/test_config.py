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


@pytest.mark.parametrize(
    ("given", "networks"),
    [
        ("", []),
        (" , ", []),
        ("10.0.0.0/8", ["10.0.0.0/8", "::ffff:a00:0/104"]),
        (" 192.0.2.7 ,2001:db8::/32,", ["192.0.2.7/32", "::ffff:c000:207/128", "2001:db8::/32"]),
        ("0.0.0.0/0", ["0.0.0.0/0", "::ffff:0:0/96"]),
        ("::1", ["::1/128"]),
    ],
)
def test_a_network_of_ipv4_is_also_one_of_ipv6_sockets(given: str, networks: list[str]) -> None:
    """A socket for both reports an IPv4 address in its IPv6 form."""
    assert config.networks(given) == networks
    assert config.load(database_url=URL, trusted_proxies=given).trusted_proxies == given


@pytest.mark.parametrize("given", ["10.0.0.1/8", "example.com", "10.0.0.0/33", "10.0.0.0/8;::1", "10.0.0", "*"])
def test_what_is_no_network_is_named_with_how_to_write_one(given: str) -> None:
    with pytest.raises(config.SettingsInvalid) as raised:
        config.load(database_url=URL, trusted_proxies=f"::1, {given}")
    assert str(raised.value) == (
        f"KRONOS_TRUSTED_PROXIES {given!r} is not a network: write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"
    )


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("", []),
        (" , ", []),
        ("*", ["*"]),
        ("https://a.example, http://b-2.example:8443 ,", ["https://a.example", "http://b-2.example:8443"]),
        ("http://[::1]:3000", ["http://[::1]:3000"]),
    ],
)
def test_origins_are_read_as_browsers_write_them(given: str, origins: list[str]) -> None:
    assert config.origins(given) == origins
    assert config.load(database_url=URL, cors_origins=given).cors_origins == given


@pytest.mark.parametrize(
    "given",
    ["a.example", "https://a.example/", "https://A.example", "ftp://a.example", "https://a.example:0", "null", "**"],
)
def test_what_no_browser_sends_is_no_origin(given: str) -> None:
    with pytest.raises(config.SettingsInvalid, match=re.escape(f"KRONOS_CORS_ORIGINS {given!r} is not an origin")):
        config.load(database_url=URL, cors_origins=f"https://b.example,{given}")


@pytest.mark.parametrize("given", ["*,https://a.example", "https://a.example,*", "*,*"])
def test_all_origins_are_named_alone(given: str) -> None:
    with pytest.raises(config.SettingsInvalid) as raised:
        config.load(database_url=URL, cors_origins=given)
    assert str(raised.value) == "KRONOS_CORS_ORIGINS * allows all origins: remove the others"


def test_the_limit_of_requests_is_a_number_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_DATABASE_URL", f" {URL}\n")
    assert config.load().rate_limit == 300_000
    for given, limit in (("off", None), ("7", 7)):
        monkeypatch.setenv("KRONOS_RATE_LIMIT", given)
        assert (config.load().rate_limit, config.load().database_url.get_secret_value()) == (limit, URL)
    for given in ("0", "none", "Off"):
        monkeypatch.setenv("KRONOS_RATE_LIMIT", given)
        with pytest.raises(config.SettingsInvalid, match=r"^KRONOS_RATE_LIMIT: "):
            config.load()


def test_all_wrong_variables_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_PORT", "eighty")
    monkeypatch.setenv("KRONOS_CORS_ORIGINS", "here")
    with pytest.raises(config.SettingsInvalid) as raised:
        config.load()
    said = str(raised.value)
    assert said.startswith("KRONOS_DATABASE_URL is not set: set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE; ")
    assert "; KRONOS_PORT: Input should be a valid integer" in said
    assert "; KRONOS_CORS_ORIGINS 'here' is not an origin" in said
