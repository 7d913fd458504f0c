"""What looks like a password in another scheduler's entry is found, and ordinary text is not taken for one."""

import pytest

from kronos.imports import passwords
from kronos.model import Json


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "pgpassword", "PWD_FILE", "API_TOKEN", "secret", "X-Api-Key", "Authorization", "Cookie",
     "AWS_CREDENTIALS", "X-Hub-Signature", "monkey"],
)  # fmt: skip
def test_a_name_may_say_that_its_value_is_a_password(name: str) -> None:
    assert passwords.is_named_so(name)


@pytest.mark.parametrize("name", ["PWD", "pwd", "OLDPWD", "PATH", "MAILTO", "Content-Type", "SHELL", ""])
def test_the_names_that_a_shell_sets_are_no_passwords(name: str) -> None:
    assert not passwords.is_named_so(name)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("PGPASSWORD=x pg_dump", "PASSWORD=x"),
        ("backup --password x", "--password x"),
        ("backup --password=x", "--password=x"),
        ("mysqldump -px db", "mysqldump -px"),
        ("mysqldump -u root -h db -psecret db", "mysqldump"),
        ("sshpass -p x ssh host", "sshpass -p x"),
        ("curl -s -u ada:x https://a", "curl"),
        ("curl --user ada:x https://a", "curl"),
        ("wget https://ada:x@host/", "://ada:x@"),
        ("curl https://host/?token=x", "token=x"),
        ('{"password": "x"}', 'password": "x'),
        ("curl -H 'Authorization: Bearer abc'", "Bearer abc"),
        ("alter role a identified by x", "identified by "),
        ("alter role a password 'x'", "password '"),
        ("API_KEY: x", "API_KEY: x"),
        ("private-key=x", "private-key=x"),
    ],
)
def test_a_password_is_found_where_it_begins(text: str, begins: str) -> None:
    at = passwords.place_in(text)
    assert at is not None, text
    assert text[at:].lower().lstrip().startswith(begins.lower())


@pytest.mark.parametrize(
    "text",
    [
        "backup --password-file /run/secrets/db",
        "PGPASSWORD=$DB_PASSWORD pg_dump",
        "curl -u $LOGIN https://a",
        "curl -H 'Authorization: Bearer $TOKEN'",
        "curl -H 'Authorization: Bearer <token>'",
        "mysqldump -p db",
        "mysqldump -P 3306 db",
        "mysqldump db | gzip -9 > a && scp -pr a host:",
        "curl https://host/a@b",
        "the password of the day is known",
        "make token",
        "",
    ],
)
def test_what_holds_no_password_is_let_through(text: str) -> None:
    assert passwords.place_in(text) is None


def test_only_the_beginning_of_a_very_long_text_is_looked_through() -> None:
    assert passwords.place_in(" " * 65_500 + "password=x") == 65_500
    assert passwords.place_in(" " * 65_536 + "password=x") is None


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://host/a", False),
        ("https://host/?page=2", False),
        ("https://host/?key", False),  # a word without a value
        ("https://host/?api_key=", True),
        ("https://host/?page=2&access_token=x", True),
        ("https://ada@host/", True),
        ("https://ada:x@host/", True),
        ("https://host/a@b", False),
        ("https://[::1/?token=x", False),  # no URL: it is refused elsewhere
    ],
)
def test_a_login_or_a_parameter_of_a_url_may_be_one(url: str, found: bool) -> None:
    assert passwords.is_in_url(url) is found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("password=x", True),
        ("report", False),
        (["report", {"a": ["password=x"]}], True),
        ({"password": "x"}, True),
        ({"password": 7}, False),
        ({"password": {"length": 7}}, False),
        ({"keys": ["a", "b"]}, False),
        ({"team": {"api_token": "x"}}, True),
        ({}, False),
        ([], False),
        (7, False),
        (None, False),
    ],
)
def test_a_document_holds_one_in_a_text_or_under_a_name(value: Json, found: bool) -> None:
    assert passwords.is_in(value) is found
