"""A connection string is checked once, and its error is one sentence without a secret. libpq's environment variables
affect only the connections that they are meant for.
"""

import os

import pytest

from kronos import config, libpq, session

SECRET = "s3kret"

WRONG = {
    "": "is empty",
    "  ": "is empty",
    f"postgresql://app:{SECRET}%zz@db/app": "has a % that is not part of a valid %XX: .* % is written %25",
    f"postgresql://app:{SECRET}%00@db/app": "has a % that is not part of a valid %XX",
    f"postgresql://app:{SECRET}@x@db/app": "has one @ or / too many: .* @ %40",
    f"postgresql://app:{SECRET}/x@db/app": "has one @ or / too many: .* / %2F|has a port that is not a number",
    f"postgresql://app:{SECRET} x@db/app": "contains a blank or a line break",
    f"postgresql://app:{SECRET}\nx@db/app": "contains a blank or a line break",
    f"mysql://app:{SECRET}@db/app": "begins with mysql://, which is not PostgreSQL: write postgresql://",
    f"mysql://app:{SECRET}@db/app?charset=utf8": "begins with mysql://",
    f"postgresql+psycopg://app:{SECRET}@db/app": "begins with postgresql\\+psycopg://, the form of another driver: "
                                                 "write postgresql://",
    f"postgres+asyncpg://app:{SECRET}@db/app": "begins with .* the form of another driver",
    f"jdbc:postgresql://db/app?user=app&password={SECRET}": "begins with jdbc:postgresql://, the form of another",
    f"https://app:{SECRET}@db/app": "begins with https://",
    f"postgresql:/app:{SECRET}@db/app": "is not a connection string",
    f"db/{SECRET}": "is not a connection string",
    f"host=db password={SECRET} x": "is not a connection string: .* values that contain blanks",
    f"host=db password={SECRET} x=1": "has a key that libpq does not know",
    f"host=db password='{SECRET}": "has a quoted value without a closing quote",
    f"postgresql://app:{SECRET}@[::1/app": "has an IPv6 address without the closing",
    f"postgresql://app:{SECRET}@db/app?schema=public": "has a parameter after the \\?",
    f"postgresql://app:{SECRET}@db/app?sslmode": "has a parameter after the \\?",
    f"postgresql://app:{SECRET}@db:70000/app": "has a port that is not a number from 1 to 65535",
    f"postgresql://app:{SECRET}@db:five/app": "has a port that is not a number",
    f"postgresql://app:{SECRET}@db..internal/app": "has an invalid host name: each part between its dots",
    f"postgresql://app:{SECRET}@db,.internal/app": "has an invalid host name",
    f"postgresql://app:{SECRET}@{'d' * 64}.internal/app": "has an invalid host name",
    f"postgresql://app:{SECRET}@a:1,b:2,c/app": None,
    f"host=a,b,c port=1,2 password={SECRET}": "names 3 hosts and 2 ports",
    f"postgresql://app:{SECRET}@db/app?sslmode=yes": "has a value of sslmode that libpq does not know: use allow",
    f"postgresql://app:{SECRET}@db/app?target_session_attrs=master": "has a value of target_session_attrs",
}  # fmt: skip


@pytest.mark.parametrize("url", [url for url, said in WRONG.items() if said])
def test_a_wrong_connection_string_is_a_sentence_without_the_password(url: str) -> None:
    with pytest.raises(config.SettingsInvalid, match=f"^KRONOS_DATABASE_URL ({WRONG[url]})") as raised:
        config.load(database_url=url)
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert SECRET not in repr(raised.value.__cause__)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgres://app@db/app",
        "postgresql:///app?host=/run/postgresql",
        f"postgresql:///app?host=/run/{'d' * 64}..d",
        "postgresql://app@db./app",
        "postgresql://app@d\u00fc.example/app",
        "host=db..internal hostaddr=192.0.2.7",
        "postgresql://%2Frun%2Fpostgresql/app",
        "postgresql://app:100%25%40%3A%2F@db/app",
        "postgresql://app:a#b@db/app",
        "postgresql://app@[::1]:5433/app",
        "postgresql://app@a:5432,b:5433/app?target_session_attrs=primary",
        "host=db port=5433 dbname=app user=app password='a b'",
        "host=a,b dbname=app",
        "service=kronos",
        "postgresql://app@db/app?ssl=true",
    ],
)
def test_a_sound_one_is_taken_as_it_is(url: str) -> None:
    assert config.load(database_url=url).database_url.get_secret_value() == url


def test_blanks_and_line_ends_around_it_are_not_meant() -> None:
    assert (
        config.load(database_url=" postgresql://app@db/app\n").database_url.get_secret_value()
        == "postgresql://app@db/app"
    )


def test_of_several_servers_the_one_that_takes_writes_is_meant() -> None:
    assert "target_session_attrs=read-write" in session.conninfo("postgresql://app@a,b/app")
    assert "target_session_attrs=any" in session.conninfo("postgresql://app@a,b/app?target_session_attrs=any")
    assert "target_session_attrs" not in session.conninfo("postgresql://app@a/app")


FILL_IN = {"PGPASSWORD", "PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGUSER", "PGPORT", "PGREQUIREAUTH"}
LEAD_ELSEWHERE = {
    "PGOPTIONS", "PGSERVICE", "PGHOSTADDR", "PGAPPNAME", "PGCLIENTENCODING", "PGCONNECT_TIMEOUT", "PGTZ",
    "PGDATESTYLE", "PGGEQO",
    "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS",
}  # fmt: skip


def test_what_fills_in_for_a_url_stays_and_the_rest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FILL_IN | LEAD_ELSEWHERE | {"PGDATA"}:
        monkeypatch.setenv(name, "x")
    libpq.forget_environment("postgresql://app@db/app")
    assert {name for name in FILL_IN | LEAD_ELSEWHERE | {"PGDATA"} if name in os.environ} == FILL_IN | {"PGDATA"}
    libpq.forget_environment()
    assert {name for name in FILL_IN if name in os.environ} == set()
