"""`kronos migrate` and `kronos up` store the settings of the instance, each in its own place."""

from kronos import config, instance_settings
from sql_factory import Connection, records, value


def test_each_setting_is_stored_as_itself(superuser: Connection, database_url: str) -> None:
    settings = config.load(
        database_url=database_url,
        catch_up_immediate=11,
        catch_up_stagger_seconds=12,
        retention_success_days=13,
        retention_failure_days=14,
        retention_run_details_days=15,
        retention_audit_days=416,
        rate_limit=17,
        alarms="shared",
    )
    instance_settings.store(database_url, settings)
    wave = records(superuser, "select immediate, stagger_seconds from kronos.catch_up_wave")
    assert wave == [{"immediate": 11, "stagger_seconds": 12}]
    kept = records(superuser, "select success_days, failure_days, run_details_days, audit_days from kronos.retention")
    assert kept == [{"success_days": 13, "failure_days": 14, "run_details_days": 15, "audit_days": 416}]
    assert value(superuser, "select per_minute from kronos.request_limit") == 17
    assert value(superuser, "select wanted from kronos.alarm_setting") == "shared"
