"""A minute of the soak (bench/soak): used, changed and broken, then counted. The long one is run by hand."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.soak import report
from bench.soak.__main__ import main
from bench.soak.account import Account
from bench.soak.watch import Slope, _slope
from depth import depth
from servers import copy_home


@pytest.mark.faults
def test_a_minute_of_use_and_harm_is_accounted_for(home: Path, used_home: Path, tmp_path: Path) -> None:
    copy_home(used_home, home)
    options = ["--minutes", "1", "--workspaces", "2", "--jobs", "10", "--workers", "2", "--harm", "12", "--dump", "0.5"]
    options += ["--later", "10", "--pause", depth("4", deep="2")]
    file = tmp_path / "report.md"
    ran = CliRunner().invoke(main, [*options, "--home", str(home), "--report", str(file)])
    assert ran.exit_code == 0, ran.output[-6000:]
    said = file.read_text()
    assert "Exact: nothing lost, doubled or left." in said
    assert "What befell it: ." not in said


def _soak(account: Account, bad_answers: list[str]) -> report.Soak:
    return report.Soak(
        minutes=1, workspaces=1, jobs=1, workers=2, seed=1, harm={"cut": 1}, answers={"GET 200": 1}, away=0,
        bad_answers=bad_answers, slopes=[], account=account, machine="a machine",
    )  # fmt: skip


@pytest.mark.parametrize(
    "account",
    [
        Account(wrong=["acme/report: 1 unaccounted"]),
        Account(left=1),
        Account(undelivered=["019ac9f2-6a3e-7c1c-9a53-1c0f6b8c2a11"]),
        Account(unexplained=["a line"]),
    ],
    ids=["ledger", "left", "undelivered", "line"],
)
def test_whatever_is_not_accounted_for_makes_a_soak_bad(account: Account) -> None:
    assert not _soak(account, []).is_good
    assert _soak(Account(), []).is_good
    assert not _soak(Account(), ["GET / 500"]).is_good
    shown = report.markdown(_soak(account, []))
    assert ("NOT EXACT" in shown) == (not account.is_exact)
    assert all(each in shown for each in account.wrong + account.undelivered + account.unexplained)


def test_a_slope_is_of_what_follows_the_warm_up_and_jumps_do_not_lead_it() -> None:
    """Ten minutes, one sample per 5 s: 50 MB while it loads, then 6 MB per hour, and one jump."""
    seen = [(at * 5.0, 100.0 + at * 5.0 / 600 + (0 if at > 20 else 50 * at / 20), 20) for at in range(120)]
    seen[70] = (350.0, 900.0, 500)
    slope = _slope("api", seen)
    assert isinstance(slope, Slope)
    assert slope.memory_mb_per_hour == pytest.approx(6, abs=0.5)
    assert slope.files_per_hour == 0
    assert slope.files == 20
