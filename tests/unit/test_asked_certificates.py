"""The status does not wait for the certificates of servers whose names do not resolve."""

import threading
from datetime import datetime

import pytest

from chains import NOW
from kronos.doctor import asked, certified
from kronos.doctor.finding import Finding

_WELL = Finding(check="database certificates", ok=True, detail="all is well")


async def test_a_look_that_hangs_is_not_waited_for_and_looks_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that does not answer takes 10 s or more, and blocks a thread of the pool that the whole process
    shares.
    """
    goes_on, began = threading.Event(), list[str]()

    def hanging(url: str, _: datetime) -> Finding:
        began.append(url)
        assert goes_on.wait(60)
        return _WELL

    monkeypatch.setattr(certified, "database", hanging)
    monkeypatch.setattr(asked, "_CERTIFICATE_SECONDS", 0.05)
    try:
        found = [await asked._certificates(f"host=h{nth}", NOW) for nth in range(8)]
    finally:
        goes_on.set()
    assert {(each.ok, each.detail) for each in found} == {
        (True, "unknown: no answer within 0.05 s; check that host names resolve here")
    }
    monkeypatch.setattr(asked, "_CERTIFICATE_SECONDS", 60)
    assert await asked._certificates("host=last", NOW) == _WELL
    assert began == ["host=h0", "host=last"]
