"""is_zone_name knows the exact names of zones without reading all of them, and accepts nothing else."""

import psycopg

Connection = psycopg.Connection[tuple[object, ...]]


def known(connection: Connection, names: list[str]) -> list[str]:
    rows = connection.execute("select name from unnest(%s::text[]) as name where kronos.is_zone_name(name)", [names])
    return [str(name) for (name,) in rows]


def test_a_region_and_a_city_are_known_and_all_that_is_known_is_a_zone(shared: Connection) -> None:
    names = [
        str(name) for (name,) in shared.execute("select name from pg_timezone_names where name !~ '^(posix|right)/'")
    ]
    regions = (
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
        "US",
        "Canada",
    )

    assert {name for name in names if name.partition("/")[0] in regions} <= set(known(shared, names))
    misspelt = [
        spelt for name in names for spelt in (name.upper(), name.lower(), name + "x", name + "+3") if spelt not in names
    ]
    assert known(shared, misspelt) == []


def test_what_only_postgresql_takes_for_a_zone_is_not_one(shared: Connection) -> None:
    texts = [
        "Foo+3",
        "Europe/Foo",
        "Europe/Foo+3",
        "Europe/Berlin-Foo",
        "Europe/",
        "/Europe/Berlin",
        "Europe/../Europe/Berlin",
        "",
    ]
    assert known(shared, texts) == []
    assert (
        known(shared, ["CEST", "CET", "-5", "posix/Europe/Berlin", "localtime", "Europe/Berlin ", "Europe/Berlin\n"])
        == []
    )


def test_looking_at_a_zone_leaves_the_sessions_own_as_it_is(shared: Connection) -> None:
    with shared.transaction():
        shared.execute("set local timezone = 'Asia/Kathmandu'")
        assert known(shared, ["Europe/Berlin", "Europe/Nowhere"]) == ["Europe/Berlin"]
        assert shared.execute("select current_setting('timezone')").fetchone() == ("Asia/Kathmandu",)
