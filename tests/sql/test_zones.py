"""Ticks in zones with clock changes: tables computed by hand, and which names a zone may have."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import pytest

from cron_texts import utc

Connection = psycopg.Connection[tuple[object, ...]]

_SCHEDULE = "kronos.read_schedule(%(cron)s, null, null, %(zone)s, %(gap)s, %(overlap)s)"
_TICKS = f"select array(select kronos.next_ticks({_SCHEDULE}, %(after)s, %(count)s))"
_COUNT = f"select count(*) from kronos.next_ticks({_SCHEDULE}, %(after)s, 200) as tick where tick < %(until)s"


@dataclass(frozen=True, slots=True)
class Zone:
    """A cron text in a zone, and its ticks in UTC."""

    zone: str
    cron: str
    gap: str = "SHIFT"
    overlap: str = "FIRST"

    def of(self, **more: object) -> dict[str, object]:
        return {"zone": self.zone, "cron": self.cron, "gap": self.gap, "overlap": self.overlap, **more}


def ticks(connection: Connection, schedule: Zone, after: str, count: int) -> list[datetime]:
    (found,) = connection.execute(_TICKS, schedule.of(after=utc(after), count=count)).fetchone() or ([],)
    return found  # type: ignore[return-value]  # an array


def full(after: str, texts: str) -> list[str]:
    """Instants separated by commas, each beginning where it differs from the previous one: '2026-03-28 01:30, 03-29
    01:00, 02:00'.
    """
    instants = []
    for text in texts.split(", "):
        after = after[: 16 - len(text)] + text
        instants.append(after)
    return instants


# On 2026-03-29 at 01:00 UTC, Berlin's clocks go from 02:00 to 03:00.
BERLIN_GAP = [
    (Zone("Europe/Berlin", "30 2 * * *"), "2026-03-28 00:00", "03-28 01:30, 03-29 01:00, 03-30 00:30"),
    (Zone("Europe/Berlin", "30 2 * * *", gap="SKIP"), "2026-03-28 00:00", "03-28 01:30, 03-30 00:30"),
    (Zone("Europe/Berlin", "30 2 * * *"), "2026-03-29 00:59", "03-29 01:00, 03-30 00:30"),
    (Zone("Europe/Berlin", "30 2 * * *"), "2026-03-29 01:00", "03-30 00:30, 03-31 00:30"),
    # several in the gap are one tick, and so is one that coincides with an existing tick
    (Zone("Europe/Berlin", "*/15 2 * * *"), "2026-03-28 01:40", "03-28 01:45, 03-29 01:00, 03-30 00:00, 00:15"),
    (Zone("Europe/Berlin", "*/15 2 * * *", gap="SKIP"), "2026-03-28 01:40", "03-28 01:45, 03-30 00:00"),
    (Zone("Europe/Berlin", "0 2,3 * * *"), "2026-03-28 03:00", "03-29 01:00, 03-30 00:00, 01:00"),
    (Zone("Europe/Berlin", "0 2,3 * * *", gap="SKIP"), "2026-03-28 03:00", "03-29 01:00, 03-30 00:00, 01:00"),
    (Zone("Europe/Berlin", "30 2,3 * * *"), "2026-03-28 03:00", "03-29 01:00, 01:30, 03-30 00:30"),
    # the hour field begins with a star: the tick is neither moved nor skipped, it does not exist
    (Zone("Europe/Berlin", "30 * * * *"), "2026-03-28 23:45", "03-29 00:30, 01:30, 02:30"),
    (Zone("Europe/Berlin", "30 */2 * * *"), "2026-03-28 22:30", "03-28 23:30, 03-29 02:30"),
    (Zone("Europe/Berlin", "*/30 * * * *"), "2026-03-29 00:00", "03-29 00:30, 01:00, 01:30"),
    (Zone("Europe/Berlin", "30 0-23 * * *"), "2026-03-28 23:45", "03-29 00:30, 01:00, 01:30"),
    # a gap that is months away
    (Zone("Europe/Berlin", "30 2 29 3 *"), "2025-06-01 00:00", "2026-03-29 01:00, 2027-03-29 00:30"),
    (Zone("Europe/Berlin", "30 2 29 3 *", gap="SKIP"), "2025-06-01 00:00", "2027-03-29 00:30"),
    (Zone("Europe/Berlin", "30 2 * 3 0L"), "2025-06-01 00:00", "2026-03-29 01:00, 2027-03-28 01:00"),
    (
        Zone("Europe/Berlin", "30 2 * 3 0L", gap="SKIP"),
        "2026-01-01 00:00",
        "",
    ),  # in the gap forever, until the rules change
]
# On 2026-10-25 at 01:00 UTC, they go from 03:00 to 02:00.
BERLIN_OVERLAP = [
    (Zone("Europe/Berlin", "30 2 * * *"), "2026-10-24 12:00", "10-25 00:30, 10-26 01:30"),
    (Zone("Europe/Berlin", "30 2 * * *", overlap="BOTH"), "2026-10-24 12:00", "10-25 00:30, 01:30, 10-26 01:30"),
    (Zone("Europe/Berlin", "*/30 2 * * *"), "2026-10-24 12:00", "10-25 00:00, 00:30, 10-26 01:00"),
    (
        Zone("Europe/Berlin", "*/30 2 * * *", overlap="BOTH"),
        "2026-10-24 12:00",
        "10-25 00:00, 00:30, 01:00, 01:30, 10-26 01:00",
    ),
    (Zone("Europe/Berlin", "30 1-3 * * *"), "2026-10-24 12:00", "10-24 23:30, 10-25 00:30, 02:30, 10-26 00:30"),
    (Zone("Europe/Berlin", "0 3 * * *"), "2026-10-24 12:00", "10-25 02:00, 10-26 02:00"),
    (Zone("Europe/Berlin", "0 2 * * *"), "2026-10-24 12:00", "10-25 00:00, 10-26 01:00"),
    (Zone("Europe/Berlin", "0 2 * * *", overlap="BOTH"), "2026-10-24 12:00", "10-25 00:00, 01:00, 10-26 01:00"),
    (Zone("Europe/Berlin", "30 * * * *"), "2026-10-24 23:00", "10-24 23:30, 10-25 00:30, 01:30, 02:30"),
    (Zone("Europe/Berlin", "15 */2 * * *"), "2026-10-24 23:00", "10-25 00:15, 01:15, 03:15"),
    # starting between the two
    (Zone("Europe/Berlin", "30 2 * * *"), "2026-10-25 01:10", "10-26 01:30"),
    (Zone("Europe/Berlin", "30 2 * * *", overlap="BOTH"), "2026-10-25 01:10", "10-25 01:30"),
    (Zone("Europe/Berlin", "15 2 25 10 *", overlap="BOTH"), "2026-10-25 00:40", "2026-10-25 01:15, 2027-10-25 00:15"),
    (Zone("Europe/Berlin", "15 2 25 10 *"), "2026-10-25 00:40", "2027-10-25 00:15"),
]
# 2026-03-08 07:00 UTC: 02:00 to 03:00; 2026-11-01 06:00 UTC: 02:00 to 01:00.
NEW_YORK = [
    (Zone("America/New_York", "30 2 * * *"), "2026-03-07 12:00", "03-08 07:00, 03-09 06:30"),
    (Zone("America/New_York", "30 2 * * *", gap="SKIP"), "2026-03-07 12:00", "03-09 06:30"),
    (Zone("America/New_York", "30 1 * * *"), "2026-10-31 12:00", "11-01 05:30, 11-02 06:30"),
    (Zone("America/New_York", "30 1 * * *", overlap="BOTH"), "2026-10-31 12:00", "11-01 05:30, 06:30, 11-02 06:30"),
    (Zone("America/New_York", "0 0 * * 0"), "2026-10-30 00:00", "11-01 04:00, 11-08 05:00"),
    (Zone("America/New_York", "*/30 * * * *"), "2026-11-01 04:50", "11-01 05:00, 05:30, 06:00, 06:30, 07:00"),
]
# Half an hour. 2026-04-04 15:00 UTC: 02:00 (+11:00) to 01:30 (+10:30); 2026-10-03 15:30 UTC: 02:00 to 02:30.
LORD_HOWE = [
    (Zone("Australia/Lord_Howe", "45 1 * * *"), "2026-04-04 00:00", "04-04 14:45, 04-05 15:15"),
    (Zone("Australia/Lord_Howe", "45 1 * * *", overlap="BOTH"), "2026-04-04 00:00", "04-04 14:45, 15:15, 04-05 15:15"),
    (Zone("Australia/Lord_Howe", "15 1 * * *", overlap="BOTH"), "2026-04-04 00:00", "04-04 14:15, 04-05 14:45"),
    (Zone("Australia/Lord_Howe", "15 2 * * *"), "2026-10-03 00:00", "10-03 15:30, 10-04 15:15"),
    (Zone("Australia/Lord_Howe", "15 2 * * *", gap="SKIP"), "2026-10-03 00:00", "10-04 15:15"),
    (Zone("Australia/Lord_Howe", "45 2 * * *"), "2026-10-03 00:00", "10-03 15:45, 10-04 15:45"),
    (Zone("Australia/Lord_Howe", "*/10 * * * *"), "2026-10-03 15:15", "10-03 15:20, 15:30, 15:40"),
    (Zone("Australia/Lord_Howe", "0 * * * *"), "2026-10-03 14:00", "10-03 14:30, 16:00"),
    (Zone("Australia/Lord_Howe", "0 * * * *"), "2026-04-04 13:30", "04-04 14:00, 15:30"),
]
# At midnight. 2026-04-05 03:00 UTC: 24:00 to 23:00 on Saturday; 2026-09-06 04:00 UTC: 00:00 to 01:00 on Sunday.
SANTIAGO = [
    (Zone("America/Santiago", "30 23 * * 6"), "2026-04-04 00:00", "04-05 02:30, 04-12 03:30"),
    (Zone("America/Santiago", "30 23 * * 6", overlap="BOTH"), "2026-04-04 00:00", "04-05 02:30, 03:30, 04-12 03:30"),
    (Zone("America/Santiago", "0 0 * * *"), "2026-04-04 12:00", "04-05 04:00, 04-06 04:00"),
    (Zone("America/Santiago", "0 0 * * *"), "2026-09-05 12:00", "09-06 04:00, 09-07 03:00"),
    (Zone("America/Santiago", "0 0 * * *", gap="SKIP"), "2026-09-05 12:00", "09-07 03:00"),
    (Zone("America/Santiago", "0 0 6 9 *", gap="SKIP"), "2026-09-01 00:00", "2027-09-06 03:00"),
    (Zone("America/Santiago", "59 23 5 9 *"), "2026-09-01 00:00", "09-06 03:59"),
]
# An hour back for Ramadan. 2026-02-15 02:00 UTC: 03:00 to 02:00; 2026-03-22 02:00 UTC: 02:00 to 03:00.
CASABLANCA = [
    (Zone("Africa/Casablanca", "30 2 * * *"), "2026-02-14 12:00", "02-15 01:30, 02-16 02:30"),
    (Zone("Africa/Casablanca", "30 2 * * *", overlap="BOTH"), "2026-02-14 12:00", "02-15 01:30, 02:30, 02-16 02:30"),
    (Zone("Africa/Casablanca", "30 2 * * *"), "2026-03-21 12:00", "03-22 02:00, 03-23 01:30"),
    (Zone("Africa/Casablanca", "30 2 * * *", gap="SKIP"), "2026-03-21 12:00", "03-23 01:30"),
    (Zone("Africa/Casablanca", "0 9 15 * *"), "2026-01-20 00:00", "02-15 09:00, 03-15 09:00, 04-15 08:00"),
]
# Friday 2011-12-30 never existed: at 10:00 UTC on that day, Thursday (-10:00) became Saturday (+14:00).
APIA = [
    (Zone("Pacific/Apia", "0 9 * * *"), "2011-12-29 00:00", "12-29 19:00, 12-30 10:00, 19:00"),
    (Zone("Pacific/Apia", "0 9 * * *", gap="SKIP"), "2011-12-29 00:00", "12-29 19:00, 12-30 19:00"),
    (Zone("Pacific/Apia", "0 */6 * * *"), "2011-12-30 03:00", "12-30 04:00, 10:00, 16:00"),
    (Zone("Pacific/Apia", "0 0 30 12 *"), "2011-06-01 00:00", "2011-12-30 10:00, 2012-12-29 10:00"),
    (Zone("Pacific/Apia", "0 0 30 12 *", gap="SKIP"), "2011-06-01 00:00", "2012-12-29 10:00"),
    (Zone("Pacific/Apia", "0 0 31 12 *"), "2011-06-01 00:00", "2011-12-30 10:00"),
    (Zone("Pacific/Apia", "0 0 * * 5"), "2011-12-24 00:00", "2011-12-30 10:00, 2012-01-05 10:00"),
]
# 2026-04-04 14:00 UTC: 03:45 (+13:45) to 02:45 (+12:45); 2026-09-26 14:00 UTC: 02:45 to 03:45.
CHATHAM = [
    (Zone("Pacific/Chatham", "0 3 * * *"), "2026-04-04 00:00", "04-04 13:15, 04-05 14:15"),
    (Zone("Pacific/Chatham", "0 3 * * *", overlap="BOTH"), "2026-04-04 00:00", "04-04 13:15, 14:15, 04-05 14:15"),
    (Zone("Pacific/Chatham", "0 3 * * *"), "2026-09-26 00:00", "09-26 14:00, 09-27 13:15"),
    (Zone("Pacific/Chatham", "0 3 * * *", gap="SKIP"), "2026-09-26 00:00", "09-27 13:15"),
    (Zone("Pacific/Chatham", "45 3 * * *", gap="SKIP"), "2026-09-26 00:00", "09-26 14:00, 09-27 14:00"),
    (Zone("Pacific/Chatham", "0,45 3 * * *"), "2026-09-26 00:00", "09-26 14:00, 09-27 13:15, 14:00"),
]
# Without clock changes, and with offsets that are not whole hours. Kathmandu's clocks went from 00:00 to 00:15 on
# 1986-01-01, at 18:30 UTC of the day before.
UNCHANGING = [
    (Zone("Asia/Kolkata", "0 9 * * 1"), "2026-11-20 00:00", "11-23 03:30, 11-30 03:30"),
    (Zone("Asia/Kolkata", "0 * * * *"), "2026-01-01 00:00", "01-01 00:30, 01:30"),
    (Zone("Asia/Kolkata", "0 0 1 1 *"), "2026-01-01 00:00", "2026-12-31 18:30"),
    (Zone("Asia/Kathmandu", "0 9 * * *"), "2026-01-01 00:00", "01-01 03:15, 01-02 03:15"),
    (Zone("Asia/Kathmandu", "*/30 * * * *"), "2026-01-01 00:00", "01-01 00:15, 00:45"),
    (Zone("Asia/Kathmandu", "10 0 1 1 *"), "1985-06-01 00:00", "1985-12-31 18:30, 1986-12-31 18:25"),
    (Zone("Etc/GMT+5", "0 0 L * *"), "2026-02-01 00:00", "02-28 05:00"),
    (Zone("Pacific/Kiritimati", "0 0 15W * *"), "2026-08-01 00:00", "08-13 10:00"),
]


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [*BERLIN_GAP, *BERLIN_OVERLAP, *NEW_YORK, *LORD_HOWE, *SANTIAGO, *CASABLANCA, *APIA, *CHATHAM, *UNCHANGING],
    ids=str,
)
def test_the_ticks_are_those_worked_out_by_hand(shared: Connection, schedule: Zone, after: str, expected: str) -> None:
    instants = [utc(text) for text in full(after, expected)] if expected else []
    assert ticks(shared, schedule, after, max(len(instants), 1)) == instants


@pytest.mark.parametrize(
    ("zone", "cron", "begin", "end", "count"),
    [
        ("Europe/Berlin", "0 * * * *", "2026-03-28 23:00", "2026-03-29 22:00", 23),
        ("Europe/Berlin", "0 * * * *", "2026-10-24 22:00", "2026-10-25 23:00", 25),
        ("Europe/Berlin", "*/30 * * * *", "2026-03-28 23:00", "2026-03-29 22:00", 46),
        ("Europe/Berlin", "*/30 * * * *", "2026-10-24 22:00", "2026-10-25 23:00", 50),
        ("Europe/Berlin", "0 0-23 * * *", "2026-03-28 23:00", "2026-03-29 22:00", 23),
        ("Europe/Berlin", "0 0-23 * * *", "2026-10-24 22:00", "2026-10-25 23:00", 24),
        ("America/New_York", "0 * * * *", "2026-03-08 05:00", "2026-03-09 04:00", 23),
        ("America/New_York", "0 * * * *", "2026-11-01 04:00", "2026-11-02 05:00", 25),
        ("Australia/Lord_Howe", "0 * * * *", "2026-10-03 13:30", "2026-10-04 13:00", 23),
        ("Australia/Lord_Howe", "*/30 * * * *", "2026-10-03 13:30", "2026-10-04 13:00", 47),
        ("Australia/Lord_Howe", "*/30 * * * *", "2026-04-04 13:00", "2026-04-05 13:30", 49),
    ],
)
def test_a_day_on_which_clocks_change_has_its_own_number_of_hours(
    shared: Connection, zone: str, cron: str, begin: str, end: str, count: int
) -> None:
    parameters = Zone(zone, cron).of(after=utc(begin) - timedelta(seconds=1), until=utc(end))
    assert shared.execute(_COUNT, parameters).fetchone() == (count,)


def test_the_session_settings_do_not_matter_in_a_zone(shared: Connection) -> None:
    query = (
        f"select array(select extract(epoch from tick) from kronos.next_ticks({_SCHEDULE}, "
        "to_timestamp(%(after)s), 3) as tick)"
    )
    expected = [utc(text).timestamp() for text in ("2026-10-25 00:30", "2026-10-25 01:30", "2026-10-26 01:30")]
    parameters = Zone("Europe/Berlin", "30 2 * * *", overlap="BOTH").of(after=utc("2026-10-24 12:00").timestamp())
    with shared.transaction(force_rollback=True):
        for zone, style in [("UTC", "ISO, MDY"), ("Europe/Berlin", "German, DMY"), ("Pacific/Chatham", "SQL, DMY")]:
            shared.execute("select set_config('TimeZone', %s, true), set_config('DateStyle', %s, true)", [zone, style])
            assert shared.execute(query, parameters).fetchone() == (expected,)


@pytest.mark.parametrize(
    "after", ["infinity", "-infinity", "0044-03-15 12:00+00 BC", "9999-12-31 23:59+00", "12000-01-01+00"]
)
def test_there_is_no_tick_beyond_the_calendar_in_a_zone(shared: Connection, after: str) -> None:
    query = f"select kronos.next_tick({_SCHEDULE}, %(after)s::timestamptz)"
    assert shared.execute(query, Zone("Europe/Berlin", "* * * * *").of(after=after)).fetchone() == (None,)


@pytest.fixture
def needs_zone(shared: Connection) -> Callable[[str], None]:
    """Skip the test if the server's tzdata does not have this zone."""

    def check(name: str) -> None:
        if shared.execute("select from pg_timezone_names where name = %s", [name]).fetchone() is None:
            pytest.skip(f"the server's tzdata has no {name} (from 2024b on Debian keeps old names in tzdata-legacy)")

    return check


@pytest.mark.parametrize(
    "name",
    [
        "UTC",
        "Etc/UTC",
        "GMT0",
        "Zulu",
        "Europe/Berlin",
        "EST",
        "EST5EDT",
        "Etc/GMT+5",
        "America/Argentina/Ushuaia",
        "Iran",
    ],
)
def test_a_zone_is_an_exact_iana_name(shared: Connection, needs_zone: Callable[[str], None], name: str) -> None:
    needs_zone(name)
    assert shared.execute("select kronos.check_zone(%s)", [name]).fetchone() == (name,)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("utc", "Write UTC"),
        ("europe/berlin", "Write Europe/Berlin"),
        ("EUROPE/BERLIN", "Write Europe/Berlin"),
        ("america/new york", "Write America/New_York"),
        (" Asia/Kolkata", "Write Asia/Kolkata"),
        ("Berlin", "Write Europe/Berlin"),
        ("new york", "Write America/New_York"),
        ("Mars/Olympus", "Use an IANA name"),
        ("", "Use an IANA name"),
        ("posix/Europe/Berlin", "Use an IANA name"),
        ("right/Europe/Berlin", "Use an IANA name"),
        ("localtime", "Use an IANA name"),
        ("Factory", "Use an IANA name"),
        ("posixrules", "Use an IANA name"),
        # names that PostgreSQL itself accepts
        ("Foo+3", "Use an IANA name"),
        ("America/Foo3", "Use an IANA name"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "Use an IANA name"),
        ("PST", "An abbreviation"),
        ("cest", "An abbreviation"),
        ("z", "An abbreviation"),
        ("+05:30", "has no daylight saving"),
        ("UTC+5", "has no daylight saving"),
        ("x" * 5000, "Use an IANA name"),
    ],
)
def test_any_other_name_is_refused_with_a_better_one(shared: Connection, name: str, hint: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        shared.execute("select kronos.check_zone(%s)", [name])
    assert caught.value.sqlstate == "KR004"
    assert name[:100] in (caught.value.diag.message_primary or "")
    assert hint in (caught.value.diag.message_hint or "")
    assert len(caught.value.diag.message_primary or "") < 200


@pytest.mark.parametrize(
    ("name", "city"),
    [("CET", "Europe/Brussels"), ("EET", "Europe/Athens"), ("MET", "Europe/Brussels"), ("WET", "Europe/Lisbon")],
)
def test_an_abbreviation_that_wins_over_the_zone_of_its_name_and_has_no_summer_is_refused(
    shared: Connection, needs_zone: Callable[[str], None], name: str, city: str
) -> None:
    needs_zone(name)
    with pytest.raises(psycopg.Error, match="read as an abbreviation") as caught:
        shared.execute("select kronos.check_zone(%s)", [name])
    assert (caught.value.sqlstate, caught.value.diag.message_hint) == ("KR004", f"Name a city: {city}, for instance.")


def test_a_name_that_the_server_has_as_another_zones_abbreviation_is_refused(
    shared: Connection, needs_zone: Callable[[str], None]
) -> None:
    needs_zone("EST")
    with shared.transaction(force_rollback=True):
        shared.execute(
            "set local timezone_abbreviations = 'Australia'"
        )  # EST is ten hours ahead of UTC, not five behind
        with pytest.raises(psycopg.Error, match="read as an abbreviation"):
            shared.execute("select kronos.check_zone('EST')")


def test_the_accepted_names_that_are_abbreviations_read_like_their_zone(shared: Connection) -> None:
    query = """
        select zone.name
          from pg_timezone_names as zone
          join pg_timezone_abbrevs as abbreviation on abbreviation.abbrev = upper(zone.name)
         where zone.name not in ('CET', 'EET', 'MET', 'WET')
    """
    names = [str(name) for (name,) in shared.execute(query).fetchall()]
    assert {"GMT", "UTC"} <= set(names)
    instants = [utc(f"{year}-{month:02}-15 00:00") for year in (1975, 2000, 2026) for month in (1, 7)]
    with shared.transaction(force_rollback=True):
        for name in names:
            assert shared.execute("select kronos.check_zone(%s)", [name]).fetchone() == (name,)
            shared.execute("select set_config('TimeZone', %s, true)", [name])
            for instant in instants:
                # A cast uses the session's zone, which is never an abbreviation.
                row = shared.execute(
                    "select %(at)s::timestamptz::timestamp = %(at)s at time zone %(zone)s",
                    {"at": instant, "zone": name},
                )
                assert row.fetchone() == (True,), (name, instant)


def test_a_zone_in_use_is_accepted_without_reading_all_names(shared: Connection) -> None:
    with shared.transaction(force_rollback=True):
        shared.execute(
            "insert into kronos.zones (timezone, offsets, gaps, gap_seconds) values ('Test/Zone', '{0}', '{}', '{}')"
        )
        assert shared.execute("select kronos.check_zone('Test/Zone')").fetchone() == ("Test/Zone",)


@pytest.mark.parametrize(
    ("schedule", "hint"),
    [
        (Zone("UTC", "0 0 30 2 *"), "30th of February"),
        (Zone("Europe/Berlin", "0 0 31W 4,6 *"), "30th of February"),
        (Zone("Europe/Berlin", "30 2 * 3 0L", gap="SKIP"), "Set dst_gap to SHIFT"),
    ],
    ids=str,
)
def test_a_schedule_without_any_tick_is_refused_when_its_job_is_made(
    shared: Connection, schedule: Zone, hint: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        shared.execute(f"select kronos.first_tick({_SCHEDULE}, null, null)", schedule.of())
    assert caught.value.sqlstate == "KR002"
    assert hint in (caught.value.diag.message_hint or "")
