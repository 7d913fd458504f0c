"""A key is found in any URL and removed from any text, so that nothing of its secret remains."""

import logging
from urllib.parse import quote

import pytest

from kronos import config, logs
from kronos.redaction import key_in_url, redacted

SECRET = "s3cret-" + "x" * 36
KEY = f"kr_live_0123456789ab_{SECRET}"


@pytest.mark.parametrize(
    "url",
    [
        f"/v1/workspaces?key={KEY}",
        f"/v1/workspaces/{KEY}/jobs",
        f"/v1/workspaces?key={quote(KEY).replace('_', '%5F')}",
        f"/v1/workspaces?key={quote(KEY.replace('_', '%5f'))}",
        f"/%6b%72_live_0123456789ab_{SECRET}",
        f"/?next=https%3A%2F%2Fx%2F%3Fk%3D{KEY}%26",
        f"/v1\xff?{KEY}",
    ],
)
def test_a_key_is_found_wherever_it_stands_in_a_url(url: str) -> None:
    found = key_in_url(url.encode("latin-1"))
    assert found == KEY


@pytest.mark.parametrize("url", ["/v1/workspaces", "/v1/workspaces/kr_live_x", "/?q=kr_live_0123456789ab_short", "/%"])
def test_what_is_no_key_is_none(url: str) -> None:
    assert key_in_url(url.encode()) is None


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_line_of_the_log_has_a_secret_of_a_key(
    log_format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure(config.load(database_url="postgresql://", log_format=log_format))
        try:
            int(KEY)
        except ValueError:
            logging.getLogger("kronos.api").exception("it says %s", f"Bearer {KEY}")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    written = capsys.readouterr().err
    assert SECRET not in written
    assert written.count("kr_live_0123456789ab_***") >= 2


def test_the_public_part_stays() -> None:
    assert redacted(f"a {KEY} b {KEY}.") == "a kr_live_0123456789ab_*** b kr_live_0123456789ab_***."
