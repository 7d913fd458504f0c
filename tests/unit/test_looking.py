"""A wait's limit counts the time in which no process waited for a core: a busy machine fails no test."""

from pathlib import Path

import pytest

import looking
from looking import LONGEST, looks, starved
from stopped_clock import StoppedClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr(looking, "time", made)
    return made


class Pressure:
    """The kernel's count. Without a text, a kernel that does not count."""

    text: str | None = None

    def read_text(self) -> str:
        if self.text is None:
            raise FileNotFoundError
        return self.text


@pytest.fixture
def pressure(monkeypatch: pytest.MonkeyPatch) -> Pressure:
    made = Pressure()
    monkeypatch.setattr(looking, "_PRESSURE", made)
    return made


def lasts(clock: StoppedClock, pressure: Pressure, seconds: float, *, busy: float, **options: bool) -> float:
    """How long a wait of `seconds` lasts on a machine in which processes wait for a core in this share of the time."""
    begun = clock.now

    def tell() -> None:
        text = "some avg10=0.00 avg60=0.00 avg300=0.00 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
        pressure.text = text.format(int(clock.now * busy * 1e6))

    tell()
    for pause in looks(seconds, **options):
        clock.now += pause
        tell()
    return clock.now - begun


@pytest.mark.parametrize(("busy", "lasted"), [(0.0, 60.0), (0.5, 120.0), (0.8, 300.0), (1.0, LONGEST)])
def test_time_in_which_a_process_had_no_core_does_not_count(
    clock: StoppedClock, pressure: Pressure, busy: float, lasted: float
) -> None:
    assert lasts(clock, pressure, 60, busy=busy) == pytest.approx(lasted, abs=0.5)


def test_where_the_kernel_does_not_count_it_a_wait_lasts_as_long_as_any_may(
    clock: StoppedClock, pressure: Pressure
) -> None:
    begun = clock.now
    for pause in looks(60):
        clock.now += pause
    assert clock.now - begun == pytest.approx(LONGEST, abs=0.5)


def test_a_wait_whose_end_is_no_failure_counts_all_time(clock: StoppedClock, pressure: Pressure) -> None:
    assert lasts(clock, pressure, 1, busy=1.0, is_patient=False) == pytest.approx(1, abs=0.1)


def test_a_longer_limit_stays(clock: StoppedClock, pressure: Pressure) -> None:
    assert lasts(clock, pressure, 2 * LONGEST, busy=0.0) == pytest.approx(2 * LONGEST, abs=0.5)


def test_the_count_is_read_in_seconds_and_without_one_all_time_counts(pressure: Pressure, clock: StoppedClock) -> None:
    pressure.text = (
        "some avg10=1.00 avg60=2.00 avg300=3.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    )
    assert starved() == 2.5
    for text in ("", "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"):
        pressure.text = text
        assert starved() == clock.now


def test_the_kernels_own_count_is_read() -> None:
    kernels = Path("/proc/pressure/cpu")
    if not kernels.exists():
        pytest.skip("this kernel does not count the time in which a process waits for a core")

    def count() -> float:
        return int(kernels.read_text().split("total=")[1].split()[0]) / 1e6

    before = count()
    assert before <= starved() <= count()
