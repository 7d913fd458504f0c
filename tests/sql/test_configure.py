"""Settings of the whole instance are stored once, by the session that migrates."""

import psycopg

from kronos import config, instance_settings


def test_the_spreading_of_missed_deliveries_is_the_instances(database_url: str) -> None:
    settings = config.load(database_url=database_url, catch_up_immediate=3, catch_up_stagger_seconds=0)
    instance_settings.store(database_url, settings)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select immediate, stagger_seconds from kronos.catch_up_wave").fetchall() == [(3, 0)]
