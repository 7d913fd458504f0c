"""A key is found in any URL and removed from any text, so that nothing of its secret remains."""

import logging
from urllib.parse import quote

import pytest

from kronos import config, logs
from kronos.redaction import is_hidden_in_url, key_in, key_in_url, redacted
from own_logging import own_logging

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
    with own_logging():
        logs.configure(config.load(database_url="postgresql://", log_format=log_format))
        try:
            int(KEY)
        except ValueError:
            logging.getLogger("kronos.api").exception("it says %s", f"Bearer {KEY}")
    written = capsys.readouterr().err
    assert SECRET not in written
    assert written.count("kr_live_0123456789ab_***") >= 2


TOKEN = "hb_" + "t" * 32


def encoded(text: str, times: int) -> bytes:
    """The text with each character percent-encoded, and then the percent signs, so many times in all."""
    for _ in range(times):
        text = "".join(f"%{ord(each):02x}" for each in text) if "%" not in text else text.replace("%", "%25")
    return text.encode()


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_a_key_is_found_in_a_url_that_was_encoded_up_to_three_times(times: int) -> None:
    assert key_in_url(b"/v1/" + encoded(KEY, times)) == KEY


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("secret", [KEY, TOKEN])
def test_a_path_that_hides_a_secret_in_percent_signs_is_not_written_down(secret: str, times: int) -> None:
    assert is_hidden_in_url(b"/ping/" + encoded(secret, times))
    assert is_hidden_in_url(b"/ping/%68" + secret.encode()[1:] if secret == TOKEN else b"/%6b" + secret.encode()[1:])


@pytest.mark.parametrize("path", [b"/v1/jobs", b"/v1/a%20b", b"/%", b"/%zz", b"/v1/hb_short%20", KEY.encode()])
def test_a_path_without_a_hidden_secret_may_be_written_down(path: bytes) -> None:
    """A secret that is not encoded is masked where it stands."""
    assert is_hidden_in_url(path) is False


def test_the_token_of_a_ping_address_is_masked_and_a_name_like_it_is_not() -> None:
    assert redacted(f"POST /ping/{TOKEN}/fail HTTP/1.1") == "POST /ping/hb_***/fail HTTP/1.1"
    assert redacted(f"{TOKEN} {KEY} {TOKEN}") == "hb_*** kr_live_0123456789ab_*** hb_***"
    assert redacted("the job hb_nightly ran, with hb_0123456789abcde") == (
        "the job hb_nightly ran, with hb_0123456789abcde"
    )
    assert redacted("hb_0123456789abcdef") == "hb_***"


@pytest.mark.parametrize("text", ["", "kr_live_x", "kr_live_0123456789ab_" + "x" * 15, "xkr_" + KEY[4:].upper()])
def test_a_text_without_a_key_has_none(text: str) -> None:
    assert (key_in(text), redacted(text)) == (None, text)


def test_a_key_ends_where_its_characters_end() -> None:
    assert key_in(f'{{"key":"{KEY}"}}') == KEY
    assert key_in(f"{KEY}.{KEY}") == KEY


def test_the_public_part_stays() -> None:
    assert redacted(f"a {KEY} b {KEY}.") == "a kr_live_0123456789ab_*** b kr_live_0123456789ab_***."
