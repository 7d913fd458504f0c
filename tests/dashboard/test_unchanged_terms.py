"""A job's form keeps the terms that nobody changed in it, and sees each change."""

import httpx

from dashboard.conftest import Reader
from dashboard.test_jobs_page import Post, changed, fields_of, make, post

__all__ = ["post"]  # a fixture


def test_times_that_a_browser_cannot_show_whole_stay_as_they_are(
    api: httpx.Client, workspace: str, reader: Reader, post: Post
) -> None:
    """A browser's field of a time has milliseconds. It takes a longer fraction for no value, and sends none."""
    times = {"starts_at": "2020-01-02T03:04:05.123456Z", "ends_at": "2999-01-01T00:00:00.5Z"}
    job = make(api, workspace, name="nightly", **times)
    path = f"jobs/{job['job_id']}/edit"
    fields = fields_of(reader(f"/w/{workspace}/{path}"))
    shown = {name.partition(":")[0]: text for name, text in fields}
    assert (shown["/starts_at"], shown["/ends_at"]) == ("2020-01-02T03:04:05.123", "2999-01-01T00:00:00.500")
    assert "Nothing%20was%20changed" in post(path, fields).headers["Set-Cookie"]
    saved = post(path, [*changed(fields, title="At night"), ("save", "yes")])
    assert saved.status_code == 303, saved.text
    after = api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()
    assert (after["title"], after["starts_at"], after["ends_at"]) == ("At night", job["starts_at"], job["ends_at"])
    later = changed(fields, version="2", ends_at="2999-01-01T00:00:00.501")
    moved = post("jobs/nightly/edit", [*later, ("save", "yes")])
    assert moved.status_code == 303, moved.text
    assert api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()["ends_at"] == "2999-01-01T00:00:00.501000Z"


def test_true_is_another_input_than_one(api: httpx.Client, workspace: str, reader: Reader, post: Post) -> None:
    job = make(api, workspace, name="nightly", input={"full": 1})
    path = f"jobs/{job['job_id']}/edit"
    fields = changed(fields_of(reader(f"/w/{workspace}/{path}")), input='{"full": true}')
    assert post(path, [*fields, ("save", "yes")]).status_code == 303
    after = api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()
    assert (after["version"], after["input"]["full"] is True) == (2, True)
    rolled = post("jobs/nightly/rollback", [("version", "1"), ("if_match", "2")])
    assert rolled.status_code == 303
    again = api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()
    assert (again["version"], again["input"]["full"] is True) == (3, False)
