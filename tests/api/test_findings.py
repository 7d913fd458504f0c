"""/v1/system/status shows the doctor's findings: from the same list of checks, cheaply and without secrets."""

from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from conftest import Api, running_api
from factory import add_endpoint
from kronos.doctor.checks import CHECKS


def findings(api: Api) -> dict[str, dict[str, object]]:
    found = api.client.get("/v1/system/status").json()["findings"]
    return {each["check"]: each for each in found}


def test_the_status_has_each_check_that_costs_little_and_no_other(own_api: Api) -> None:
    found = findings(own_api)
    assert set(found) == {name for name, check in CHECKS.items() if check.is_asked}
    assert {name for name, each in found.items() if each["severity"] != CHECKS[name].severity} == set()
    for each in found.values():
        assert each["detail"]
        assert (each["meaning"] is None, each["fix"] is None) == (each["ok"], each["ok"])
    assert [each["ok"] for each in found.values()] == sorted(each["ok"] for each in found.values())  # type: ignore[type-var]


def test_what_breaks_is_at_the_status_and_on_the_page_and_is_gone_from_both_once_it_is_mended(own_api: Api) -> None:
    with psycopg.connect(own_api.database_url, autocommit=True) as superuser:
        endpoint = add_endpoint(superuser)
        superuser.execute("alter table kronos.zones set unlogged")
        superuser.execute(
            "insert into kronos.endpoint_health (endpoint_id, workspace_id, state, reason) values (%s, %s, 'DISABLED', "
            "'{}')",
            [endpoint.endpoint_id, endpoint.workspace_id],
        )
        found = findings(own_api)
        assert (found["unlogged"]["ok"], found["unlogged"]["fix"]) == (False, "alter table kronos.zones set logged;")
        assert (found["endpoints"]["ok"], "disabled since" in str(found["endpoints"]["detail"])) == (False, True)
        page = own_api.client.get("/system").text
        assert "alter table kronos.zones set logged;" in page
        assert "disabled since" in page
        superuser.execute(str(found["unlogged"]["fix"]).encode())
        superuser.execute("delete from kronos.endpoint_health")
    found = findings(own_api)
    assert (found["unlogged"]["ok"], found["endpoints"]["ok"]) == (True, True)
    assert "set logged" not in own_api.client.get("/system").text


def test_settings_that_open_too_much_or_mean_nothing_are_found_and_no_secret_is_shown(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    monkeypatch.setenv("KRONOS_EGRES_ALLOW", "a-typo")
    with running_api(
        database_url, tmp_path, egress_allow="0.0.0.0/0,169.254.0.0/16", encryption_key_file=str(keys)
    ) as api:
        found = findings(api)
        text = api.client.get("/v1/system/status").text
    assert (found["settings"]["ok"], "KRONOS_EGRES_ALLOW" in str(found["settings"]["detail"])) == (False, True)
    assert "0.0.0.0/0, 169.254.0.0/16" in str(found["egress"]["detail"])
    secrets = [urlsplit(database_url).password or "", api.key.split("_", 3)[3]]
    assert [each for each in secrets if each and (each in text or quote(each) in text)] == []
