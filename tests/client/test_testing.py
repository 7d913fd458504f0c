"""The fixtures of kronos.client.testing as users' tests use them: in a separate process and folder."""

import re
import signal
from pathlib import Path

import pytest

from client.conftest import receiving
from conftest import await_condition
from embedded.conftest import made_home

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def without_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The separate processes load no plugin that happens to be installed here: 0.3 s of CPU each."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


_GUIDE = (Path(__file__).parents[2] / "client" / "guide.md").read_text(encoding="utf-8")
_OWN = """
    import http.server
    import threading

    import pytest

    from kronos.client import ExecutionNotSuccessful, Kronos, NotFound, WaitTimedOut

    seen = []


    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()


    @pytest.fixture(scope="module")
    def url():
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()


    @pytest.mark.parametrize("number", [1, 2])
    def test_a_run_succeeds(kronos_workspace, url, number):
        kronos_workspace.endpoints.create(name="hook", type="HTTP", spec={"url": url})
        job = kronos_workspace.jobs.create(endpoint="hook", trigger="IMMEDIATE", input={"id": number})
        assert kronos_workspace.wait_for_run(job).status == "SUCCESS"
        assert [f"{number}".encode() in body for body in seen][-1]
        assert len(list(kronos_workspace.jobs.list())) == 1  # nothing of the other test


    def test_a_run_fails(kronos_workspace, url):
        once = {"max_attempts": 1}
        kronos_workspace.endpoints.create(name="hook", type="HTTP", spec={"url": url + "/broken"}, retry_policy=once)
        with pytest.raises(ExecutionNotSuccessful):
            kronos_workspace.wait_for_run(kronos_workspace.jobs.create(endpoint="hook", trigger="IMMEDIATE"))


    def test_a_cron_job_runs_by_hand(kronos_workspace, url):
        kronos_workspace.endpoints.create(name="hook", type="HTTP", spec={"url": url})
        job = kronos_workspace.jobs.create(name="yearly", endpoint="hook", trigger="CRON", cron="0 0 1 1 *")
        with pytest.raises(WaitTimedOut, match="trigger it"):
            kronos_workspace.wait_for_run(job)
        kronos_workspace.jobs.trigger("yearly")
        assert kronos_workspace.wait_for_run("yearly").status == "SUCCESS"


    def test_each_workspace_is_gone_after_its_test(kronos_server, kronos_workspace):
        others = [each for each in kronos_server.client.workspaces.list() if each.slug != kronos_workspace.slug]
        assert {each.status for each in others if each.slug.startswith("test-")} <= {"DELETED"}
        assert kronos_server.key not in repr(kronos_server)
        with Kronos(kronos_server.url, kronos_server.key) as own:
            assert own.workspaces.get(kronos_workspace.slug).status == "ACTIVE"
"""


def test_each_test_has_a_workspace_of_one_kronos(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left afterwards: no home, no process."""
    conftest, printed = re.findall(r"^```python\n(.*?)^```", _GUIDE, re.MULTILINE | re.DOTALL)[-2:]
    pytester.makeconftest(conftest)
    with made_home() as folder, receiving() as (url, got):
        pytester.makepyfile(test_own=_OWN, test_printed=printed.replace("http://127.0.0.1:8000", url))
        monkeypatch.setenv("TMPDIR", str(folder))
        ran = pytester.runpytest_subprocess("-p", "no:schemathesis", "-q", timeout=300)
        ran.assert_outcomes(passed=6)
        assert [each.path for each in got] == ["/report"]
        assert list(folder.glob("kronos-test-*")) == []
        left = [each for each in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in _read(each)]
    assert left == []


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def test_without_the_server_it_says_what_is_missing(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import importlib.util
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *more: None if name == "kronos.embedded" else found(name, *more)
        pytest_plugins = ["kronos.client.testing"]
        """
    )
    pytester.makepyfile("def test_it(kronos_workspace): pass")
    ran = pytester.runpytest_subprocess("-p", "no:schemathesis", "-q", timeout=120)
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines(["*the server is not installed here: install its wheel*"])


def test_a_kronos_that_does_not_start_is_told_with_its_log(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["kronos.client.testing"]')
    pytester.makepyfile(
        """
        from kronos.client.testing import running_kronos

        def test_it():
            with running_kronos(KRONOS_POLL_SECONDS="often"):
                pass
        """
    )
    ran = pytester.runpytest_subprocess("-p", "no:schemathesis", "-q", timeout=120)
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["*kronos up ended with*", "*KRONOS_POLL_SECONDS*"])


def test_a_pytest_that_is_killed_leaves_no_kronos(pytester: pytest.Pytester) -> None:
    """As with a build that takes too long: no cleanup code runs."""
    pytester.makeconftest('pytest_plugins = ["kronos.client.testing"]')
    pytester.makepyfile(
        """
        import signal

        def test_it(kronos_server):
            signal.raise_signal(signal.SIGKILL)
        """
    )
    with made_home() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        ran = pytester.runpytest_subprocess("-p", "no:schemathesis", "-q", timeout=300)
        assert ran.ret == -signal.SIGKILL
        await_condition(lambda: not list(folder.glob("kronos-test-*")), "kronos up to end, and its home to go")
