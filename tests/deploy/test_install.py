"""bin/install: what it installs on a machine that lacks something. The machine is made up: apt, pip and npm are
replaced, and nothing is installed."""

import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_RUNS = {"postgresql-17", "postgresql-17-cron"}
_TESTS = {
    "libfaketime": "the tests that step the clock",
    "pgbouncer": "the tests behind a pooler",
    "redis-server": "the tests of Redis streams",
    "chromium-headless-shell": "the tests that open pages",
    "fonts-dejavu-core": "the tests that open pages",
    "postgresql-17-plpgsql-check": "the test of the bodies of SQL functions",
}
_MACHINE = r"""
present() { [[ " $PRESENT " == *" $1 "* ]]; }
command() { present "$2"; }
for each in has_pg_cron is_installed has_scripts has_faketime has_helm; do
    eval "$each() { present $each; }"
done
without_plpgsql_check() { ! present without_plpgsql_check || echo 17; }
as_root() { "$@" 9<&-; }
flock() { :; }
no_cluster=$MADE/postgresql/createcluster.d/kronos-install.conf
tell() { echo "$*" >>"$MADE/told"; }
until_there() { until [ -e "$MADE/$1" ]; do sleep 0.05; done; }
env() { shift; "$@"; }  # without DEBIAN_FRONTEND
apt-get() {
    tell "$*"
    case $1 in
        update) [ -e "$MADE/lists" ] || : >"$MADE/lists" ;;
        install)
            [ ! -e "$no_cluster" ] || tell no cluster
            local each
            for each in $BROKEN; do
                [[ " $* " != *" $each "* ]] || return 100
            done ;;
    esac
}
apt-cache() {
    shift
    if [ "$*" = postgresql ] && [[ " $UNKNOWN " != *" $1 "* ]]; then echo "Depends: postgresql-17"; return; fi
    local each code=100 unknown=$UNKNOWN  # as apt-cache returns if it has none of them
    [ -e "$MADE/lists" ] || unknown="$unknown $NOT_YET"
    for each in "$@"; do
        [[ $each == -* || " $unknown " == *" $each "* ]] || { echo "Package: $each"; code=0; }
    done
    return $code
}
service() { tell "stopped $1"; }
sh() { if [[ $2 == systemctl* ]]; then tell "stopped ${2##* service }"; else "$BASH" "$@"; fi; }
install_python() { tell python; }
install_venv() { tell venv; }
install_scripts() { tell scripts; }
install_helm() { tell helm; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What bin/install returned and printed, and what it called."""

    code: int
    said: str
    told: list[str]
    folder: Path

    def installs(self) -> list[list[str]]:
        """The packages of each call of apt-get install."""
        calls = [each.split() for each in self.told if each.startswith("install ")]
        return [[word for word in call[1:] if not word.startswith("-")] for call in calls]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine with nothing but apt-get, unless told otherwise."""

    folder: Path

    def install(self, *options: str, more: str = "", **given: str) -> Ended:
        """Run bin/install there: with `more` replaced, and PRESENT, BROKEN, UNKNOWN or NOT_YET as `given`."""
        functions, start, end = (ROOT / "bin/install").read_text().partition("is_for_tests=yes\n")
        script = self.folder / "bin/install"  # of a checkout that has nothing else
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"{functions}\n{_MACHINE}\n{more}\n{start}{end}")
        given = {"PRESENT": "", "BROKEN": "", "UNKNOWN": "", "NOT_YET": ""} | given
        given["PRESENT"] += " apt-get" if "no-apt" not in given["PRESENT"] else ""
        said = self.folder / "said"  # not a pipe, which lasts as long as what was left behind
        with said.open("w") as output:
            ended = subprocess.run(
                ["bash", script, *options],
                stdout=output,
                stderr=output,
                env={"PATH": "/usr/bin:/bin", "MADE": str(self.folder)} | given,
                timeout=120,
                start_new_session=True,  # what interrupts it does not interrupt pytest
            )
        told = self.folder / "told"
        calls = told.read_text().splitlines() if told.exists() else []
        return Ended(code=ended.returncode, said=said.read_text(), told=calls, folder=self.folder)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


_ALL = "has_pg_cron is_installed has_scripts has_faketime has_helm pgbouncer redis-server chromium-headless-shell"


def test_to_run_it_installs_what_runs_and_no_browser(machine: Machine) -> None:
    """Users who only wanted to try Kronos used to get chromium, Redis and pgbouncer."""
    ended = machine.install("--to-run")
    assert (ended.code, [set(each) for each in ended.installs()]) == (0, [_RUNS])
    assert {"venv", "scripts"} < set(ended.told)
    assert "helm" not in ended.told
    assert "install --to-run" in (ROOT / "bin" / "up").read_text().replace('install" ', "install ")


def test_for_tests_it_installs_all_of_it_at_once(machine: Machine) -> None:
    ended = machine.install()
    assert ended.code == 0, ended.said
    assert [set(each) for each in ended.installs()] == [_RUNS | set(_TESTS)]
    assert ended.told.count("update -qq") == 1
    assert {"python", "venv", "scripts", "helm"} < set(ended.told)
    stopped = {each.split()[1] for each in ended.told if each.startswith("stopped")}
    assert stopped == {"redis-server", "pgbouncer"}, "their packages start them"


@pytest.mark.parametrize(
    ("built", "version", "taken"),
    [
        ("optimized", "3.11", "python3"),
        ("", "3.11", "of the system"),
        ("", "3.12", "python3"),
        ("without_venv", "3.11", "python3"),
    ],
)
def test_python_is_the_one_of_its_version_that_takes_less_of_the_cpu(
    machine: Machine, built: str, version: str, taken: str
) -> None:
    """pyenv builds Python without profile-guided optimization, and the distribution with it."""
    own = machine.folder / "python3 of the system"
    more = f"""
        system_python='{own}'
        is_optimized() {{ present optimized; }}
        has_venv() {{ [ "$1" = python3 ] || ! present without_venv; }}
        minor_version() {{ if [ "$1" = python3 ]; then echo {version}; else echo 3.11; fi; }}
        install_python() {{ choose_python; tell "$python"; }}
    """
    ended = machine.install(PRESENT=built, more=more)
    assert ended.code == 0, ended.said
    assert ended.told[0] == ("python3" if taken == "python3" else str(own))


def test_lists_that_were_read_for_python_are_not_read_again(machine: Machine) -> None:
    ended = machine.install(more="install_python() { apt_update; }")
    assert (ended.code, ended.told.count("update -qq"), ended.told[0]) == (0, 1, "update -qq")


def test_where_nothing_is_missing_nothing_is_called(machine: Machine) -> None:
    ended = machine.install(PRESENT=_ALL)
    assert (ended.code, ended.said, ended.told) == (0, "", [])


@pytest.mark.parametrize("missing", ["has_faketime", "pgbouncer", "redis-server", "chromium-headless-shell"])
def test_only_what_is_missing_is_installed(machine: Machine, missing: str) -> None:
    ended = machine.install(PRESENT=_ALL.replace(missing, ""))
    wanted = "libfaketime" if missing == "has_faketime" else missing
    fonts = {"fonts-dejavu-core"} if "chromium" in missing else set()
    assert [set(each) for each in ended.installs()] == [{wanted} | fonts]
    assert not {"venv", "scripts", "helm", "update -qq"} & set(ended.told)


def test_a_server_with_pg_cron_that_is_there_already_gets_what_checks_functions(machine: Machine) -> None:
    ended = machine.install(PRESENT=f"{_ALL} without_plpgsql_check")
    assert ended.installs() == [["postgresql-17-plpgsql-check"]]


@pytest.mark.parametrize("broken", _TESTS)
def test_a_package_that_fails_stops_no_other_and_what_it_costs_is_said(machine: Machine, broken: str) -> None:
    ended = machine.install(BROKEN=broken)
    assert ended.code == 0, ended.said
    assert f"install: without {broken} {_TESTS[broken]}" in ended.said
    assert ended.said.count("install: without ") == 1
    at_once, needed, *others = ended.installs()
    assert (set(at_once), set(needed)) == (_RUNS | set(_TESTS), _RUNS)
    assert others == [[each] for each in at_once if each not in _RUNS]


@pytest.mark.parametrize("unknown", [each for each in _TESTS if "chromium" not in each])
def test_a_package_that_apt_does_not_have_is_not_asked_for(machine: Machine, unknown: str) -> None:
    ended = machine.install(UNKNOWN=unknown)
    assert (ended.code, [set(each) for each in ended.installs()]) == (0, [_RUNS | set(_TESTS) - {unknown}])
    assert f"install: without {unknown} {_TESTS[unknown]}" in ended.said


def test_lists_that_lack_a_package_are_read_again(machine: Machine) -> None:
    ended = machine.install(PRESENT=_ALL.replace("pgbouncer", ""), NOT_YET="pgbouncer")
    assert ended.told.index("update -qq") < ended.told.index(next(each for each in ended.told if "pgbouncer" in each))
    assert (ended.code, ended.installs()) == (0, [["pgbouncer"]])


def test_lists_that_have_nothing_are_read_and_then_say_what_there_is(machine: Machine) -> None:
    """An image without package lists, whose PostgreSQL has pg_cron."""
    every = " ".join((*_TESTS, "chromium"))
    ended = machine.install(PRESENT="has_pg_cron", NOT_YET=every)
    assert ended.code == 0, ended.said
    assert [set(each) for each in ended.installs()] == [set(_TESTS) - {"postgresql-17-plpgsql-check"}]


def test_packages_none_of_which_apt_has_stop_nothing(machine: Machine) -> None:
    ended = machine.install(PRESENT=_ALL.replace("pgbouncer", ""), UNKNOWN="pgbouncer chromium")
    assert (ended.code, ended.installs()) == (0, []), ended.said
    assert "install: without pgbouncer the tests behind a pooler are skipped" in ended.said


def test_without_postgres_it_fails_and_does_not_go_on_with_what_tests_need(machine: Machine) -> None:
    ended = machine.install(BROKEN="postgresql-17-cron")
    assert ended.code == 1
    assert "apt could not install postgresql-17 postgresql-17-cron" in ended.said
    assert len(ended.installs()) == 2
    assert not (ended.folder / "postgresql").exists()


def test_without_a_package_of_postgres_it_says_so(machine: Machine) -> None:
    ended = machine.install("--to-run", UNKNOWN="postgresql")
    assert (ended.code, ended.installs()) == (1, [])
    assert "install: apt has no package postgresql" in ended.said


def test_no_cluster_is_made_and_later_ones_may_be(machine: Machine) -> None:
    ended = machine.install("--to-run")
    assert "no cluster" in ended.told
    assert not (ended.folder / "postgresql").exists()
    (machine.folder / "postgresql").mkdir()
    (machine.folder / "postgresql/another.conf").touch()
    machine.install("--to-run")
    assert [each.name for each in (machine.folder / "postgresql").iterdir()] == ["another.conf"]


def test_apt_works_while_pip_does(machine: Machine) -> None:
    """Each waits for the other to have begun."""
    more = """
        install_venv() { : >"$MADE/pip"; until_there apt; tell venv; }
        stop_server() { : >"$MADE/apt"; until_there pip; }
    """
    ended = machine.install(more=more)
    assert ended.code == 0, ended.said
    assert "venv" in ended.told


@pytest.mark.parametrize(("ending", "code"), [("return 3", 3), ("kill -INT 0; sleep 60", -signal.SIGINT)])
def test_pip_that_fails_or_is_interrupted_leaves_no_apt_behind(machine: Machine, ending: str, code: int) -> None:
    more = f"""
        install_venv() {{ until_there apt; : >"$MADE/pip"; {ending}; }}
        stop_server() {{ : >"$MADE/apt"; until_there pip; tell "apt ends with $1"; }}
    """
    ended = machine.install(more=more)
    assert ended.code == code, ended.said
    assert ended.told[-1].startswith("apt ends with "), "it is awaited"
    assert "scripts" not in ended.told


@pytest.mark.parametrize(
    ("present", "unknown", "installed"),
    [
        ("", "", "chromium-headless-shell"),
        ("chromium", "", "chromium-headless-shell"),
        ("", "chromium-headless-shell", "chromium"),
        ("google-chrome", "chromium-headless-shell", None),
        ("", "chromium-headless-shell chromium", None),
    ],
)
def test_the_browser_is_the_one_that_takes_least_and_that_apt_has(
    machine: Machine, present: str, unknown: str, installed: str | None
) -> None:
    others = _ALL.replace("chromium-headless-shell", present)
    ended = machine.install(PRESENT=others, UNKNOWN=unknown)
    found = {each for call in ended.installs() for each in call if each.startswith("chromium")}
    assert (ended.code, found) == (0, {installed} - {None})
    assert ("without chromium the tests that open pages are skipped" in ended.said) == (not installed and not present)


def test_a_machine_with_another_browser_does_without_the_quicker_one(machine: Machine) -> None:
    others = _ALL.replace("chromium-headless-shell", "chromium")
    ended = machine.install(PRESENT=others, BROKEN="chromium-headless-shell")
    assert ended.code == 0
    assert "without chromium-headless-shell the tests that open pages take longer" in ended.said


def test_without_apt_it_reports_what_to_install(machine: Machine) -> None:
    ended = machine.install(PRESENT="no-apt")
    assert (ended.code, ended.told) == (1, [])
    assert "no PostgreSQL with pg_cron and no apt-get: install PostgreSQL and pg_cron" in ended.said
    ended = machine.install(PRESENT="no-apt has_pg_cron")
    assert (ended.code, set(ended.told)) == (0, {"python", "venv", "scripts", "helm"})


@pytest.mark.parametrize(("sudo", "said"), [("", "run as root, or install sudo"), ("sudo", "not in the sudoers file")])
def test_without_the_right_to_install_it_goes_on_without_what_only_tests_need(
    machine: Machine, sudo: str, said: str
) -> None:
    more = 'id() { echo 1000; }; sudo() { echo "you are not in the sudoers file" >&2; return 1; }'
    ended = machine.install(more=more, PRESENT=f"{_ALL.replace('pgbouncer', '')} {sudo}")
    assert (ended.code, ended.told) == (0, [])
    assert said in ended.said
    assert "install: without pgbouncer the tests behind a pooler are skipped" in ended.said
    ended = machine.install(more=more, PRESENT=f"{_ALL.replace('has_pg_cron', '')} {sudo}")
    assert (ended.code, ended.told) == (1, [])
    assert said in ended.said


@pytest.mark.parametrize("options", [("--run",), ("--to-run", "more")])
def test_an_unknown_option_is_refused(machine: Machine, options: tuple[str, ...]) -> None:
    ended = machine.install(*options)
    assert (ended.code, ended.told) == (1, [])
    assert f"unknown option: {' '.join(options)}" in ended.said


def test_the_replaced_functions_are_those_that_install() -> None:
    """Otherwise this file's runs of bin/install would install something."""
    text = (ROOT / "bin/install").read_text()
    assert set(re.findall(r"^(install_\w+)\(\)", text, re.MULTILINE)) == {
        "install_packages",
        "install_python",
        "install_venv",
        "install_scripts",
        "install_helm",
    }
    direct = re.findall(r"^.*\bapt-get (?:install|update)\b.*$", text, re.MULTILINE)
    assert [each for each in direct if not each.lstrip().startswith(("as_root ", "#"))] == []
